"""A request whose documents nobody asked for is passed on with the bytes that it came with."""

from __future__ import annotations

import pytest
from docarray import Document, DocumentArray
from google.protobuf.message import DecodeError
from jina.proto import jina_pb2, serializer
from jina.serve.runtimes.worker.request_handling import WorkerRequestHandler
from jina.types.request.data import DataRequest

from clipbench.contract import wire
from clipbench.jina_changes.unread_documents import leave_documents_unread, read_batches_in_place

CHANGED = ("_unread", "_decompress_wo_data", "_decompress", "proto", "docs", "nbytes", "to_bytes")
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
    replace = WorkerRequestHandler.replace_docs
    monkeypatch.setattr(WorkerRequestHandler, "replace_docs", replace)
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


def head(endpoint):
    made = DataRequest()
    made.header.exec_endpoint = endpoint
    return bytes(made)


def test_a_batch_is_seen_where_it_lies_and_let_go_for_its_answer(message):
    read_batches_in_place(["/batch"])
    arrived = DataRequest(wire.request(head("/batch"), [b"table", PIXELS]))
    (document,) = arrived.docs
    assert isinstance(document.blob, memoryview)
    assert document.blob == b"table" + PIXELS
    WorkerRequestHandler.replace_docs(arrived, DocumentArray([Document(text="done")]))
    read = jina_pb2.DataRequestProto.FromString(written(arrived))
    assert read.header.exec_endpoint == "/batch"
    assert [document.text for document in read.data.docs.docs] == ["done"]


def test_a_batch_that_nobody_takes_is_passed_on_whole(message):
    read_batches_in_place(["/batch"])
    arrived = DataRequest(wire.request(head("/batch"), [PIXELS]))
    assert arrived.docs[0].blob == PIXELS
    assert DataRequest(written(arrived)).docs[0].blob == PIXELS


@pytest.mark.parametrize(
    "documents",
    [
        [],
        [Document(text="a")],
        [Document(blob=b"a", mime_type="image/png")],
        [Document(blob=b"a", weight=0.5)],
        [Document(blob=b"a", tags={"a": 1})],
        [Document(blob=b"a"), Document(blob=b"b")],
    ],
)
def test_other_documents_are_read_as_jina_reads_them(message, documents):
    read_batches_in_place(["/batch"])
    made = DataRequest(head("/batch"))
    made.data.docs = DocumentArray(documents)
    got = DataRequest(written(made)).docs
    assert got.to_dict() == DocumentArray(documents).to_dict()


def test_other_endpoints_get_documents_with_ids(message):
    read_batches_in_place(["/batch"])
    made = DataRequest(head("/encode"))
    made.data.docs = DocumentArray([Document(id="a", blob=PIXELS)])
    (document,) = DataRequest(written(made)).docs
    assert (document.id, document.blob) == ("a", PIXELS)
