"""The split files of Karpathy and Fei-Fei: `dataset_coco.json` and those of the Flickr sets.

    {"images": [{"filepath": "val2014", "filename": "….jpg", "split": "test",
                 "sentences": [{"raw": "…"}, …]}, …], "dataset": "coco"}

The file of COCO has 144 MB: it is read piece by piece, and only the chosen split is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from clipbench.contract import Reason
from clipbench.datasets import entries
from clipbench.datasets.layouts import captions
from clipbench.datasets.types import Flaw
from clipbench.errors import DataError

_NEXT_ITEM = re.compile(r"[\s:\[,]*")
_PIECE = 256 * 1024
_MAX_ITEM = 16 * 1024 * 1024


class Damaged(Exception):
    """The JSON ends early or is none."""


def read_table(path: Path, split: str) -> captions.Table:
    """Captions of one split. Raises DataError when the file has no image of it."""
    table = captions.Table(path)
    seen: set[str] = set()
    try:
        with path.open(encoding="utf-8", errors="surrogateescape") as file:
            for number, item in enumerate(items(file, "images")):
                try:
                    seen.add(str(item["split"]))
                    if item["split"] != split:
                        table.passed_over("of another split")
                        continue
                    name = "/".join(filter(None, (item.get("filepath", ""), item["filename"])))
                    sentences = [str(sentence["raw"]) for sentence in item["sentences"]]
                except (KeyError, TypeError, AttributeError) as error:
                    flaw = Flaw(Reason.MEMBER_MISSING, f"it has no {error}")
                    table.damaged(f"images[{number}]", flaw)
                    continue
                encoded = (text.encode("utf-8", "surrogateescape") for text in sentences)
                table.add(
                    name, *(map(entries.caption, encoded) if sentences else [entries.NO_CAPTION])
                )
    except Damaged as damage:
        flaw = Flaw(Reason.SHARD_DAMAGED, "the file is cut off or damaged")
        table.damaged(str(damage), flaw, rows=0)
    if not table.rows:
        raise DataError(
            f"{path} has no split {split!r}; it has {', '.join(sorted(seen)) or 'none'}: "
            "choose with --split"
        )
    return table


def items(file: TextIO, key: str) -> Iterator[Any]:
    """The objects of the list under `key` of the outermost object, one by one.

    Holds one value and one piece of the file at a time. Raises Damaged at the first place that
    cannot be read.
    """
    decoder = json.JSONDecoder()
    text = file.read(_PIECE)
    mark = f'"{key}"'
    while mark not in text:
        piece = file.read(_PIECE)
        if not piece:
            raise Damaged(f"no {mark}")
        text = text[-len(mark) :] + piece
    position = text.index(mark) + len(mark)
    count = 0
    while True:
        position = _NEXT_ITEM.match(text, position).end()  # type: ignore[union-attr]
        if text.startswith("]", position):
            return
        try:
            value, position = decoder.raw_decode(text, position)
        except (json.JSONDecodeError, RecursionError):
            piece = file.read(_PIECE)
            if not piece or len(text) - position > _MAX_ITEM:
                raise Damaged(f"after {count} {key}") from None
            text, position = text[position:] + piece, 0
            continue
        yield value
        count += 1
