"""A job's documents, as the client writes them and the server reads them.

The content is an image's file, or a text in UTF-8. The rest are
tags: `index` (position in the data set, whole number), `label` (a whole number or a list of them),
`image_id` (string), `class_index` and `template_index`; `judgements` maps ids of images to grades,
`groups` columns to the group that an image is in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docarray import Document

from clipbench.contract.endpoints import Kind
from clipbench.contract.limits import Limits
from clipbench.contract.outcomes import Reason, Refusal
from clipbench.errors import InvalidRequest

Judged = tuple[tuple[str, int], ...]
"""Ids of images with their grades, by id; 0 or less is not relevant."""

Groups = tuple[tuple[str, str], ...]
"""Columns with the group that an image is in, by column."""

_MOST_GRADE = 2**31
MOST_COLUMNS = 8  # of groups
LONGEST_GROUP = 100  # characters
COLUMN = re.compile("[a-z0-9_]{1,40}")


@dataclass(frozen=True, slots=True)
class JobDocument:
    """One document of a job on its way: `content` is the file of an image, or a text in UTF-8."""

    id: str
    content: bytes
    tags: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Item:
    """The identity of one accepted document of a job, and its label or pairing."""

    id: str
    index: int
    labels: tuple[int, ...] = ()
    image_id: str = ""
    template_index: int = 0
    judgements: Judged = ()
    groups: Groups = ()


class Refused(Exception):
    """Raised while a document is read; it carries the reason."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def image_document(
    id_: str,
    index: int,
    data: bytes,
    labels: Sequence[int] | None,
    judgements: Judged = (),
    groups: Groups = (),
) -> JobDocument:
    """An image of a job; `labels` is None in retrieval. One with judgements is a query too."""
    tags: dict[str, Any] = {"index": index}
    if judgements:
        tags["judgements"] = dict(judgements)
    if labels is not None:
        tags["label"] = labels[0] if len(labels) == 1 else list(labels)
    if groups:
        tags["groups"] = dict(groups)
    return JobDocument(id_, data, tags)


def text_document(id_: str, index: int, text: str, image_id: str) -> JobDocument:
    """A text that describes the image `image_id`. Raises InvalidRequest where it has no UTF-8."""
    return JobDocument(id_, _utf8(text), {"index": index, "image_id": image_id})


def query_document(id_: str, index: int, text: str, judgements: Judged) -> JobDocument:
    """A text that looks for the images that were judged for it. Raises as `text_document` does."""
    return JobDocument(id_, _utf8(text), {"index": index, "judgements": dict(judgements)})


def prompt_document(class_index: int, template_index: int, text: str) -> JobDocument:
    """One prompt of one class. Raises InvalidRequest where it has no UTF-8."""
    tags = {"class_index": class_index, "template_index": template_index}
    return JobDocument(f"{class_index}/{template_index}", _utf8(text), tags)


def class_document(index: int, name: str) -> Document:
    """One class name of an open request; the empty name is a name."""
    return Document(id=str(index), text=name)


def read_item(document: JobDocument, kind: Kind, *, labelled: bool, limits: Limits) -> Item:
    """The identity of a job's document. Raises Refused with the reason."""
    id_ = document.id
    if not _is_id(id_, limits):
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
        if not isinstance(image_id, str) or not image_id or "\0" in image_id or _halved(image_id):
            raise Refused(Reason.IMAGE_ID_MISSING, "tag 'image_id' must name the text's image")
        return Item(id=id_, index=index, image_id=image_id)
    return Item(
        id=id_,
        index=index,
        labels=_labels(tags) if labelled else (),
        judgements=judgements,
        groups=_groups(tags) if labelled else (),
    )


def read_content(document: JobDocument, kind: Kind, limits: Limits) -> str | bytes:
    """The text or the image bytes of a job's document. Raises Refused with the reason."""
    content = document.content
    if kind.is_image:
        if not content:
            raise Refused(Reason.EMPTY, "an image's content is its file")
        if len(content) > limits.image_bytes:
            raise Refused(
                Reason.IMAGE_TOO_LARGE, f"{len(content)} bytes; the limit is {limits.image_bytes}"
            )
        return content
    if len(content) > limits.text_bytes:
        raise Refused(
            Reason.TEXT_TOO_LARGE, f"{len(content)} bytes; the limit is {limits.text_bytes}"
        )
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise Refused(Reason.TEXT_NOT_UTF8, f"byte {error.start} is no UTF-8") from error
    # a prompt may be empty (an empty class name in a bare template); an empty caption says nothing
    if kind is Kind.TEXT and not text.strip():
        raise Refused(Reason.EMPTY, "the text is empty")
    return text


def answer(documents: Sequence[Document]) -> dict[str, Any]:
    """The JSON object of an answer. Raises InvalidRequest when it is not one document."""
    if len(documents) != 1:
        raise InvalidRequest("the server did not answer the contract's way; is it a clipbench?")
    content: dict[str, Any] = json.loads(documents[0].text)
    return content


def refusal(document: JobDocument, refused: Refused, limits: Limits) -> Refusal:
    """The record of a refused document, its id cut to the limit."""
    id_ = (
        document.id.encode(errors="replace")[: limits.id_bytes]
        .decode(errors="ignore")
        .replace("\0", "")
    )
    return Refusal(id_, refused.reason, refused.detail)


def index_or_none(document: JobDocument) -> int:
    """The document's position for the record of a refusal, -1 when it has none."""
    tags = document.tags
    try:
        return _whole(tags.get("index", tags.get("class_index")), Reason.INDEX_INVALID, "index")
    except Refused:
        return -1


def _is_id(value: str, limits: Limits) -> bool:
    """Whether it can be kept: not empty, not too long, without a zero byte and half a character."""
    if not value or "\0" in value or _halved(value):
        return False
    return len(value) * 4 <= limits.id_bytes or len(value.encode()) <= limits.id_bytes


def _halved(text: str) -> bool:
    """Whether it holds half of a surrogate pair, which JSON can carry and UTF-8 cannot."""
    return not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text)


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"{text!r:.200} cannot be sent as UTF-8") from error


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
        if not _is_id(id_, limits):
            raise Refused(
                Reason.JUDGEMENT_INVALID, f"an id of an image has 1 to {limits.id_bytes} bytes"
            )
        number = isinstance(grade, int | float) and not isinstance(grade, bool)
        if not number or not abs(grade) < _MOST_GRADE or grade != int(grade):
            raise Refused(
                Reason.JUDGEMENT_INVALID, f"a grade is a whole number, not {grade!r:.100}"
            )
    return tuple((id_, int(grade)) for id_, grade in found)


def _groups(tags: Any) -> Groups:
    """The tag `groups`, sorted by column; empty without it."""
    value = tags.get("groups")
    if value is None:
        return ()
    try:
        found = sorted(dict(value).items())
    except (TypeError, ValueError) as error:
        raise Refused(Reason.GROUP_INVALID, "tag 'groups' must map columns to groups") from error
    if len(found) > MOST_COLUMNS:
        raise Refused(Reason.GROUP_INVALID, f"at most {MOST_COLUMNS} columns of groups")
    for column, group in found:
        if not isinstance(column, str) or not COLUMN.fullmatch(column):
            detail = "a column of groups has 1 to 40 small letters, digits and underscores"
            raise Refused(Reason.GROUP_INVALID, detail)
        if not isinstance(group, str) or not 1 <= len(group) <= LONGEST_GROUP or _halved(group):
            detail = f"a group is a text of 1 to {LONGEST_GROUP} characters"
            raise Refused(Reason.GROUP_INVALID, detail)
        if not group.isprintable():
            raise Refused(Reason.GROUP_INVALID, "a group has printable characters only")
    return tuple(found)


def _labels(tags: Any) -> tuple[int, ...]:
    value = tags.get("label")
    if value is None:
        raise Refused(Reason.LABEL_MISSING, "tag 'label' must hold the class index")
    if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
        return (_whole(value, Reason.LABEL_INVALID, "label"),)
    return tuple(sorted({_whole(item, Reason.LABEL_INVALID, "label") for item in value}))
