"""Protobuf's encoding, written and cut by hand, is the library's."""

from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from jina.proto import jina_pb2
from jina.types.request.data import DataRequest

from clipbench.contract import wire

SIZES = st.sampled_from([0, 1, 126, 127, 128, 129, 16_383, 16_384, 2_097_152])


@settings(deadline=None, max_examples=50)
@given(st.lists(SIZES, max_size=3), st.text(max_size=20))
def test_a_request_with_one_blob_is_read_by_jina(sizes, job):
    head = DataRequest()
    head.header.exec_endpoint = "/retrieval/images"
    head.parameters = {"job": job}
    parts = [bytes([n + 1]) * size for n, size in enumerate(sizes)]
    message = wire.request(bytes(head), parts)
    read = DataRequest(message)
    (document,) = read.docs
    assert (document.blob or b"") == b"".join(parts)
    assert (read.header.exec_endpoint, read.parameters) == ("/retrieval/images", {"job": job})


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.binary(max_size=300)), max_size=6))
def test_a_message_is_cut_into_a_field_and_the_others(fields):
    written = [b"".join(wire.field(number, [value])) for number, value in fields]
    others, taken = wire.without(b"".join(written), wire.DATA)
    numbers = [number for number, _ in fields]
    kept = [w for n, w in zip(numbers, written, strict=True) if n != wire.DATA]
    cut = [w for n, w in zip(numbers, written, strict=True) if n == wire.DATA]
    assert others == b"".join(kept)
    assert [bytes(one) for one in taken] == cut


@settings(deadline=None)
@given(st.binary(max_size=40))
def test_what_is_no_message_is_not_cut(data):
    parts = wire.without(data, wire.DATA)
    try:
        jina_pb2.DataRequestProto.FromString(data)
    except DecodeError:
        return
    if parts is not None:
        head, taken = parts
        whole = jina_pb2.DataRequestProto.FromString(head + b"".join(taken))
        assert whole == jina_pb2.DataRequestProto.FromString(data)


def test_a_message_of_very_many_fields_is_left_to_protobuf():
    one = b"".join(wire.field(3, [b""]))
    assert wire.without(one * 200, wire.DATA) == (one * 200, [])
    assert wire.without(one * 1_000_000, wire.DATA) is None
