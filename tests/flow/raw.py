"""A request as it goes over the wire, with the whole answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import grpc
from docarray import Document, DocumentArray
from jina.proto import jina_pb2_grpc
from jina.types.request.data import DataRequest


def raw_request(
    address: str,
    endpoint: str,
    documents: Sequence[Document] = (),
    parameters: Mapping[str, Any] | None = None,
    token: str | None = None,
) -> Any:
    """The answer, whatever its status. Raises grpc.RpcError."""
    request = DataRequest()
    request.header.exec_endpoint = endpoint
    request.parameters = dict(parameters or {})
    request.data.docs = DocumentArray(documents)
    metadata = (("authorization", token),) if token else ()
    options = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(address.removeprefix("grpc://"), options) as channel:
        stub = jina_pb2_grpc.JinaSingleDataRequestRPCStub(channel)
        return stub.process_single_data(request, timeout=120, metadata=metadata)
