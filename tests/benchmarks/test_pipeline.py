"""The pipeline's own rate: an encoder that computes nothing, and refuses what ours refuses."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.pipeline import HOP, show, write_inputs
from benchmarks.pipeline_stages import stages
from benchmarks.sides.idle_encoder import DIMENSIONS, MODEL, IdleEncoder
from clipbench.contract import Reason
from clipbench.contract.endpoints import Kind
from clipbench.serving.encoder import EncodeOptions, EncoderSettings


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return write_inputs(tmp_path_factory.mktemp("inputs"), 8, 10)


def test_the_idle_encoder_answers_and_refuses_as_the_product_does(inputs, tmp_path):
    encoder = IdleEncoder(EncoderSettings(cache=tmp_path))
    good, options = inputs["image"].files()[0], EncodeOptions()
    images = encoder.encode_images(MODEL, options, [good, b"no image", good[:-2000]])
    texts = encoder.encode_texts(MODEL, options, ["a red apple", " ", "a pear"])
    encoder.close()
    damaged = [Reason.NOT_AN_IMAGE, Reason.IMAGE_DAMAGED]
    assert [reason for _, reason, _ in images.refused] == damaged
    assert [reason for _, reason, _ in texts.refused] == [Reason.EMPTY]
    np.testing.assert_array_equal(images.embeddings, np.ones((1, DIMENSIONS)))
    np.testing.assert_array_equal(texts.embeddings, np.ones((2, DIMENSIONS)))


@pytest.mark.parametrize(("kind", "work"), [(Kind.IMAGE, "decode"), (Kind.TEXT, "tokenise")])
def test_every_stage_of_the_way_has_its_time_and_the_rest_is_the_processes(
    inputs, tmp_path, kind, work
):
    found = stages(inputs[kind].documents, kind, 1, tmp_path)
    assert found["encoder"][work] > 0
    assert set(found) == {"client", HOP, "encoder", "retrieval"}
    spent = {"client": 1000.0, "encoder": 9000.0, "retrieval": 500.0, "gateway": 70.0}
    lines = show(kind, spent, found).splitlines()
    figures = {name.strip(): float(x) for name, x in (line.rsplit(None, 1) for line in lines[1:])}
    assert figures.pop("of it each hop by gRPC alone, both ends") >= 0
    total = figures.pop("sum")
    assert total == pytest.approx(sum(figures.values()), abs=1) == sum(spent.values())
    assert figures["gateway: all"] == 70
