"""The reader that all layouts share: from entries to documents, from bytes to values."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import replace
from io import BytesIO
from math import prod

import numpy as np

from clipbench.contract import Reason, formats
from clipbench.datasets.inventory import Inventory
from clipbench.datasets.limits import MAX_CAPTIONS_BYTES, MAX_IMAGE_BYTES, MAX_LABEL_BYTES
from clipbench.datasets.types import (
    Document,
    Entry,
    Flaw,
    Gap,
    Image,
    Piece,
    Query,
    Role,
    Text,
    Unreadable,
    UnreadableKind,
)

_INTEGER = re.compile(rb"[+-]?[0-9]{1,18}")
MOST_GRADE = 2**31
_NPY_HEADER_BYTES = 10_000


def documents(
    entries: Iterable[Entry | Query | Gap | Piece],
    chosen: Container[int] | None = None,
    inventory: Inventory | None = None,
) -> Iterator[Document]:
    """Images, each followed by its texts; unreadable documents keep their places.

    Every entry takes one image position and one text position per caption, readable or not,
    `chosen` (image positions) or passed over. The role of each piece goes to the inventory.
    """
    inventory = inventory or Inventory()
    images = texts = gaps = 0
    for entry in entries:
        if isinstance(entry, Piece):
            inventory.add(entry)
            continue
        if isinstance(entry, Gap):
            inventory.add(*entry.pieces)
            yield Unreadable(
                f"{entry.source}!{gaps}",
                entry.source,
                entry.flaw.reason,
                entry.flaw.detail,
                UnreadableKind.SHARD,
            )
            gaps += 1
            continue
        if isinstance(entry, Query):
            inventory.add(*entry.pieces)
            yield _query(entry, texts)
            texts += 1
            continue
        if chosen is None or images in chosen:
            image = _image(entry, images)
            refused = isinstance(image, Unreadable)
            inventory.add(
                *(_refused(t, image.reason) for t in entry.pieces)
                if isinstance(image, Unreadable)
                else entry.pieces
            )
            yield image
            for number, caption in enumerate(entry.captions):
                yield _text(entry, number, caption, texts + number, image_refused=refused)
        else:
            inventory.add(
                *(
                    replace(t, role=Role.PASSED_OVER, why="not drawn for the sample")
                    for t in entry.pieces
                )
            )
        images += 1
        texts += len(entry.captions)


def _refused(piece: Piece, reason: Reason) -> Piece:
    """A piece of an image that is refused: its image, captions and label are refused with it."""
    if piece.role not in (Role.IMAGE, Role.CAPTIONS, Role.LABEL):
        return piece
    return replace(piece, role=Role.REFUSED, why=reason)


def _image(entry: Entry, index: int) -> Image | Unreadable:
    if isinstance(entry.image, Flaw):
        flaw = entry.image
    elif isinstance(entry.labels, Flaw):
        flaw = entry.labels
    else:
        return Image(entry.id, index, entry.image, entry.labels, entry.judgements, entry.groups)
    return Unreadable(entry.id, entry.source, flaw.reason, flaw.detail, UnreadableKind.IMAGE, index)


def _query(query: Query, index: int) -> Text | Unreadable:
    if isinstance(query.text, str):
        return Text(query.id, index, query.text, "", query.judgements)
    flaw = query.text
    return Unreadable(query.id, query.source, flaw.reason, flaw.detail, UnreadableKind.TEXT, index)


def _text(
    entry: Entry, number: int, caption: str | Flaw, index: int, *, image_refused: bool
) -> Text | Unreadable:
    id = f"{entry.id}#{number}"
    if isinstance(caption, Flaw):
        flaw = caption
    elif image_refused:
        flaw = Flaw(Reason.IMAGE_REFUSED, f"its image {entry.id} cannot be read")
    else:
        return Text(id, index, caption, entry.id)
    return Unreadable(id, entry.source, flaw.reason, flaw.detail, UnreadableKind.TEXT, index)


NO_BYTES = Flaw(Reason.EMPTY, "the file has no bytes")
NO_CAPTION = Flaw(Reason.EMPTY, "the image has no captions")


def unsupported(suffix: str) -> Flaw:
    """The flaw of an image in a format that is not decoded."""
    known = ", ".join(formats.FORMATS)
    return Flaw(Reason.NOT_AN_IMAGE, f".{suffix} files are not decoded, only {known}")


def image_too_large(size: int) -> Flaw:
    """The flaw of an image of `size` bytes."""
    return Flaw(Reason.IMAGE_TOO_LARGE, f"{size:,} bytes, the limit is {MAX_IMAGE_BYTES:,}")


def parse_captions(data: bytes) -> tuple[str | Flaw, ...]:
    """Captions of a `.txt` file, one a line; blank lines at the end are no captions.

    An empty file holds one caption, which is empty. Lines end where `str.splitlines` says, as in
    CLIP_benchmark. In a file that is not UTF-8 the lines that are remain usable.
    """
    if len(data) > MAX_CAPTIONS_BYTES:
        return (captions_too_large(len(data)),)
    data = data.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n\t ")
    if not data:
        return (Flaw(Reason.EMPTY, "the captions file is empty"),)
    try:
        return tuple(caption(line) for line in data.decode().splitlines())
    except UnicodeDecodeError:
        return tuple(caption(line) for line in data.split(b"\n"))


def captions_too_large(size: int) -> Flaw:
    """The flaw of a captions file of `size` bytes."""
    return Flaw(Reason.TEXT_TOO_LARGE, f"{size:,} bytes, the limit is {MAX_CAPTIONS_BYTES:,}")


def caption(value: str | bytes) -> str | Flaw:
    """One caption without surrounding white space."""
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError as error:
            return Flaw(
                Reason.TEXT_NOT_UTF8,
                f"byte {error.start} of the caption is {value[error.start : error.start + 1]!r}",
            )
    text = value.strip()
    return text if text else Flaw(Reason.EMPTY, "the caption is empty")


def grade(value: object) -> int | Flaw:
    """The grade of a judgement: a whole number, also as text."""
    text = str(value).strip()
    if _INTEGER.fullmatch(text.encode("utf-8", "replace")) and abs(int(text)) < MOST_GRADE:
        return int(text)
    return Flaw(Reason.JUDGEMENT_INVALID, f"the grade is {text[:40]!r}, not a whole number")


def parse_label(data: bytes) -> tuple[int] | Flaw:
    """The class index of a `.cls` file: a decimal integer. Its range is the evaluator's affair."""
    text = data.strip()
    if _INTEGER.fullmatch(text):
        return (int(text),)
    return Flaw(Reason.LABEL_INVALID, f"the label is {_shown(text)}, not an integer")


def parse_label_array(data: bytes, classes: int, *, multilabel: bool) -> tuple[int, ...] | Flaw:
    """Class indices of a `.npy` file.

    Multilabel: a vector of one 0 or 1 per class. Single label: one integer. Never unpickles, and
    never takes the header's word for the size.
    """
    array = _read_array(data, "biuf", Reason.LABEL_INVALID)
    if isinstance(array, Flaw):
        return array
    if not multilabel:
        if array.size == 1 and array.dtype.kind in "iu":
            return (int(array.reshape(())),)
        return Flaw(Reason.LABEL_INVALID, f"{_described(array)} is not one integer")
    if array.ndim != 1 or (classes and len(array) != classes):
        return Flaw(
            Reason.LABEL_INVALID, f"{_described(array)} is not a vector of {classes} classes"
        )
    if not np.isin(array, (0, 1)).all():
        return Flaw(Reason.LABEL_INVALID, f"{_described(array)} has values beside 0 and 1")
    return tuple(int(index) for index in np.flatnonzero(array))


def read_values(data: bytes, reason: Reason) -> list[int | str] | Flaw:
    """Whole numbers or texts of a `.npy`, in a row. Never unpickles."""
    array = _read_array(data, "biuUS", reason)
    if isinstance(array, Flaw):
        return array
    try:
        values = [v.decode() if isinstance(v, bytes) else v for v in array.ravel().tolist()]
    except ValueError as error:  # no Unicode
        return Flaw(reason, f"{_described(array)} holds no text: {error}")
    return [str(value) if isinstance(value, str) else int(value) for value in values]


def _read_array(
    data: bytes, kinds: str, reason: Reason
) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]] | Flaw:
    """kinds: letters of NumPy's types that are read."""
    if len(data) > MAX_LABEL_BYTES:
        return Flaw(reason, f"{len(data):,} bytes, the limit is {MAX_LABEL_BYTES:,}")
    stream = BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        header = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = header(stream, max_header_size=_NPY_HEADER_BYTES)
    except (ValueError, SyntaxError, TypeError, EOFError, RecursionError, MemoryError) as error:
        return Flaw(reason, f"not an array of numbers: {error}")
    if dtype.kind not in kinds or not dtype.itemsize:
        if dtype.hasobject:
            return Flaw(reason, "a pickled array, which nobody here unpickles")
        return Flaw(reason, f"an array of {dtype}, not of numbers")
    body = data[stream.tell() :]
    if min(shape, default=0) < 0 or prod(shape) * dtype.itemsize != len(body):
        return Flaw(reason, f"the array of shape {shape} has {len(body)} bytes")
    return np.frombuffer(body, dtype).reshape(shape)


def _described(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> str:
    return f"an array of {array.dtype} of shape {array.shape}"


def _shown(data: bytes) -> str:
    return repr(data[:40])[1:] + ("…" if len(data) > 40 else "")
