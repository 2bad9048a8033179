"""The body of a request, read.

`input` is a text, a `data:` URI of an image, or a list of them (infinity names the `modality` of
all); a content part (`{"type": "image_url", …}`, `{"image": …}`) may stand for each. vLLM's
`messages` is one conversation, or a list of them, of one content part each. Token arrays are
refused: they are of another model's tokenizer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clipbench.embeddings_api.answer import ApiError
from clipbench.encode_settings import setting_choices

_IMAGE_URI = re.compile(r"data:image/[\w.+-]+;base64,", re.ASCII)
_MOST_NAME = 512  # characters of a model's name
_KNOWN = {"model", "input", "messages", "modality", "encoding_format", "dimensions", "user"}
_TOKENS = (
    "token arrays are not taken: they are of another model's tokenizer. Send strings "
    "(LangChain: check_embedding_ctx_length=False)"
)


@dataclass(frozen=True)
class Input:
    """One text, or one image as its URI; the encoder refuses a URI that is not `data:`."""

    content: str
    image: bool = False


@dataclass(frozen=True)
class EmbeddingsRequest:
    """dimensions: keep the first so many numbers; None is all. parameters: the encode settings."""

    model: str
    inputs: tuple[Input, ...]
    base64: bool = False
    dimensions: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, body: bytes, most: int) -> EmbeddingsRequest:
        """most: inputs of a request. Raises ApiError with the parameter at fault."""
        try:
            given = json.loads(body)
        except (ValueError, RecursionError):
            raise ApiError(400, "the body is not JSON", code="invalid_json") from None
        if not isinstance(given, dict):
            raise ApiError(400, "the body must be a JSON object", code="invalid_json")
        settings = setting_choices().keys() | {"forced"}
        for name in given:
            if name not in _KNOWN | settings:
                raise ApiError(400, f"unknown parameter {name!r:.100}", name[:100])
        format_ = given.get("encoding_format") or "float"
        if format_ not in ("float", "base64"):
            raise ApiError(400, "it is 'float' or 'base64'", "encoding_format")
        return cls(
            _model(given.get("model")),
            _inputs(given, most),
            format_ == "base64",
            _dimensions(given.get("dimensions")),
            {name: _setting(given, name) for name in settings & given.keys()},
        )


def _model(name: Any) -> str:
    if not isinstance(name, str) or not 0 < len(name) <= _MOST_NAME or not _encodes(name):
        raise ApiError(400, "name the model: GET /v1/models lists the names", "model")
    return name


def _setting(given: Mapping[str, Any], name: str) -> str | bool:
    value = given[name]
    if isinstance(value, bool) or (isinstance(value, str) and _encodes(value)):
        return value
    raise ApiError(400, "a string; `forced` is true or false", name)


def _dimensions(value: Any) -> int | None:
    if value is None or value == 0:  # infinity's way to say all
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ApiError(400, "a whole number from 1", "dimensions")
    return value


def _inputs(given: Mapping[str, Any], most: int) -> tuple[Input, ...]:
    if ("input" in given) == ("messages" in given):
        raise ApiError(400, "send either `input` or `messages`", "input")
    for name in ("input", "messages"):
        if isinstance(items := given.get(name), list) and len(items) > most:
            raise ApiError(
                413, f"{len(items)} in a request; the limit is {most}", name, "too_large"
            )
    modality = given.get("modality")
    if modality not in (None, "text", "image"):
        raise ApiError(400, "the models read 'text' and 'image'", "modality")
    if "messages" in given:
        return _conversations(given["messages"])
    value = given["input"]
    items = value if isinstance(value, list) else [value]
    if not items:
        raise ApiError(400, "the list is empty", "input")
    return tuple(_item(item, modality, f"input[{i}]") for i, item in enumerate(items))


def _item(item: Any, modality: str | None, place: str) -> Input:
    if isinstance(item, int | list) and not isinstance(item, bool):
        raise ApiError(400, f"{place}: {_TOKENS}", "input", "tokens_not_taken")
    if isinstance(item, dict):
        return _part(item, place)
    if not isinstance(item, str):
        raise ApiError(400, f"{place}: a string, or an object of one", "input")
    return _input(item, modality == "image" or (not modality and _is_image(item)), place)


def _is_image(text: str) -> bool:
    return _IMAGE_URI.match(text) is not None


def _part(part: Mapping[str, Any], place: str) -> Input:
    """A content part as chat messages have them, or `{"text": …}` and `{"image": …}` alone."""
    for name, image in (("text", False), ("image_url", True), ("image", True)):
        content = part.get(name)
        if isinstance(content, dict):
            content = content.get("url")
        if isinstance(content, str) and part.get("type", name) == name:
            return _input(content, image, place)
    raise ApiError(400, f"{place}: a part of type 'text' or 'image_url'", place.partition("[")[0])


def _conversations(value: Any) -> tuple[Input, ...]:
    if not isinstance(value, list) or not value:
        raise ApiError(400, "a list of messages, or of lists of them", "messages")
    several = all(isinstance(item, list) for item in value)
    each = value if several else [value]
    return tuple(_conversation(item, f"messages[{i}]") for i, item in enumerate(each))


def _conversation(messages: list[Any], place: str) -> Input:
    """The one part of the one message: these models embed a text or an image, not both."""
    content = messages[0].get("content") if messages and isinstance(messages[0], dict) else None
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if len(messages) == 1 and isinstance(content, list) and len(content) == 1:
        (part,) = content
        if isinstance(part, dict):
            return _part(part, place)
    raise ApiError(
        400, f"{place}: one message with one text or one image has one embedding", "messages"
    )


def _input(content: str, image: bool, place: str) -> Input:
    if not _encodes(content):
        name = place.partition("[")[0]
        raise ApiError(400, f"{place}: half a surrogate pair is no text", name, "text_not_utf8")
    return Input(content, image)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
