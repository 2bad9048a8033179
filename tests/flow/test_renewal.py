"""A renewed Executor is not taken for one that died."""

from __future__ import annotations

import os
from dataclasses import replace
from unittest import mock

import pytest
from docarray import Document

from clipbench import config
from clipbench.client.connection import Connection
from clipbench.client.serving import Server
from tests.conftest import MODEL


@pytest.mark.slow
@mock.patch("clipbench.client.serving._CHECK_SECONDS", 0.01)  # it looks while the encoder ends
@mock.patch.dict(os.environ)  # the server sets its Executors' environment
def test_the_watch_leaves_a_renewed_encoder_alone(tmp_path):
    settings = replace(config.load(), state=str(tmp_path / "state"), model=MODEL)
    environment = dict(os.environ)
    with Server(settings, any_port=True) as server, Connection(server.address) as connection:
        before = server.process_ids()
        server.renew("encoder")
        after = server.process_ids()
        (answer,) = connection.request("/encode", [Document(text="a red apple")])
        assert answer.embedding is not None
        assert server.restarts == 0
        assert server.process_ids() == after
        assert {name for name in after if after[name] != before[name]} == {"encoder"}
    assert dict(os.environ) == environment
