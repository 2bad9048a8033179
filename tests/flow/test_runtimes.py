"""PyTorch and ONNX Runtime score the embedded data alike, through the Flow."""

from __future__ import annotations

import pytest

from clipbench.client.benchmark import JobOptions, evaluate
from clipbench.datasets import open_dataset
from clipbench.encode_settings import EncodeSettings

MODELS = ["ViT-nano-16-64::embedded", "ViT-mini-16-64::embedded"]


@pytest.mark.slow
@pytest.mark.parametrize("data", ["fashion_mnist", "emoji"])
@pytest.mark.parametrize("model", MODELS)
def test_scores_do_not_depend_on_the_runtime(connection, model, data):
    data = open_dataset(data, sample=1600)
    torch, onnx = (
        evaluate(
            model, data, server=connection, options=JobOptions(EncodeSettings(runtime=runtime))
        )
        for runtime in ("torch", "onnx")
    )
    assert onnx.counts == torch.counts
    queries = torch.dataset.images + torch.dataset.texts
    for name, value in torch.metrics.items():
        # a candidate as near to the right answer as float32 rounds may change places with it
        by_rank = "rank" in name or "mrr" in name
        allowed = torch.near_ties / queries if by_rank else 0
        assert abs(onnx.metrics[name] - value) <= allowed, name
    assert (torch.settings.runtime, onnx.settings.runtime) == ("torch", "onnx")
    assert onnx.run.runtime_difference < 1e-5
