"""A token is nowhere but in its file: not in logs, metrics, state or results."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import httpx
import pytest
from docarray import Document

from clipbench.client.benchmark import JobOptions, evaluate
from clipbench.datasets import open_dataset
from clipbench.errors import ClipbenchError
from tests.conftest import MODEL
from tests.flow.flow_server import ROOT
from tests.security.conftest import TOKENS, Guarded

NEVER_VALID = "guessed-token-0123456789"


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_no_token_is_in_logs_metrics_state_or_results(guarded: Guarded, tmp_path):
    dataset = open_dataset("emoji", sample=6, seed=1)
    with guarded.connect("submit") as connection:
        evaluate(MODEL, dataset, server=connection, options=JobOptions(folder=tmp_path))
        with pytest.raises(ClipbenchError) as refused:
            connection.request("/retrieval/result", (), {"job": "absent"})
        assert TOKENS["submit"] not in str(refused.value)
    with guarded.connect(NEVER_VALID) as stranger, pytest.raises(ClipbenchError) as refused:
        stranger.request("/encode", [Document(text="a")])
    assert NEVER_VALID not in str(refused.value)
    with guarded.http("admin") as http:
        http.post("/post", json={"execEndpoint": "/profile"})
    written = files(tmp_path) | files(guarded.server.state)
    written["log"] = guarded.server.log.read_bytes()
    written["metrics"] = httpx.get(guarded.server.metrics, trust_env=False).content
    assert any(name.endswith(".json") for name in written)
    for name, content in written.items():
        for token in [*TOKENS.values(), NEVER_VALID]:
            assert token.encode() not in content, name


def test_the_repository_holds_no_key_and_no_password():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        return  # an archive without a history
    private = re.compile(
        rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\r?\n[A-Za-z0-9+/=]"
        rb"|AKIA[0-9A-Z]{16}|ghp_[0-9A-Za-z]{36}"
    )
    for name in listed.stdout.decode().split("\0"):
        path = ROOT / name
        if name and path.is_file() and path.stat().st_size < 2_000_000:
            assert not private.search(path.read_bytes()), name
