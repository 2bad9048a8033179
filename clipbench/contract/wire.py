"""The little of protobuf's encoding that lets a message be written, or cut in two, in one copy.

A field is its number and type in one varint, its length in another, then its bytes
(https://protobuf.dev/programming-guides/encoding). Every field of a request is of that kind.
"""

from __future__ import annotations

from collections.abc import Sequence

DATA = 4  # the field of a request (Jina's DataRequestProto) that holds its documents
_DOCUMENTS, _DOCUMENT, _BLOB = 1, 1, 2  # of DataContentProto, DocumentArrayProto, DocumentProto
_WITH_LENGTH = 2  # the type of such a field
_LONGEST = 10  # bytes of a varint


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

    None where the message has a field of another type or ends within one.
    """
    others: list[memoryview] = []
    taken: list[memoryview] = []
    whole = memoryview(message)
    at = 0
    while at < len(message):
        start = at
        kind, at = _read_varint(message, at)
        length, at = _read_varint(message, at)
        if kind & 7 != _WITH_LENGTH or at + length > len(message):
            return None
        at += length
        (taken if kind >> 3 == number else others).append(whole[start:at])
    return b"".join(others), taken


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    written.append(value)
    return bytes(written)


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """The value, and where it ends; past the end of the message where it is cut off."""
    value = 0
    for place, byte in enumerate(message[at : at + _LONGEST]):
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, at + place + 1
    return 0, len(message) + 1
