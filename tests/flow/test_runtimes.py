"""PyTorch and ONNX Runtime score the embedded data alike: whole sets through the Flow."""

from __future__ import annotations

import pytest

from client.benchmark import Options, evaluate

MODELS = ["ViT-nano-16-64::embedded", "ViT-mini-16-64::embedded"]


@pytest.mark.slow
@pytest.mark.parametrize("data", ["fashion_mnist", "emoji"])
@pytest.mark.parametrize("model", MODELS)
def test_scores_do_not_depend_on_the_runtime(connection, model, data):
    torch, onnx = (
        evaluate(model, data, server=connection, options=Options(runtime=runtime))
        for runtime in ("torch", "onnx")
    )
    assert dict(onnx.metrics) == dict(torch.metrics)
    assert (torch.run.runtime, onnx.run.runtime) == ("torch", "onnx")
    assert onnx.run.runtime_difference < 1e-5
