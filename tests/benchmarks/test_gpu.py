"""`python -m benchmarks.gpu` without a card: its parts on a CPU, and what it says did not run."""

import json
import threading
import time
from contextlib import contextmanager
from functools import partial

import pytest
import torch
import yaml

from benchmarks import inputs, measure
from benchmarks.gpu import __main__ as command
from benchmarks.gpu import in_process, through_flow
from benchmarks.gpu import report as reports
from benchmarks.gpu.table import NOT_RUN, Row, table
from benchmarks.gpu.utilisation import Utilisation
from clipbench.client.connection import Connection
from clipbench.contract.parameters import ModelOptions
from clipbench.encode_settings import Precision
from clipbench.profiling.gpu import GpuReading
from clipbench.serving import loading
from clipbench.serving.encoder import Encoder, EncoderSettings
from tests.networks.cpu_recorder import CpuRecorder
from tests.pictures import encoded, picture

NANO = "ViT-nano-16-64::embedded"
SETTINGS = EncoderSettings(device="cpu", as_gpu=True, batch_tokens=64, batch_size=4, offline=True)
TEXTS = ["a red apple", "two dogs on a lawn"]
IMAGES = [encoded(picture(90, 70, seed)) for seed in range(3)]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
def test_without_a_card_it_says_that_nothing_ran(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(measure, "RESULTS", tmp_path / "results")
    assert command.main([]) == 0
    assert capsys.readouterr().out.startswith("not run: PyTorch")
    assert not (tmp_path / "results").exists()


def test_the_resize_is_compared_in_both_orders():
    assert in_process.resized_alike(torch.device("cpu"), 20) == (20, 2)


def test_embeddings_are_compared_with_the_cpu_s_in_every_precision():
    found = in_process.equality(SETTINGS, NANO, TEXTS, IMAGES)
    assert list(found) == ["float32", "float16", "bfloat16"]
    assert all(value > 0.9999999 for value in found["float32"].values())
    assert all(0.999 < value < 1 + 1e-9 for kinds in found.values() for value in kinds.values())


def test_the_bare_tower_has_a_rate_for_each_batch():
    found = in_process.bare_towers(SETTINGS, NANO, Precision.FLOAT32, TEXTS, (1, 4), 0.01)
    assert {kind: list(rates) for kind, rates in found.items()} == {"image": [1, 4], "text": [1, 4]}
    assert all(rate > 0 for rates in found.values() for rate in rates.values())


def test_requests_have_the_same_bits_alone_and_under_load(monkeypatch):
    monkeypatch.setattr(loading, "recorder_of", lambda _device: CpuRecorder())
    ask = partial(in_process.alike_under_load, SETTINGS, NANO, Precision.FLOAT32)
    assert ask(TEXTS * 3, IMAGES * 2, clients=4) == (12, 12)
    encode, held = Encoder.encode_texts, []

    def mixed_up(*given):
        """Every text request after the first ones gets another's rows."""
        held.append(encode(*given))
        return held[-1] if len(held) < 8 else held[0]

    monkeypatch.setattr(Encoder, "encode_texts", mixed_up)
    assert ask(TEXTS * 3, IMAGES * 2, clients=4)[0] < 12


def test_a_pass_has_a_time_recorded_and_launched(monkeypatch):
    monkeypatch.setattr(loading, "recorder_of", lambda _device: CpuRecorder())
    found = in_process.passes(SETTINGS, NANO, Precision.FLOAT32, TEXTS, (1, 2), 0.01)
    assert found["recorded passes"] > 4
    assert all(ms > 0 for way in ("recorded", "launched") for ms in found[way].values())
    monkeypatch.setattr(loading, "recorder_of", lambda _device: None)
    found = in_process.passes(SETTINGS, NANO, Precision.FLOAT32, TEXTS, (1,), 0.01)
    assert (found["recorded"], list(found["launched"])) == ({}, [1])


def test_utilisation_is_the_mean_of_one_device_and_nothing_without_one():
    def reading(index, share):
        return GpuReading(index, "u", "card", 0, 1, share)

    with Utilisation(1, lambda: (reading(0, 1.0), reading(1, 0.25))) as busy:
        pass
    assert busy.mean == 0.25
    with Utilisation(0, lambda: ()) as busy:
        pass
    assert busy.mean is None


def test_rows_have_a_ratio_and_a_verdict_only_of_what_was_measured():
    whole = Row("a", (100, 300, 200), (10,), bare=400, per_stock=20, per_bare=0.9, busy=0.5)
    assert (whole.ratio, whole.share) == (20, 0.5)
    assert whole.verdict == "≥ 20 × stock: met, ≥ 0.9 of the tower: not met"
    without = Row("b", (200,), per_stock=20)
    assert without.verdict == "≥ 20 × stock: open"
    assert (without.ratio, without.cells()[2]) == (None, NOT_RUN)
    assert Row("c", bar=4, unit="ms").cells()[1] == NOT_RUN
    assert Row("c", (3.0,), bar=4, unit="ms").verdict == "≤ 4 ms: met"
    assert len(table([whole, without]).splitlines()) == 3


def test_a_part_that_fails_or_comes_too_late_leaves_the_others(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(measure, "RESULTS", tmp_path)
    report = reports.Report(limit=1e9)
    report.run("fails", lambda: 1 / 0)
    assert report.run("runs", lambda: 3) == 3
    monkeypatch.setattr(reports, "PART_SECONDS", 0.05)
    report.run("hangs", threading.Event().wait)
    monkeypatch.setattr(reports, "PART_SECONDS", 60)
    report.limit = time.monotonic() - report.started - 1
    report.run("late", lambda: 4)
    report.add("jobs, bench, image", ((7000.0, 8000.0), 0.4))
    report.add("clip_client, bench, text", None)
    report.parts["passes"] = {
        "recorded passes": 9,
        "recorded": {1: 0.5},
        "launched": {1: 4.0, 2: 5},
    }
    report.parts["bare tower, bench"] = {"image": {32: 6000.0, 512: 30_000.0}}
    reports.complete(report)
    reports.show(report)
    printed = capsys.readouterr().out
    assert "not run: hangs: TimeoutError: it did not end within 0 s" in printed
    assert "not run: late: no time is left" in printed
    assert "a pass of 1 texts: 0.50 ms recorded, 4.00 ms launched" in printed
    assert "a pass of 2 texts: recorded not run, 5.00 ms launched" in printed
    assert "VRAM of bench, peak: not run" in printed
    assert "resize equal to Pillow: not run" in printed
    assert "alone and beside 15 others: not run" in printed
    written = json.loads(reports.write(report, "a card").read_text())
    assert {"created", "commit", "packages", "cuda", "processor", "cores"} <= set(written)
    assert written["not_run"]["fails"].startswith("ZeroDivisionError")
    assert written["rows"][0]["share"] == 0.25
    assert written["card"] == "a card"


def test_a_server_that_does_not_start_leaves_its_rows_unmeasured(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(measure, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a card")
    monkeypatch.setattr(inputs, "write", lambda folder: folder)
    monkeypatch.setattr(command.worker, "inputs", lambda *_: [])
    monkeypatch.setattr(command, "_checkpoint", lambda architecture: tmp_path / architecture)
    saved = []

    @contextmanager
    def dead(*_, **__):
        saved.append(json.loads((tmp_path / "results/gpu.json").read_text())["parts"])
        raise RuntimeError("the server was not ready after 120 s")
        yield

    for room in (command, through_flow):
        monkeypatch.setattr(room, "clipbench_server", dead)
    for part in ("resized_alike", "equality", "alike_under_load", "refusals", "passes"):
        monkeypatch.setattr(in_process, part, lambda *_, **__: 1 / 0)
    monkeypatch.setattr(in_process, "bare_towers", lambda *_: {"image": {32: 6000.0}, "text": {}})
    assert command.main(["--stock", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "one server: RuntimeError: the server was not ready" in printed
    assert f"stock: no open_clip 2.8.2 in {tmp_path}" in printed
    written = json.loads((tmp_path / "results/gpu.json").read_text())
    rows = {row["name"]: row for row in written["rows"]}
    assert set(reports.BARS) <= set(rows)
    assert not any(row["ratio"] or row["share"] or row["ours"] for row in rows.values())
    assert {"inputs", "weights, bench", "weights, large"} == set(
        saved[0]
    )  # what was measured is kept, however the run ends


@pytest.mark.slow
def test_a_flow_is_measured_by_jobs_and_by_clip_client(flow, tmp_path, monkeypatch):
    given = inputs.write(tmp_path / "inputs", texts=8, images=4)
    with Connection(flow.address) as connection:
        for kind in command.KINDS:
            asked = ModelOptions(NANO)
            rates, busy = through_flow.jobs(
                connection, flow.process.pid, asked, kind, given, count=8, rounds=2
            )
            assert len(rates) == 2
            assert all(rate > 0 for rate in rates)
            assert busy is None or 0 <= busy <= 1
    with through_flow.driven(None, flow.address, NANO, {"precision": "float32"}, given) as side:
        rates, _ = through_flow.by_client(side, "text", count=8, rounds=1)
        assert rates[0] > 0

    @contextmanager
    def server(state, *, flow, settings, ready):
        (encoder,) = (e for e in yaml.safe_load(flow.read_text())["executors"] if "replicas" in e)
        assert (encoder["name"], encoder["replicas"]) == ("encoder", 2)
        yield running.process, running.address

    running = flow
    monkeypatch.setattr(through_flow, "clipbench_server", server)
    by_kind = through_flow.by_two_encoders(
        ModelOptions(NANO), given, {}, tmp_path, counts={"text": 8}, rounds=1
    )
    assert by_kind["text"][0][0] > 0
