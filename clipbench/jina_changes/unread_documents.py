"""A change to Jina's requests: documents pass through the gateway as they came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jina.proto import jina_pb2, serializer
from jina.types.request.data import DataRequest

from clipbench.contract import wire
from clipbench.jina_changes import check_version


def leave_documents_unread() -> None:
    """Let this process read and write the head of a request, and its documents when asked alone.

    For the endpoint of a request Jina copies its documents into protobuf's memory, copies them out
    to send them on, and writes the message once more each time that it counts its bytes, also where
    no metrics want them.
    """
    check_version()
    DataRequest._unread = ()
    DataRequest._decompress_wo_data = _read_head
    DataRequest._decompress = _read_whole
    DataRequest.proto = property(lambda request: request.proto_wo_data)
    DataRequest.nbytes = property(_bytes_of)
    DataRequest.to_bytes = _written
    serializer.DataRequestProto.SerializeToString = staticmethod(_written)


def _read_head(request: Any) -> None:
    parts = wire.without(request.buffer, wire.DATA)
    head, request._unread = parts or (request.buffer, ())
    request._pb_body = jina_pb2.DataRequestProtoWoData.FromString(head)
    request.buffer = None


def _read_whole(request: Any) -> None:
    whole = _written(request)
    request._pb_body = jina_pb2.DataRequestProto.FromString(whole)
    request.buffer, request._unread = None, ()


def _written(request: Any) -> bytes:
    if request.buffer is not None:
        return bytes(request.buffer)
    unread: Sequence[memoryview] = request._unread
    return b"".join([request._pb_body.SerializePartialToString(), *unread])


def _bytes_of(request: Any) -> int:
    if request.buffer is not None:
        return len(request.buffer)
    return int(request._pb_body.ByteSize()) + sum(map(len, request._unread))
