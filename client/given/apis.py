"""The ways in which endpoints are asked for embeddings."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
from docarray import Document

from clipbench.client.connection import Connection
from clipbench.client.given.source import Row
from clipbench.client.given.web import Refused, Web, told
from clipbench.contract import endpoints
from clipbench.contract.documents import JobDocument
from clipbench.contract.endpoints import Kind
from clipbench.contract.formats import kind_of
from clipbench.errors import ClipbenchError, InvalidRequest, Unauthorized, Unavailable

_MOST_NUMBERS = 65536  # of an embedding


class Api(StrEnum):
    """openai: `/embeddings`, images as vLLM's `messages`. infinity: the same, images with a
    `modality`. clip-as-service: its gRPC."""

    OPENAI = "openai"
    CLIP_AS_SERVICE = "clip-as-service"
    INFINITY = "infinity"


class Asker(Protocol):
    """Asks for several embeddings at once. Raises Refused, and ClipbenchError where all is lost."""

    def ask(self, kind: Kind, documents: Sequence[JobDocument]) -> list[Row]:
        """A row for each."""
        ...

    def most(self, kind: Kind) -> int:
        """Documents of a request."""
        ...

    def close(self) -> None:
        """Close its connections."""
        ...


class OpenAI:
    """`POST …/embeddings`. Texts as `input`; an image as one message, as vLLM takes it."""

    batch_size = 32

    def __init__(self, web: Web, model: str) -> None:
        self._web, self._model = web, model

    def most(self, kind: Kind) -> int:
        """A conversation has one embedding."""
        return 1 if kind.is_image else self.batch_size

    def ask(self, kind: Kind, documents: Sequence[JobDocument]) -> list[Row]:
        """One request."""
        body = {"model": self._model, "encoding_format": "float", **self._content(kind, documents)}
        return rows_of(self._web.ask("POST", "/embeddings", body), len(documents))

    def _content(self, kind: Kind, documents: Sequence[JobDocument]) -> dict[str, Any]:
        if not kind.is_image:
            return {"input": [document.content.decode() for document in documents]}
        url = {"url": _data_uri(documents[0].content)}
        content = [{"type": "image_url", "image_url": url}]
        return {"messages": [{"role": "user", "content": content}]}

    def close(self) -> None:
        """Close its connections."""
        self._web.close()


class Infinity(OpenAI):
    """The same with `data:` URIs in `input`, and the modality of all."""

    def most(self, kind: Kind) -> int:
        """What infinity takes by default."""
        return self.batch_size

    def _content(self, kind: Kind, documents: Sequence[JobDocument]) -> dict[str, Any]:
        if not kind.is_image:
            return super()._content(kind, documents)
        uris = [_data_uri(document.content) for document in documents]
        return {"input": uris, "modality": "image"}


class ClipAsService:
    """clip-server's gRPC, as clip_client speaks it, with a deadline, which that has not got."""

    batch_size = 32

    def __init__(self, connection: Connection, model: str, key: str | None, timeout: float) -> None:
        self._connection, self._key, self._timeout = connection, key, timeout
        self._endpoint = endpoints.encode_endpoint(model) if model else endpoints.ENCODE

    def most(self, kind: Kind) -> int:
        """Any number; 32 is what the other APIs take."""
        return self.batch_size

    def ask(self, kind: Kind, documents: Sequence[JobDocument]) -> list[Row]:
        """One request."""
        image = kind.is_image
        sent = [
            Document(id=str(i), blob=d.content)
            if image
            else Document(id=str(i), text=d.content.decode())
            for i, d in enumerate(documents)
        ]
        drop = {"drop_image_content": True}
        try:
            found = self._connection.request(self._endpoint, sent, drop, deadline=self._timeout)
            by_id = {document.id: document.embedding for document in found}
        except (Unavailable, Unauthorized) as error:
            raise type(error)(told(str(error), self._key)) from None
        except (ClipbenchError, ValueError, TypeError) as error:
            raise Refused(f"the endpoint answered: {told(str(error), self._key)}") from None
        if len(found) != len(sent) or by_id.keys() != {document.id for document in sent}:
            raise Refused(f"{len(sent)} embeddings were asked for, and {len(found)} others came")
        return [_row(by_id[document.id]) for document in sent]

    def close(self) -> None:
        """Close its channel."""
        self._connection.close()


def rows_of(answer: Any, count: int) -> list[Row]:
    """The embeddings of an answer by their `index`. Raises Refused for what is not `count` rows."""
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        raise Refused("the endpoint's answer has no list `data`")
    if len(data) != count:
        raise Refused(f"{count} embeddings were asked for, {len(data)} came")
    places = [item.get("index", i) for i, item in enumerate(data)]
    if sorted(place for place in places if type(place) is int) != list(range(count)):
        raise Refused(f"the `index` of the {count} embeddings are not 0 to {count - 1}")
    by_place = dict(zip(places, data, strict=True))
    return [_row(by_place[place].get("embedding")) for place in range(count)]


def _row(value: Any) -> Row:
    """One embedding (d,): numbers, or base64 of float32."""
    try:
        if isinstance(value, str):
            row = np.frombuffer(base64.b64decode(value, validate=True), "<f4")
        else:
            row = np.asarray(value, None if isinstance(value, np.ndarray) else np.float32)
    except (ValueError, TypeError, OverflowError, binascii.Error):
        return "its embedding is no list of numbers"
    if row.ndim != 1 or not 0 < row.size <= _MOST_NUMBERS or row.dtype.kind != "f":
        return f"its embedding is {row.dtype.name} of shape {row.shape}, not one list of numbers"
    return row


def _data_uri(data: bytes) -> str:
    suffix = kind_of(data) or "png"
    kind = {"jpg": "jpeg", "tif": "tiff", "ppm": "x-portable-pixmap"}.get(suffix, suffix)
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def only_model(web: Web) -> str:
    """The model of an endpoint that serves one. Raises InvalidRequest where it is to be named."""
    try:
        listed = web.ask("GET", "/models")["data"]
        names = [web.told(str(item["id"])) for item in listed]
    except (Refused, InvalidRequest, KeyError, TypeError):
        names = []
    if len(names) != 1:
        many = f"it serves {len(names)} models" if names else "it lists none"
        some = f", such as {', '.join(names[:3])}" if names else ""
        raise InvalidRequest(f"{web.place}: name the endpoint's model: {many}{some:.300}")
    return names[0]
