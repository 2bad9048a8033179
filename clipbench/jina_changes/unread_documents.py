"""Changes to Jina's requests: documents are read by whom they are for, and where they lie."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from docarray import Document, DocumentArray
from jina.proto import jina_pb2, serializer
from jina.serve.runtimes.worker.request_handling import WorkerRequestHandler
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


def read_batches_in_place(endpoints: Collection[str]) -> None:
    """Let this process's Executor see a batch of these endpoints in the message that it came in.

    The one Document of such a request has a `blob` that is a view (memoryview). Jina copies it
    into protobuf's memory and out of it, while the interpreter's lock is held.
    """
    check_version()
    leave_documents_unread()
    whole, replace = DataRequest.docs, WorkerRequestHandler.replace_docs

    def docs(request: Any) -> Any:
        if request.direct_docs is None and request.header.exec_endpoint in endpoints:
            blob = _lone_blob(request._unread)
            if blob is not None:
                request.direct_docs = DocumentArray([Document(blob=blob)])
        return whole.fget(request)

    def replace_docs(request: Any, *documents: Any, **options: Any) -> None:
        if request.direct_docs is not None:  # those that came are let go
            request.direct_docs, request._unread = None, ()
        replace(request, *documents, **options)

    DataRequest.docs = property(docs)
    WorkerRequestHandler.replace_docs = staticmethod(replace_docs)


def _read_head(request: Any) -> None:
    parts = wire.without(request.buffer, wire.DATA)
    head, request._unread = parts or (request.buffer, ())
    request._pb_body = jina_pb2.DataRequestProtoWoData.FromString(head)
    request.buffer = None


def _read_whole(request: Any) -> None:
    whole = _written(request)
    request._pb_body = jina_pb2.DataRequestProto.FromString(whole)
    request.buffer, request._unread = None, ()


def _lone_blob(unread: Sequence[memoryview]) -> memoryview | None:
    return wire.lone_blob(unread[0]) if len(unread) == 1 else None


def _written(request: Any) -> bytes:
    if request.buffer is not None:
        return bytes(request.buffer)
    unread: Sequence[memoryview] = request._unread
    return b"".join([request._pb_body.SerializePartialToString(), *unread])


def _bytes_of(request: Any) -> int:
    if request.buffer is not None:
        return len(request.buffer)
    return int(request._pb_body.ByteSize()) + sum(map(len, request._unread))
