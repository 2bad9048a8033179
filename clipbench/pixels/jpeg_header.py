"""The size of a plain JPEG file in colour, while the interpreter's lock is held for a moment.

`PIL.Image.open` holds it for 23 µs a photo, this for 3.6 (docs/performance.md); decoding for none.
A header here has nothing but the segments of a usual photo, each whole and of the form in which
Pillow takes it; of any other file Pillow says what it is.
"""

from __future__ import annotations

_START, _MARKER = b"\xff\xd8\xff", 0xFF
_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive; coded by Huffman
_SCAN, _TABLES, _JFIF, _XMP, _ICC, _ADOBE = 0xDA, 0xDB, 0xE0, 0xE1, 0xE2, 0xEE
_SKIPPED = (0xC4, 0xDD, 0xFE)  # Huffman tables, restart interval, comment
_FRAME_BYTES = 17  # of three components
_TABLE_BYTES = 65  # of 8 bits a value
_OPENINGS = {  # of the segments of applications, with the fewest bytes that Pillow reads of them
    _JFIF: (b"JFIF\0", 16),
    _XMP: (b"http://ns.adobe.com/xap/1.0/\0", 31),
    _ICC: (b"ICC_PROFILE\0", 16),
    _ADOBE: (b"Adobe", 14),
}


def plain_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) of a JPEG file that Pillow opens in the mode RGB; None where it may not."""
    if not data.startswith(_START):
        return None
    size = None
    at, last = 2, len(data) - 4
    while at <= last and data[at] == _MARKER:
        marker, length = data[at + 1], data[at + 2] << 8 | data[at + 3]
        body, end = at + 4, at + 2 + length
        if length < 2 or end > len(data):
            return None
        if marker == _SCAN:
            return size
        if marker in _FRAMES:
            whole = length == _FRAME_BYTES and data[body] == 8 and data[body + 5] == 3
            if size is not None or not whole:
                return None
            height, width = data[body + 1 : body + 3], data[body + 3 : body + 5]
            size = int.from_bytes(width), int.from_bytes(height)
            if 0 in size:
                return None
        elif marker == _TABLES:
            kinds = data[body:end:_TABLE_BYTES]
            if (length - 2) % _TABLE_BYTES or max(kinds, default=0) > 15:
                return None
        elif marker in _OPENINGS:
            opening, fewest = _OPENINGS[marker]
            if length < fewest or not data.startswith(opening, body):
                return None
        elif marker not in _SKIPPED:
            return None
        at = end
    return None
