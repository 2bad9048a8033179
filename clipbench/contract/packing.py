"""A job's documents as they travel from a client: one Document whose `blob` is the whole batch.

The blob begins with the length of a table in bytes (4 bytes, the lowest first), then comes the
table, then the contents one after the other. The table is JSON in UTF-8:

    {"version": 1, "ids": ["a", "b"], "sizes": [1024, 980],
     "tags": {"index": [0, 1], "label": [3, null]}}

with a value for each document in each list; null is a tag that the document has not got. A size is
the number of bytes of a content, so that contents neither overlap nor leave a gap.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from docarray import Document

from clipbench.contract.documents import JobDocument
from clipbench.contract.limits import Limits
from clipbench.errors import InvalidRequest, TooLarge

VERSION = 1
_KEYS = {"version", "ids", "sizes", "tags"}
_LENGTH = 4  # bytes
_MOST_TAGS = 16
_TABLE_SHARE = 4  # a table has at most one fourth of a request's bytes (read, it takes tenfold)


def pack(documents: Sequence[JobDocument]) -> Document:
    """The batch as one Document. Raises InvalidRequest for an id or tag that has no UTF-8."""
    return Document(blob=b"".join(packed(documents)))


def packed(documents: Sequence[JobDocument]) -> list[bytes]:
    """The parts of the batch's `blob`. Raises InvalidRequest as `pack` does."""
    names = dict.fromkeys(name for document in documents for name in document.tags)
    table = {
        "version": VERSION,
        "ids": [document.id for document in documents],
        "sizes": [len(document.content) for document in documents],
        "tags": {name: [document.tags.get(name) for document in documents] for name in names},
    }
    text = json.dumps(table, ensure_ascii=False, separators=(",", ":"))
    try:
        head = text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"{error.object!r:.200} cannot be sent as UTF-8") from error
    length = len(head).to_bytes(_LENGTH, "little")
    return [length, head, *[document.content for document in documents]]


def unpack(documents: Sequence[Document], limits: Limits) -> list[JobDocument]:
    """The documents of a batch; what they hold is not looked at.

    Raises InvalidRequest for what `pack` does not make, TooLarge past the limits of a request.
    """
    if len(documents) != 1:
        raise InvalidRequest(
            f"a batch of a job is one packed document (docs/contract.md), not {len(documents)}"
        )
    blob: bytes | memoryview = documents[0].blob or b""
    start = _LENGTH + int.from_bytes(blob[:_LENGTH], "little")
    if start > len(blob):
        raise _invalid(f"`blob` of {len(blob)} bytes ends within its table")
    table = _table(bytes(blob[_LENGTH:start]), limits)
    ids, sizes, tags = table["ids"], table["sizes"], table["tags"]
    if not isinstance(ids, list) or not all(isinstance(id_, str) for id_ in ids):
        raise _invalid("'ids' are strings")
    if len(ids) > limits.documents_per_request:
        raise TooLarge(
            f"{len(ids)} documents in a request; the limit is {limits.documents_per_request}"
        )
    if not isinstance(sizes, list) or not all(type(size) is int and size >= 0 for size in sizes):
        raise _invalid("'sizes' are whole numbers from 0")
    if sum(sizes) != len(blob) - start:
        raise _invalid(f"'sizes' make {sum(sizes)} bytes, `blob` has {len(blob) - start}")
    if not isinstance(tags, dict) or len(tags) > _MOST_TAGS:
        raise _invalid(f"'tags' maps at most {_MOST_TAGS} names to a value for each document")
    columns = list(tags.values())
    if not all(
        isinstance(column, list) and len(column) == len(ids) for column in (sizes, *columns)
    ):
        raise _invalid("every list has as many values as 'ids'")
    found = []
    for number, (id_, size) in enumerate(zip(ids, sizes, strict=True)):
        values = {name: column[number] for name, column in tags.items()}
        found.append(JobDocument(id_, bytes(blob[start : start + size]), values))
        start += size
    return found


def _table(head: bytes, limits: Limits) -> dict[str, Any]:
    most = limits.request_bytes // _TABLE_SHARE
    if len(head) > most:
        raise TooLarge(f"ids and tags of {len(head)} bytes; the limit is {most}")
    try:
        table = json.loads(head.decode(), parse_constant=_not_finite)
    except (ValueError, RecursionError) as error:
        raise _invalid(f"its table is no JSON: {error}") from error
    if not isinstance(table, dict) or set(table) != _KEYS:
        raise _invalid(f"a table has {', '.join(sorted(_KEYS))}")
    if table["version"] != VERSION:
        raise _invalid(
            f"version {table['version']!r:.50}, this server reads {VERSION}: client and server are "
            "of different releases"
        )
    return table


def _not_finite(name: str) -> float:
    raise ValueError(f"{name} is no finite number")


def _invalid(what: str) -> InvalidRequest:
    return InvalidRequest(f"a batch of a job (docs/contract.md): {what}")
