"""A gRPC server of the Flow's method that answers as a test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from docarray import Document, DocumentArray
from jina.proto import jina_pb2
from jina.types.request.data import DataRequest

from clipbench.contract.batches import BatchOutcome

Answer = Callable[[DataRequest, grpc.ServicerContext], DataRequest]


class Scripted(grpc.GenericRpcHandler):
    """Hands every request to `answer`; remembers how many there were, and at a time."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests, self.at_a_time, self._running = 0, 0, 0
        self.metadata: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        if not details.method.endswith("/process_single_data"):
            return None
        with self._lock:
            self.metadata.append(dict(details.invocation_metadata))
        return grpc.unary_unary_rpc_method_handler(self._handle)

    def _handle(self, message: bytes, context: grpc.ServicerContext) -> bytes:
        with self._lock:
            self.requests += 1
            self._running += 1
            self.at_a_time = max(self.at_a_time, self._running)
        try:
            answered: bytes = self.answer(DataRequest(message), context).proto.SerializeToString()
            return answered
        finally:
            with self._lock:
                self._running -= 1


@contextmanager
def serving(answer: Answer, port: int = 0) -> Iterator[tuple[str, Scripted]]:
    """The address of a server, and what it has seen."""
    scripted = Scripted(answer)
    server = grpc.server(ThreadPoolExecutor(16))
    server.add_generic_rpc_handlers((scripted,))
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield f"grpc://127.0.0.1:{bound}", scripted
    finally:
        server.stop(None)


def counted(request: DataRequest, _context: grpc.ServicerContext | None = None) -> DataRequest:
    """Every document of the request is counted."""
    return holding(BatchOutcome(len(request.docs), 0).pack())


def holding(documents: DocumentArray | list[Document]) -> DataRequest:
    """An answer with these documents."""
    answer = DataRequest()
    answer.data.docs = DocumentArray(documents)
    return answer


def refusing(name: str, message: str) -> DataRequest:
    """An answer that refuses."""
    answer = DataRequest()
    status = answer.header.status
    status.code = jina_pb2.StatusProto.ERROR
    status.exception.name = name
    status.exception.args.append(message)
    return answer
