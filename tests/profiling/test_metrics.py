"""What a process counts is what its endpoint shows."""

from __future__ import annotations

import logging
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from clipbench.profiling import Metrics, start_exporter
from clipbench.profiling.metrics import OPEN_JOBS


@pytest.fixture
def metrics(request: pytest.FixtureRequest) -> Metrics:
    """The process has one registry: each test counts as an Executor of its own."""
    return Metrics(request.node.name)


def shown(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Every sample of this Executor: (name, other label values in order of label)."""
    exporter = start_exporter(0, metrics.executor)
    with urlopen(f"http://127.0.0.1:{exporter.port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    exporter.close()
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = dict(sample.labels)
            if labels.pop("executor") == metrics.executor:
                found[sample.name, *(labels[k] for k in sorted(labels))] = sample.value
    return found


def test_documents_and_queries_are_counted_by_modality_and_model(metrics: Metrics) -> None:
    metrics.documents("image", "ViT-B-32::openai", 32)
    metrics.documents("image", "ViT-B-32::openai", 8)
    metrics.documents("text", "ViT-B-32::openai", 0)
    series = shown(metrics)
    assert series["clipbench_documents_total", "image", "ViT-B-32::openai", "counted"] == 40
    assert series["clipbench_queries_total", "image", "ViT-B-32::openai"] == 2
    assert ("clipbench_queries_total", "text", "ViT-B-32::openai") not in series


def test_refused_documents_are_counted_by_reason(metrics: Metrics) -> None:
    metrics.refused("not_an_image", 3)
    metrics.refused("empty")
    series = shown(metrics)
    assert series["clipbench_refused_documents_total", "not_an_image"] == 3
    assert series["clipbench_refused_documents_total", "empty"] == 1


def test_a_request_is_timed_and_in_flight_while_it_lasts(metrics: Metrics) -> None:
    with metrics.request("/encode"):
        assert shown(metrics)["clipbench_requests_in_flight",] == 1
    series = shown(metrics)
    assert series["clipbench_requests_in_flight",] == 0
    assert series["clipbench_executor_request_seconds_count", "/encode"] == 1
    assert series["clipbench_executor_request_seconds_sum", "/encode"] > 0


def test_a_failed_request_is_timed_and_counted_by_its_error(metrics: Metrics) -> None:
    with pytest.raises(ValueError, match="bad"), metrics.request("/rank"):
        raise ValueError("bad")
    series = shown(metrics)
    assert series["clipbench_request_errors_total", "/rank", "ValueError"] == 1
    assert series["clipbench_executor_request_seconds_count", "/rank"] == 1
    assert series["clipbench_requests_in_flight",] == 0


def test_a_stage_is_timed(metrics: Metrics) -> None:
    with metrics.stage("decode"):
        pass
    assert shown(metrics)["clipbench_stage_seconds_count", "decode"] == 1


def test_a_jobs_progress_is_shown_until_it_is_closed(metrics: Metrics) -> None:
    metrics.jobs("retrieval", "open", 2)
    metrics.job_opened("retrieval", "j1", "image", done=10, expected=1000)
    metrics.job_documents("retrieval", "j1", "image", 32)
    metrics.job_documents("retrieval", "j1", "text", 5)
    series = shown(metrics)
    assert series["clipbench_jobs", "open", "retrieval"] == 2
    assert series["clipbench_job_documents", "j1", "image", "retrieval"] == 42
    assert series["clipbench_job_documents", "j1", "text", "retrieval"] == 5
    assert series["clipbench_job_expected_documents", "j1", "image", "retrieval"] == 1000
    metrics.job_closed("retrieval", "j1")
    metrics.job_closed("retrieval", "j1")
    assert not [name for name in shown(metrics) if name[0].startswith("clipbench_job_")]


def test_the_number_of_jobs_with_a_series_is_bounded(metrics: Metrics) -> None:
    for number in range(OPEN_JOBS + 5):
        metrics.job_opened("retrieval", f"job-{number}", "image", expected=1)
    jobs = [name[1] for name in shown(metrics) if name[0] == "clipbench_job_documents"]
    assert len(jobs) == OPEN_JOBS
    assert "job-4" not in jobs
    assert "job-5" in jobs


def test_models_are_shown_while_they_are_in_memory(metrics: Metrics) -> None:
    loaded = {"RN50::openai": 102_000_000}
    metrics.watch_models(lambda: loaded)
    assert shown(metrics)["clipbench_model_bytes", "RN50::openai"] == 102_000_000
    loaded.clear()
    assert ("clipbench_model_bytes", "RN50::openai") not in shown(metrics)


def test_queues_show_their_depth(metrics: Metrics) -> None:
    metrics.queue_depth("gateway", 7)
    assert shown(metrics)["clipbench_queue_depth", "gateway"] == 7


def test_memory_and_build_stand_beside_the_counts(metrics: Metrics) -> None:
    series = shown(metrics)
    assert series["process_resident_memory_bytes",] > 1e7
    peak = series["process_resident_memory_peak_bytes",]
    assert peak >= series["process_resident_memory_bytes",]
    assert series["clipbench_memory_limit_bytes",] > peak
    assert [name for name in series if name[0] == "clipbench_build_info"]


def test_a_port_in_use_gives_way_to_a_free_one_with_a_line_in_the_log(
    metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    first = start_exporter(0, metrics.executor)
    with caplog.at_level(logging.WARNING):
        second = start_exporter(first.port, metrics.executor)
    assert second.port != first.port
    assert f"metrics port {first.port} is taken" in caplog.text
    for exporter in (first, second):
        exporter.close()


def test_the_exporter_listens_on_this_machine_alone_unless_told_otherwise(
    metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLIPBENCH_METRICS_HOST", raising=False)
    exporter = start_exporter(0, metrics.executor)
    assert exporter.host == "127.0.0.1"
    exporter.close()
