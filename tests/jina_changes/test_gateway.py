"""What the gateway's changes do to Jina's own objects."""

from __future__ import annotations

import pytest
from docarray import Document, DocumentArray
from jina.types.request.data import DataRequest

from clipbench.jina_changes import gateway


@pytest.fixture
def request_():
    made = DataRequest()
    made.header.exec_endpoint = "/x"
    made.parameters = {"job": "a"}
    made.data.docs = DocumentArray([Document(blob=b"\xff\xd8" * 5000)])
    return made


def test_a_message_has_the_bytes_that_it_would_have_written(request_, monkeypatch):
    message = bytes(request_)
    monkeypatch.setattr(DataRequest, "nbytes", DataRequest.nbytes)  # put back afterwards
    gateway.count_bytes_unwritten()
    assert request_.nbytes == len(message)
    arrived = DataRequest(message)
    assert arrived.nbytes == len(message)
    assert not arrived.is_decompressed  # nobody has read it
    assert arrived.header.exec_endpoint == "/x"
    assert arrived.nbytes == len(message)
