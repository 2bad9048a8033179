"""A job's documents, as the client writes them and the server reads them.

An image is a Document with a `blob`; a text and a prompt are Documents with a `text`. The rest are
tags: `index` (position in the data set, whole number), `label` (a whole number or a list of them),
`image_id` (string), `class_index` and `template_index`; `judgements` maps ids of images to grades.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from docarray import Document

from clipbench.contract.endpoints import Kind
from clipbench.contract.limits import Limits
from clipbench.contract.outcomes import Reason, Refusal
from clipbench.errors import InvalidRequest

Judged = tuple[tuple[str, int], ...]
"""Ids of images with their grades, by id; 0 or less is not relevant."""

_MOST_GRADE = 2**31


@dataclass(frozen=True, slots=True)
class Item:
    """The identity of one accepted document of a job, and its label or pairing."""

    id: str
    index: int
    labels: tuple[int, ...] = ()
    image_id: str = ""
    template_index: int = 0
    judgements: Judged = ()


class Refused(Exception):
    """Raised while a document is read; it carries the reason."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def image_document(
    id_: str, index: int, data: bytes, labels: Sequence[int] | None, judgements: Judged = ()
) -> Document:
    """An image of a job; `labels` is None in retrieval. One with judgements is a query too."""
    tags: dict[str, Any] = {"index": index}
    if judgements:
        tags["judgements"] = dict(judgements)
    if labels is not None:
        tags["label"] = labels[0] if len(labels) == 1 else list(labels)
    return Document(id=id_, blob=data, tags=tags)


def text_document(id_: str, index: int, text: str, image_id: str) -> Document:
    """A text that describes the image `image_id`."""
    return Document(id=id_, text=text, tags={"index": index, "image_id": image_id})


def query_document(id_: str, index: int, text: str, judgements: Judged) -> Document:
    """A text that looks for the images that were judged for it."""
    return Document(id=id_, text=text, tags={"index": index, "judgements": dict(judgements)})


def prompt_document(class_index: int, template_index: int, text: str) -> Document:
    """One prompt of one class."""
    tags = {"class_index": class_index, "template_index": template_index}
    return Document(id=f"{class_index}/{template_index}", text=text, tags=tags)


def class_document(index: int, name: str) -> Document:
    """One class name of an open request; the empty name is a name."""
    return Document(id=str(index), text=name)


def read_item(document: Document, kind: Kind, *, labelled: bool, limits: Limits) -> Item:
    """The identity of a job's document. Raises Refused with the reason."""
    id_ = document.id
    if not id_ or len(id_.encode()) > limits.id_bytes or "\0" in id_:
        raise Refused(Reason.ID_INVALID, f"an id has 1 to {limits.id_bytes} bytes, none of them 0")
    tags = document.tags
    if kind is Kind.PROMPT:
        return Item(
            id=id_,
            index=_whole(tags.get("class_index"), Reason.INDEX_INVALID, "class_index"),
            template_index=_whole(
                tags.get("template_index"), Reason.INDEX_INVALID, "template_index"
            ),
        )
    index = _whole(tags.get("index"), Reason.INDEX_INVALID, "index")
    judgements = _judgements(tags, limits)
    if kind is Kind.TEXT and judgements:
        return Item(id=id_, index=index, judgements=judgements)
    if kind is Kind.TEXT:
        image_id = tags.get("image_id")
        if not isinstance(image_id, str) or not image_id or "\0" in image_id:
            raise Refused(Reason.IMAGE_ID_MISSING, "tag 'image_id' must name the text's image")
        return Item(id=id_, index=index, image_id=image_id)
    return Item(
        id=id_, index=index, labels=_labels(tags) if labelled else (), judgements=judgements
    )


def read_content(document: Document, kind: Kind, limits: Limits) -> str | bytes:
    """The text or the image bytes of a job's document. Raises Refused with the reason."""
    if kind is Kind.IMAGE:
        blob = document.blob
        if not blob:
            raise Refused(Reason.EMPTY, "an image document carries its file in `blob`")
        if len(blob) > limits.image_bytes:
            raise Refused(
                Reason.IMAGE_TOO_LARGE, f"{len(blob)} bytes; the limit is {limits.image_bytes}"
            )
        return bytes(blob)
    text: str = document.text
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:  # half of a surrogate pair, which JSON can carry
        raise Refused(Reason.TEXT_NOT_UTF8, f"character {error.start} has no UTF-8") from error
    # a prompt may be empty (an empty class name in a bare template); an empty caption says nothing
    if kind is Kind.TEXT and not text.strip():
        raise Refused(Reason.EMPTY, "the text is empty")
    if size > limits.text_bytes:
        raise Refused(Reason.TEXT_TOO_LARGE, f"{size} bytes; the limit is {limits.text_bytes}")
    return text


def answer(documents: Sequence[Document]) -> dict[str, Any]:
    """The JSON object of an answer. Raises InvalidRequest when it is not one document."""
    if len(documents) != 1:
        raise InvalidRequest("the server did not answer the contract's way; is it a clipbench?")
    content: dict[str, Any] = json.loads(documents[0].text)
    return content


def refusal(document: Document, refused: Refused, limits: Limits) -> Refusal:
    """The record of a refused document, its id cut to the limit."""
    id_ = document.id.encode()[: limits.id_bytes].decode(errors="ignore").replace("\0", "")
    return Refusal(id_, refused.reason, refused.detail)


def index_or_none(document: Document) -> int:
    """The document's position for the record of a refusal, -1 when it has none."""
    tags = document.tags
    try:
        return _whole(tags.get("index", tags.get("class_index")), Reason.INDEX_INVALID, "index")
    except Refused:
        return -1


def _whole(value: Any, reason: Reason, tag: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(reason, f"tag {tag!r} must be a whole number, not {value!r:.200}")
    if not 0 <= value < 2**53 or value != int(value):
        if reason is Reason.LABEL_INVALID and value == value and value < 0:
            raise Refused(Reason.LABEL_OUT_OF_RANGE, f"label {value:.16g} is negative")
        raise Refused(
            reason, f"tag {tag!r} must be a whole number from 0 to 2^53, not {value!r:.200}"
        )
    return int(value)


def _judgements(tags: Any, limits: Limits) -> Judged:
    """The tag `judgements`, sorted by id; empty without it."""
    value = tags.get("judgements")
    if value is None:
        return ()
    try:
        found = sorted((str(id_), grade) for id_, grade in dict(value).items())
    except (TypeError, ValueError) as error:
        raise Refused(
            Reason.JUDGEMENT_INVALID, "tag 'judgements' must map ids of images to grades"
        ) from error
    if not found:
        raise Refused(Reason.JUDGEMENT_INVALID, "tag 'judgements' is empty")
    for id_, grade in found:
        if not id_ or len(id_.encode()) > limits.id_bytes or "\0" in id_:
            raise Refused(
                Reason.JUDGEMENT_INVALID, f"an id of an image has 1 to {limits.id_bytes} bytes"
            )
        number = isinstance(grade, int | float) and not isinstance(grade, bool)
        if not number or not abs(grade) < _MOST_GRADE or grade != int(grade):
            raise Refused(
                Reason.JUDGEMENT_INVALID, f"a grade is a whole number, not {grade!r:.100}"
            )
    return tuple((id_, int(grade)) for id_, grade in found)


def _labels(tags: Any) -> tuple[int, ...]:
    value = tags.get("label")
    if value is None:
        raise Refused(Reason.LABEL_MISSING, "tag 'label' must hold the class index")
    if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
        return (_whole(value, Reason.LABEL_INVALID, "label"),)
    return tuple(sorted({_whole(item, Reason.LABEL_INVALID, "label") for item in value}))
