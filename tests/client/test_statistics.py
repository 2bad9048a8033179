"""Statistics of a model on a running Flow, in repetitions that are short."""

from __future__ import annotations

import json

import pytest
from docarray import Document
from typer.testing import CliRunner

from clipbench import results
from clipbench.client import main
from clipbench.client.connection import Connection
from clipbench.client.load import IN_FLIGHT, SINGLES
from clipbench.client.statistics import describe_fresh, encoder_process, measure
from clipbench.contract.parameters import ModelOptions
from clipbench.encode_settings import EncodeSettings
from clipbench.errors import DataError
from tests.client.screens import fits, plain, terminal, whole
from tests.client.servers import holding, serving
from tests.conftest import MODEL
from tests.flow.flow_server import PORTS


@pytest.fixture(scope="module")
def loaded_before(connection):
    """The models that the encoder holds already; others may have used the Flow."""
    return set(encoder_process(connection)["models"])


@pytest.fixture(scope="module")
def measured(connection, loaded_before):
    options = ModelOptions(MODEL, EncodeSettings(activation="quickgelu"))
    return measure(connection, options, describe_fresh(connection, options), seconds=0.2)


def test_texts_and_images_have_a_rate_with_its_spread_and_its_load(measured):
    assert (measured.batch_size, measured.concurrency, measured.repeats) == (8, IN_FLIGHT, 3)
    for name in ("text_qps", "image_qps"):
        low, high = measured.spread[name]
        assert 0 < low <= getattr(measured, name) <= high


@pytest.mark.parametrize("kind", ["text", "image"])
def test_a_rate_at_saturation_is_no_lower_than_the_rate_with_few_in_flight(measured, kind):
    rate, found = getattr(measured, f"{kind}_qps"), getattr(measured, f"{kind}_saturation")
    assert found.concurrency in (4, 8, 16, 32, 64)
    assert found.qps == rate if found.concurrency == IN_FLIGHT else found.qps > rate
    assert found.spread[0] <= found.qps <= found.spread[1]
    assert found.reached or found.concurrency == 64


@pytest.mark.parametrize("kind", ["text", "image"])
def test_latencies_are_of_single_documents_and_in_order(measured, kind):
    latency = getattr(measured, f"{kind}_latency")
    assert 0 < latency.p50 <= latency.p95 <= latency.p99 < 60
    assert 20 <= latency.requests <= SINGLES


def test_the_model_that_is_measured_is_the_one_that_is_described(
    connection, loaded_before, measured
):
    # the public endpoints would run GELU, and a second model would be in the memory
    assert measured.settings.activation == "quickgelu"
    described = f"{MODEL} float32 torch quickgelu"
    loaded = set(encoder_process(connection)["models"])
    assert described in loaded
    assert loaded - loaded_before <= {described}


def profiled(answers):
    """A server whose profiler reaches the encoder or not, one after another."""
    turns = iter(answers)

    def answer(_request, _context):
        process = {"executor": "encoder", "up": next(turns), "models": ["a"]}
        return holding([Document(text=json.dumps({"processes": [process]}))])

    return answer


def test_an_encoder_that_is_too_busy_for_its_metrics_is_asked_again():
    with (
        serving(profiled([False, False, True])) as (address, seen),
        Connection(address) as connection,
    ):
        assert encoder_process(connection, pause=0)["models"] == ["a"]
        assert seen.requests == 3


def test_an_encoder_that_is_never_reached_is_an_error():
    with (
        serving(profiled([False])) as (address, _),
        Connection(address) as connection,
        pytest.raises(DataError, match=r"did not reach the encoder's metrics within 0 s"),
    ):
        encoder_process(connection, patience=0)


def test_without_a_gpu_vram_is_unknown_and_not_none_at_all(measured):
    assert measured.peak_ram_bytes > 0
    assert measured.peak_vram_bytes is None


@pytest.mark.slow
def test_the_command_measures_a_precision_with_a_server_of_its_own(tmp_path, monkeypatch):
    for name, value in PORTS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CLIPBENCH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("CLIPBENCH_OFFLINE", "true")
    terminal(monkeypatch, 80)
    command = main.build()
    arguments = ["stats", "--models", MODEL, "--out", str(tmp_path), "--seconds", "0.2"]
    fewer_bits = ["--precision", "int8", "--runtime", "onnx", "--force"]
    answer = CliRunner().invoke(command, [*arguments, *fewer_bits])
    assert answer.exit_code == 0, answer.output
    lines = plain(answer.output)
    fits(lines, 80)
    whole(lines, [MODEL, "int8", "n/a"])  # VRAM
    (found,) = results.load_all_statistics(tmp_path)
    assert (found.settings.precision, found.settings.runtime) == ("int8", "onnx")
    assert found.peak_ram_bytes > 0
    assert found.image_saturation.qps >= found.image_qps > 0
