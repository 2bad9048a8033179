"""The comparisons' code runs, in miniature and without any peer's environment."""

from __future__ import annotations

import json
from argparse import Namespace

import pytest
import torch

from benchmarks import account, against_forward, decoding, inputs, measure, roofline, weights
from benchmarks.measure import Comparison, Timing, alternate
from clipbench.contract.endpoints import Kind
from clipbench.networks.onednn_linear import PackedLinear

NANO = "ViT-nano-16-64::embedded"


def test_sides_alternate_and_the_ratio_is_the_median_of_the_rounds():
    order = []

    def side(name, seconds):
        return lambda: order.append(name) or Timing(seconds, seconds)

    found = alternate("x", side("a", 1.0), side("b", 3.0), count=10, rounds=3, bar=2.0)
    assert "".join(order) == "ababbaab"  # the first two are the warm-up
    assert (found.ratio, found.met, found.rate(found.ours)) == (3.0, True, 10.0)


def test_one_round_against_it_is_not_faster():
    ours, theirs = (Timing(1.0, 1.0),) * 3, (Timing(0.9, 1.0), Timing(2.0, 1.0), Timing(2.0, 1.0))
    assert not Comparison("x", ours, theirs, 1, 1.1).met


def test_a_side_may_be_too_quick_for_the_clock():
    ours, theirs = (Timing(0.001, 0.0),), (Timing(0.002, 0.02),)
    assert Comparison("x", ours, theirs, 1, 1.1).processor_ratios == [2.0]


@pytest.mark.parametrize("kind", [Kind.IMAGE, Kind.TEXT])
def test_the_account_has_every_stage(kind, tmp_path):
    threads = torch.get_num_threads()
    try:
        found = account.account(NANO, kind, 8, 4, 1, tmp_path)
    finally:
        torch.set_num_threads(threads)
    assert len(found.seconds) >= 11
    assert all(seconds >= 0 for seconds in found.microseconds().values())
    assert "encoder: forward" in found.show("nano")


def test_inputs_are_photos_and_ordinary_captions(tmp_path):
    folder = inputs.write(tmp_path / "inputs", texts=4, images=2)
    assert len(json.loads((folder / "texts.json").read_text())) == 4
    assert (folder / "1.jpg").read_bytes().startswith(b"\xff\xd8")


def test_weights_for_transformers_have_its_names():
    attention = torch.arange(12.0).reshape(6, 2)
    state = {
        "visual.transformer.resblocks.0.attn.in_proj_weight": attention,
        "visual.proj": torch.zeros(3, 2),
        "transformer.resblocks.1.mlp.c_fc.bias": torch.zeros(1),
    }
    found = dict(weights.hugging_face_state(state))
    assert torch.equal(
        found["vision_model.encoder.layers.0.self_attn.k_proj.weight"], attention[2:4]
    )
    assert found["visual_projection.weight"].shape == (2, 3)
    assert "text_model.encoder.layers.1.mlp.fc1.bias" in found


def test_the_roofline_is_measured(monkeypatch):
    monkeypatch.setattr(roofline, "SIZE", 64)
    found = roofline.roofline(NANO, None, torch.get_num_threads(), 1, batch=2)
    assert all(rate > 0 for rate in found.rates.values())
    assert found.operations["image"] > found.operations["text"] > 0
    assert all(0 < sum(shares.values()) <= 1 for shares in found.shares.values())


def test_products_of_onednn_count_as_many_operations():
    x, weight = torch.randn(2, 5, 8), torch.randn(16, 8)
    expected = roofline.operations_of(lambda: torch.nn.functional.linear(x, weight))
    assert roofline.operations_of(lambda: PackedLinear(weight, None)(x)) == expected == 2 * 80 * 16


@pytest.mark.slow
def test_scaled_against_full_decoding():
    photos = [inputs.camera_photo(seed, (1200, 900)) for seed in range(2)]
    found = decoding.compare(photos, NANO, rounds=1)
    assert [comparison.count for comparison in found] == [2, 2, 2]
    mean, largest = decoding.differences(photos, 64)
    assert 0 < mean < largest
    assert 0.999 < decoding.smallest_cosine(photos, NANO) < 1 + 1e-6


@pytest.mark.slow
def test_the_flow_against_the_bare_forward(tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "RESULTS", tmp_path)
    inputs.write(tmp_path / "inputs", texts=8, images=2)
    chosen = Namespace(texts=8, images=2, rounds=1, model=NANO)
    found = against_forward.compare(chosen, tmp_path)
    assert [comparison.count for comparison in found] == [8, 2]
