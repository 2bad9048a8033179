"""One target knows every process of the Flow, and its totals outlive them."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families

from clipbench.errors import InvalidRequest
from clipbench.profiling import Flow, Peer, parse_peers, start_exporter
from clipbench.profiling.peers import Answer
from clipbench.profiling.totals import Totals

COUNTING = "metrics.documents('image', 'mini', 40); metrics.refused('empty', 2)"


def shown(flow: Flow) -> dict[tuple[str, ...], float]:
    """What the profiler's endpoint shows: (name, label values in order of label)."""
    exporter = start_exporter(0, "profiler", series=flow)
    with urlopen(f"http://127.0.0.1:{exporter.port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    exporter.close()
    return {
        (sample.name, *(sample.labels[k] for k in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_profiler_shows_the_memory_of_a_process_elsewhere(exporting) -> None:
    encoder = exporting("encoder", COUNTING)
    series = shown(Flow([Peer("encoder", "127.0.0.1", encoder.port)]))
    assert series["process_resident_memory_bytes", "encoder", "127.0.0.1"] > 1e7
    assert series["process_resident_memory_bytes", "profiler", "self"] > 1e7
    assert series["clipbench_documents_total", "encoder", "image", "mini", "counted", "127.0.0.1"]
    assert series["clipbench_executor_up", "encoder", "127.0.0.1"] == 1
    assert series["clipbench_flow_documents_total", "encoder", "image", "mini", "counted"] == 40
    assert series["clipbench_flow_refused_documents_total", "encoder", "empty"] == 2


def test_a_process_that_does_not_answer_is_down_and_keeps_nobody_waiting(exporting) -> None:
    encoder, silent = exporting("encoder"), exporting("retrieval")
    silent.process.send_signal(19)  # SIGSTOP: it accepts and never answers
    flow = Flow(
        [
            Peer("encoder", "127.0.0.1", encoder.port),
            Peer("retrieval", "127.0.0.1", silent.port),
            Peer("classification", "127.0.0.1", 1),
            Peer("gateway", "no-such-host.invalid", 9468),
        ]
    )
    started = time.monotonic()
    series = shown(flow)
    assert time.monotonic() - started < 4
    assert series["clipbench_executor_up", "encoder", "127.0.0.1"] == 1
    assert series["clipbench_executor_up", "retrieval", "127.0.0.1"] == 0
    assert series["clipbench_executor_up", "classification", "127.0.0.1"] == 0
    assert series["clipbench_executor_up", "gateway", "no-such-host.invalid"] == 0


def test_a_peer_that_speaks_something_else_is_down(tmp_path: Path) -> None:
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
    from threading import Thread

    server = ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
    Thread(target=server.serve_forever, daemon=True).start()
    series = shown(Flow([Peer("encoder", "127.0.0.1", server.server_port)]))
    server.shutdown()
    server.server_close()
    assert series["clipbench_executor_up", "encoder", "127.0.0.1"] == 0


def test_totals_go_on_when_a_process_starts_again(exporting) -> None:
    encoder = exporting("encoder", COUNTING)
    flow = Flow([Peer("encoder", "127.0.0.1", encoder.port)])
    shown(flow)
    encoder.restart()
    series = shown(flow)
    assert series["clipbench_flow_documents_total", "encoder", "image", "mini", "counted"] == 80


def test_vram_of_another_process_is_in_the_statistics(exporting, nvml: Path) -> None:
    encoder = exporting("encoder", COUNTING, LD_LIBRARY_PATH=str(nvml))
    found = Flow([Peer("encoder", "127.0.0.1", encoder.port)]).statistics()
    [process, own] = found["processes"]
    assert process["vram_bytes"] == process["peak_vram_bytes"] == 2 << 30
    assert process["documents"] == {"image": 40}
    assert process["refused"] == 2
    assert process["peak_rss_bytes"] >= process["rss_bytes"] > 0
    assert own["executor"] == "profiler"
    assert "vram_bytes" not in own


def test_statistics_say_that_a_process_is_down() -> None:
    found = Flow([Peer("encoder", "127.0.0.1", 1)]).statistics()
    assert found["processes"][0] == {"executor": "encoder", "replica": "127.0.0.1", "up": False}


def counted(total: float, replica: str = "a", started: float = 1.0) -> Answer:
    family = CounterMetricFamily(
        "clipbench_documents", "", labels=["executor", "modality", "model", "outcome"]
    )
    family.add_metric(["encoder", "image", "mini", "counted"], total)
    start = GaugeMetricFamily("process_start_time_seconds", "", value=started)
    return Answer("encoder", replica, (family, start))


def test_a_rate_is_documents_gained_over_the_last_minute() -> None:
    totals = Totals()
    for second in range(0, 200, 10):
        totals.add([counted(second * 5)], float(second))
    assert totals.rates() == {"encoder": 5.0}


def test_replicas_add_up_and_each_may_start_again() -> None:
    totals = Totals()
    totals.add([counted(100, "a"), counted(10, "b")], 0.0)
    totals.add([counted(130, "a"), counted(4, "b", started=9.0)], 10.0)
    assert totals.rates() == {"encoder": (30 + 4) / 10}


def test_peers_are_read_from_one_line() -> None:
    assert parse_peers("encoder=gpu-box:9465, retrieval=10.0.0.7:9466,") == (
        Peer("encoder", "gpu-box", 9465),
        Peer("retrieval", "10.0.0.7", 9466),
    )


@pytest.mark.parametrize("text", ["encoder", "encoder=host", "=host:1", "encoder=host:port"])
def test_a_peer_without_a_name_host_or_port_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="name=host:port"):
        parse_peers(text)
