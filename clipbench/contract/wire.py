"""The little of protobuf's encoding that lets a message be written, or cut in two, in one copy.

A field is its number and type in one varint, its length in another, then its bytes
(https://protobuf.dev/programming-guides/encoding). Every field of a request is of that kind.
"""

from __future__ import annotations

from collections.abc import Sequence

DATA = 4  # the field of a request (Jina's DataRequestProto) that holds its documents
_DOCUMENTS, _DOCUMENT = 1, 1  # of DataContentProto, DocumentArrayProto
_ID, _BLOB = 1, 2  # of DocumentProto
_WITH_LENGTH = 2  # the type of such a field
_LONGEST = 10  # bytes of a varint
_MOST_FIELDS = 256  # a request has a handful; of millions, protobuf's own reader is quicker


def request(head: bytes, blob: Sequence[bytes]) -> bytes:
    """A request with one Document, whose `blob` is these parts; head: the request without it."""
    document = field(_BLOB, blob)
    return b"".join([head, *field(DATA, field(_DOCUMENTS, field(_DOCUMENT, document)))])


def field(number: int, parts: Sequence[bytes]) -> list[bytes]:
    """A field whose bytes are these parts, one after the other."""
    length = sum(map(len, parts))
    return [_varint(number << 3 | _WITH_LENGTH) + _varint(length), *parts]


def without(message: bytes, number: int) -> tuple[bytes, list[memoryview]] | None:
    """The message without that field, and the field each time that it is there, number included.

    None where the message has a field of another type, ends within one or has very many.
    """
    found = _fields(memoryview(message))
    if found is None:
        return None
    others = b"".join(whole for kind, whole, _ in found if kind != number)
    return others, [whole for kind, whole, _ in found if kind == number]


def lone_blob(data: memoryview) -> memoryview | None:
    """The `blob` of the one Document in the field `DATA` of a request; None where it has more."""
    for number in (DATA, _DOCUMENTS, _DOCUMENT):
        found = _fields(data)
        if found is None or [kind for kind, _, _ in found] != [number]:
            return None
        data = found[0][2]
    parts = {kind: content for kind, _, content in _fields(data) or ()}
    return parts.get(_BLOB) if parts.keys() <= {_ID, _BLOB} else None


def _fields(message: memoryview) -> list[tuple[int, memoryview, memoryview]] | None:
    """Each field's number, its bytes with and without number and length; None as in `without`."""
    found: list[tuple[int, memoryview, memoryview]] = []
    at = 0
    while at < len(message):
        start = at
        kind, at = _read_varint(message, at)
        length, at = _read_varint(message, at)
        end = at + length
        if kind & 7 != _WITH_LENGTH or end > len(message) or len(found) == _MOST_FIELDS:
            return None
        found.append((kind >> 3, message[start:end], message[at:end]))
        at = end
    return found


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    written.append(value)
    return bytes(written)


def _read_varint(message: memoryview, at: int) -> tuple[int, int]:
    """The value, and where it ends; past the end of the message where it is cut off."""
    value = 0
    for place, byte in enumerate(message[at : at + _LONGEST]):
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, at + place + 1
    return 0, len(message) + 1
