"""A batch on its way: what is packed comes out, and nothing else is read."""

from __future__ import annotations

import base64
import json

import httpx
import pytest
from docarray import Document, DocumentArray
from hypothesis import given, settings
from hypothesis import strategies as st

from clipbench.contract.documents import JobDocument, Refused, image_document, read_item
from clipbench.contract.endpoints import Kind
from clipbench.contract.limits import Limits
from clipbench.contract.packing import VERSION, pack, unpack
from clipbench.errors import ClipbenchError, InvalidRequest, TooLarge
from tests.conftest import MODEL
from tests.flow.jobs import SmallJob
from tests.flow.pictures import png

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
values = st.none() | st.integers() | words | st.booleans() | st.lists(st.integers(), max_size=3)
tags = st.dictionaries(
    words, values | st.dictionaries(words, st.integers(), max_size=2), max_size=4
)
batches = st.lists(st.builds(JobDocument, words, st.binary(max_size=20), tags), max_size=5)


@settings(deadline=None)
@given(batches)
def test_what_is_packed_comes_out_in_its_order_over_protobuf(documents):
    sent = DocumentArray([pack(documents)])
    if len({name for document in documents for name in document.tags}) > 16:
        return
    got = unpack(DocumentArray.from_protobuf(sent.to_protobuf()), Limits())
    assert [(one.id, one.content) for one in got] == [(one.id, one.content) for one in documents]
    for one, other in zip(got, documents, strict=True):
        held = {name: value for name, value in one.tags.items() if value is not None}
        assert held == {name: value for name, value in other.tags.items() if value is not None}


def whole(**changes):
    """A table of two documents with `changes`, None leaving a key out, and five bytes."""
    table = {"version": VERSION, "ids": ["a", "b"], "sizes": [2, 3], "tags": {"index": [0, 1]}}
    table = {name: value for name, value in (table | changes).items() if value is not None}
    return blob(json.dumps(table).encode())


def blob(head, contents=b"abcde"):
    return [Document(blob=len(head).to_bytes(4, "little") + head + contents)]


def test_the_whole_table_is_read():
    assert [one.content for one in unpack(whole(), Limits())] == [b"ab", b"cde"]


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"version": "1"},
        {"version": None},
        {"more": 1},
        {"ids": None},
        {"ids": "ab"},
        {"ids": ["a", 5]},
        {"ids": ["a"]},
        {"ids": ["a", "b", "c"]},
        {"ids": {"a": 0, "b": 1}},
        {"sizes": [2, 2]},
        {"sizes": [2, 4]},
        {"sizes": [-1, 6]},
        {"sizes": [2.0, 3.0]},
        {"sizes": [True, 4]},
        {"sizes": [5]},
        {"sizes": [2, 2, 1]},
        {"sizes": [2**70, 3 - 2**70 + 2]},
        {"tags": []},
        {"tags": {"index": 0}},
        {"tags": {"index": [0]}},
        {"tags": {"index": {"a": 0, "b": 1}}},
        {"tags": {str(n): [0, 0] for n in range(17)}},
    ],
    ids=str,
)
def test_a_table_that_pack_does_not_make_is_refused_as_a_whole(changes):
    with pytest.raises(InvalidRequest, match="batch of a job"):
        unpack(whole(**changes), Limits())


@pytest.mark.parametrize(
    "head", [b"", b"{", b"[]", b"5", b"null", b"\xff", b'{"a": NaN}', b"[" * 100_000, b"9" * 5000]
)
def test_a_head_that_is_no_table_is_refused(head):
    with pytest.raises(InvalidRequest, match="batch of a job"):
        unpack(blob(head), Limits())


@pytest.mark.parametrize("data", [b"", b"\1", b"\xff" * 9, b"\2\0\0\0{", b"\1\0\0\0{}"])
def test_a_blob_that_is_cut_off_is_refused(data):
    with pytest.raises(InvalidRequest, match="batch of a job"):
        unpack([Document(blob=data)], Limits())


@pytest.mark.parametrize("documents", [[], [Document(), Document()], [Document(text="{}")]])
def test_a_batch_is_one_document(documents):
    with pytest.raises(InvalidRequest, match="batch of a job"):
        unpack(documents, Limits())


def test_a_table_is_bounded_in_documents_and_in_bytes():
    with pytest.raises(TooLarge, match="2 documents"):
        unpack(whole(), Limits(documents_per_request=1))
    with pytest.raises(TooLarge, match="ids and tags"):
        unpack(whole(ids=["a", "b" * 300]), Limits(request_bytes=1000))


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize(
    "changes", [{"ids": ["\ud800", "b"]}, {"tags": {"index": [0, 1], "image_id": ["\ud800", "a"]}}]
)
def test_half_a_character_refuses_its_document(kind, changes):
    """JSON can carry it; UTF-8, the database and a result file cannot."""
    document, _ = unpack(whole(**changes), Limits())
    if kind.is_image and document.id == "a":
        return  # images name no image
    with pytest.raises(Refused):
        read_item(document, kind, labelled=False, limits=Limits())


def test_a_batch_that_is_none_leaves_the_job_as_it_was(retrieval):
    for documents in (whole(version=7), whole(sizes=[0, 9]), [Document(text="x")], []):
        with pytest.raises(ClipbenchError, match="batch of a job"):
            retrieval.send_packed("images", documents)
    assert retrieval.send("images", [image_document("a", 0, png(0), None)]).counted == 1
    assert retrieval.open()["images"] == 1


def test_a_batch_may_come_over_http(flow, connection, job_id):
    SmallJob(connection, "retrieval", job_id).open()
    packed = pack([image_document("a", 0, png(0), None), image_document("b", 1, b"no", None)])
    data = [{"blob": base64.b64encode(packed.blob).decode()}]
    parameters = {"job": job_id, "model": MODEL}
    body = {"execEndpoint": "/retrieval/images", "parameters": parameters, "data": data}
    (answer,) = httpx.post(f"{flow.http}/post", json=body, timeout=120).json()["data"]
    outcome = json.loads(answer["text"])
    assert outcome["counted"] == 1
    assert [one["reason"] for one in outcome["refused"]] == ["not_an_image"]
