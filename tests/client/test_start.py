"""The server says in one line why it does not start, and ends with status 1."""

from __future__ import annotations

import json
import os
import socket

import pytest
from typer.testing import CliRunner

from clipbench import lifetime
from clipbench.client.main import build
from clipbench.embedded import WEIGHTS
from clipbench.lifetime import REASONS, starting, take_reasons
from tests.flow.flow_server import PORTS

NANO = WEIGHTS / "nano.safetensors"


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Run `clipbench serve` with settings and options; its one line."""
    for name in [name for name in os.environ if name.startswith("CLIPBENCH_")]:
        monkeypatch.delenv(name)

    def run(*options, **settings):
        named = {**PORTS, "CLIPBENCH_STATE": str(tmp_path / "state"), "CLIPBENCH_OFFLINE": "true"}
        named |= {f"CLIPBENCH_{name.upper()}": str(value) for name, value in settings.items()}
        for name, value in named.items():
            monkeypatch.setenv(name, value)
        ran = CliRunner().invoke(build(), ["serve", *map(str, options)])
        assert ran.exit_code == 1
        assert ran.stdout == ""
        (line,) = ran.stderr.splitlines()
        for word in ("Traceback", "RuntimeFailToStart", "jina", "Executor"):
            assert word not in line
        return line

    return run


def test_a_wrong_checkpoint_is_told(serve, tmp_path):
    weights = tmp_path / "a,b=c.safetensors"
    weights.write_bytes(b"")
    for text, reason in (
        (f"tuned=ViT-B-99={weights}", "checkpoint 'tuned': unknown architecture 'ViT-B-99'"),
        (
            f"tuned=ViT-B-32={weights},x=ViT-B-32=/no/x.pt",
            "checkpoint 'x': there is no file at /no/x.pt",
        ),
        (f"tuned=ViT-B-32={tmp_path}", f"checkpoint 'tuned': {tmp_path} is a folder"),
        (f"ViT-B-32::openai=ViT-B-32={NANO}", "model 'ViT-B-32::openai' is in the registry"),
        (f"a=ViT-B-32={NANO},a=ViT-B-32={NANO}", "model 'a' is in the registry"),
        ("tuned=ViT-B-32", "checkpoint 'tuned=ViT-B-32' must be NAME=ARCHITECTURE=PATH"),
        (
            f"tuned=/no/config.json={weights}",
            "checkpoint 'tuned': there is no model configuration at /no",
        ),
    ):
        assert reason in serve(checkpoints=text)


def test_a_path_of_a_setting_is_of_the_folder_where_the_command_was_given(
    serve, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert f"there is no file at {tmp_path}/own/epoch.pt" in serve(
        checkpoints="tuned=ViT-B-32=own/epoch.pt"
    )
    (tmp_path / "tokens").write_text("nonsense")
    assert "tokens, line 1: expected" in serve(token_file="tokens")


def test_a_wrong_model_or_device_is_told(serve):
    assert "did you mean ViT-B-32::openai" in serve(model="ViT-B-33::openai")
    assert "device 'gpu' must be cpu, cuda, or cuda:N" in serve("--device", "gpu")
    assert "THREADS must be a whole number, not 'two'" in serve(threads="two")


def test_a_wrong_folder_is_told(serve, tmp_path):
    (tmp_path / "file").write_text("")
    for state in (tmp_path / "file", tmp_path / "file" / "below"):
        assert f"state folder {state}: {tmp_path / 'file'} is a file" in serve("--state", state)
    assert "WEIGHTS: " in serve(weights=tmp_path / "file")


def test_a_taken_port_is_told(serve):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port} for gRPC is taken on 127.0.0.1" in serve("--port", port)
        assert f"port {port} for HTTP is taken" in serve("--http-port", port)
    assert "METRICS_PORTS: 'encode=1' must be ROLE=PORT" in serve(metrics_ports="encode=1")


def test_a_door_that_would_stand_open_is_told(serve, tmp_path):
    assert "without TLS and without a token" in serve("--host", "0.0.0.0")
    (tmp_path / "key").write_text("")
    assert "TLS needs both" in serve(tls_key=tmp_path / "key")
    assert "TLS certificate" in serve(tls_key=tmp_path / "key", tls_certificate="/no/tls.crt")


def test_a_flow_that_is_none_is_told(serve, tmp_path):
    flow = tmp_path / "flow.yml"
    for text, reason in (
        (None, "No such file"),
        ("a: [", "is not YAML"),
        ("jtype: Flow", "has no list of executors"),
    ):
        if text is not None:
            flow.write_text(text)
        assert reason in serve("--flow", flow)


@pytest.mark.slow
def test_what_a_process_finds_when_it_starts_is_told(serve, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "retrieval.sqlite").write_text("not a database " * 100)
    before = dict(os.environ)
    line = serve()
    assert "retrieval.sqlite cannot be opened: file is not a database" in line
    assert {k: v for k, v in os.environ.items() if k.startswith("JINA")} == {
        k: v for k, v in before.items() if k.startswith("JINA")
    }


# a process that ends before it is ready


def test_a_process_writes_its_reason_for_the_supervisor(tmp_path, monkeypatch):
    monkeypatch.setenv(REASONS, str(tmp_path / "reasons"))
    with pytest.raises(SystemExit, match="1"), starting("encoder"):
        raise lifetime.errors.UnknownName("model", "a", ["b"])
    with pytest.raises(SystemExit), starting("retrieval"):
        raise ZeroDivisionError("by zero")
    first, second = take_reasons(tmp_path / "reasons")
    assert str(first).startswith("unknown model 'a'")
    assert str(second) == "retrieval does not start: ZeroDivisionError: by zero"
    assert take_reasons(tmp_path / "reasons") == []


def test_in_a_container_the_reason_is_one_line_of_its_log(monkeypatch, capsys):
    from clipbench.profiling.logs import JsonLines

    monkeypatch.delenv(REASONS, raising=False)
    handler = lifetime.logging.StreamHandler()
    handler.setFormatter(JsonLines())
    lifetime.log.addHandler(handler)
    try:
        with pytest.raises(SystemExit), starting("encoder"):
            raise lifetime.errors.Unsupported("device cuda: there is none,\nreally")
    finally:
        lifetime.log.removeHandler(handler)
    (line,) = capsys.readouterr().err.splitlines()
    assert "encoder does not start: device cuda: there is none, really" in json.dumps(line)
