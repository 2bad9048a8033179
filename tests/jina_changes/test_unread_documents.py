"""A request whose documents nobody asked for is passed on with the bytes that it came with."""

from __future__ import annotations

import pytest
from docarray import Document, DocumentArray
from google.protobuf.message import DecodeError
from jina.proto import jina_pb2, serializer
from jina.types.request.data import DataRequest

from clipbench.jina_changes.unread_documents import leave_documents_unread

CHANGED = ("_unread", "_decompress_wo_data", "_decompress", "proto", "nbytes", "to_bytes")
PIXELS = b"\xff\xd8" * 5000


@pytest.fixture
def message(monkeypatch):
    made = DataRequest()
    made.header.exec_endpoint = "/x"
    made.parameters = {"job": "a"}
    made.data.docs = DocumentArray([Document(id="1", blob=PIXELS), Document(id="2", text="b")])
    written = bytes(made)
    for name in CHANGED:  # put back afterwards
        monkeypatch.setattr(DataRequest, name, getattr(DataRequest, name, None), raising=False)
    writer = serializer.DataRequestProto
    monkeypatch.setattr(writer, "SerializeToString", writer.SerializeToString)
    leave_documents_unread()
    return written


def written(request):
    return serializer.DataRequestProto.SerializeToString(request)


def test_a_message_has_its_size_and_its_bytes_before_anybody_reads_it(message):
    arrived = DataRequest(message)
    assert arrived.nbytes == len(message)
    assert not arrived.is_decompressed
    assert written(arrived) == message


def test_a_changed_head_goes_before_the_documents_that_came(message):
    arrived = DataRequest(message)
    assert arrived.header.exec_endpoint == "/x"
    assert arrived.parameters == {"job": "a"}
    assert arrived.is_decompressed_wo_data
    arrived.parameters = {"job": "another, with a longer name"}
    arrived.add_executor("encoder")
    sent = written(arrived)
    assert arrived.nbytes == len(sent)
    assert arrived.to_bytes() == sent
    read = jina_pb2.DataRequestProto.FromString(sent)
    assert read.parameters["job"] == "another, with a longer name"
    assert [route.executor for route in read.routes] == ["encoder"]
    assert [document.id for document in read.data.docs.docs] == ["1", "2"]
    assert read.data.docs.docs[0].blob == PIXELS


def test_documents_are_there_for_who_asks_after_the_head_was_read(message):
    arrived = DataRequest(message)
    arrived.parameters = {"job": "b"}
    assert [document.id for document in arrived.docs] == ["1", "2"]
    arrived.data.docs = DocumentArray()
    assert arrived.nbytes == len(written(arrived)) < 500
    assert DataRequest(written(arrived)).parameters == {"job": "b"}
    assert len(DataRequest(written(arrived)).docs) == 0


@pytest.mark.parametrize("missing", [1, len(PIXELS)])
def test_a_message_that_is_cut_off_is_an_error_at_its_head(message, missing):
    with pytest.raises(DecodeError):
        DataRequest(message[:-missing]).header  # noqa: B018
