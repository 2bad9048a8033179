"""Flickr8k and Flickr30k as distributed, with one of the captions files that are about:

- `captions.txt`: a line `image,caption` to begin with, then `1000.jpg,A child …` (Kaggle)
- `results_20130124.token`, `Flickr8k.token.txt`: `1000.jpg#0<tab>A child …` (the authors)
- `results.csv`: `1000.jpg| 0| A child …` (Kaggle), of which one line lacks its second bar

Split `all`, the published one, is the whole file. Any other split is read from a Karpathy file:
`flickr8k_test_karpathy.txt`, or `dataset_flickr8k.json` and `dataset_flickr30k.json`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path

from clipbench.contract import Reason
from clipbench.datasets import entries, tarstream
from clipbench.datasets.layouts import captions, files, karpathy
from clipbench.datasets.types import Contents, Flaw, Role, Wanted
from clipbench.errors import DataError

Row = tuple[str, bytes]
"""The image's name and its caption."""

_FOLDERS = (
    *("Images", "images", "Flicker8k_Dataset", "Flickr8k_Dataset"),
    *("flickr30k_images", "flickr30k-images", "flickr30k_images/flickr30k_images"),
)
_COMMA = re.compile(rb"(.+?\.(?:jpe?g|png|webp)),(.*)", re.IGNORECASE | re.DOTALL)
_TOKEN = re.compile(rb"(.+?)#\d+\t(.*)", re.DOTALL)
_BAR = re.compile(rb"([^|]+)\|\s*\d+(?:\s*\||\s)(.*)", re.DOTALL)


def recognise(path: Path) -> str | None:
    """Why the path looks like this layout: one of the captions or split files."""
    if not path.is_dir():
        return None
    found = _captions_file(path) or next(iter(_split_files(path)), None)
    return found.name if found else None


def open_folder(path: Path, wanted: Wanted) -> Contents:
    """The data set in a folder; the split is `all` unless told. Raises DataError."""
    split = wanted.split or "all"
    folders = (path, *(path / name for name in _FOLDERS))
    return captions.contents(_table(path, split), folders, split, root=path)


def read_table(path: Path) -> captions.Table:
    """The captions of a captions file of any of the three forms."""
    parse = _form(path)
    if parse is None:
        raise DataError(f"{path} is no captions file of Flickr8k or Flickr30k")
    table = captions.Table(path)
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                table.passed_over("blank line")
                continue
            if number == 1 and _is_header(line):
                table.passed_over("header", Role.METADATA)
                continue
            row = parse(line.rstrip(b"\r\n"))
            if row is None:
                flaw = Flaw(Reason.MEMBER_MISSING, "the line has no image and caption")
                table.damaged(f"line {number}", flaw)
            else:
                table.add(row[0], entries.caption(row[1]))
    return table


def _table(path: Path, split: str) -> captions.Table:
    if split == "all":
        file = _captions_file(path)
        if file is None:
            raise DataError(
                f"{path} has no captions file (captions.txt or a token file), which holds split "
                f"all; {_split_files(path)[0].name} holds others: name one with --split"
            )
        return read_table(file)
    for file in _split_files(path):
        if file.suffix == ".json":
            return karpathy.read_table(file, split)
        if file.name.endswith(f"_{split}_karpathy.txt"):
            return read_table(file)
    raise DataError(
        f"{path} says nothing of split {split!r}: put dataset_flickr8k.json or "
        f"flickr8k_{split}_karpathy.txt (30k likewise) beside the images, or take split all"
    )


def _captions_file(path: Path) -> Path | None:
    patterns = ("captions.txt", "*.token", "*.token.txt", "results.csv")
    found = (file for pattern in patterns for file in sorted(path.glob(pattern)))
    return next((file for file in found if files.is_there(file) and _form(file)), None)


def _split_files(path: Path) -> list[Path]:
    patterns = ("flickr*_karpathy.txt", "dataset_flickr*k.json")
    found = (file for pattern in patterns for file in sorted(path.glob(pattern)))
    return list(filter(files.is_there, found))


def _form(path: Path) -> Callable[[bytes], Row | None] | None:
    """How the lines of a captions file are read, told from its first lines."""
    with path.open("rb") as file:
        lines = [file.readline(1 << 16).rstrip(b"\r\n") for _ in range(2)]
    for parse in (_token_row, _bar_row, _comma_row):
        if parse(lines[1] if _is_header(lines[0]) else lines[0]) is not None:
            return parse
    return None


def _is_header(line: bytes) -> bool:
    return line.removeprefix(b"\xef\xbb\xbf").lower().startswith((b"image,", b"image_name|"))


def _comma_row(line: bytes) -> Row | None:
    match = _COMMA.fullmatch(line)
    if match is None:
        return None
    caption = match[2].strip()
    if caption.startswith(b'"') and caption.endswith(b'"') and len(caption) > 1:
        try:
            text = next(csv.reader([caption.decode("utf-8", "surrogateescape")]), [""])
        except csv.Error:
            text = []
        if len(text) == 1:
            caption = text[0].encode("utf-8", "surrogateescape")
    return tarstream.text(match[1]), caption


def _token_row(line: bytes) -> Row | None:
    match = _TOKEN.fullmatch(line)
    return (tarstream.text(match[1].strip()), match[2]) if match else None


def _bar_row(line: bytes) -> Row | None:
    match = _BAR.fullmatch(line)
    return (tarstream.text(match[1].strip()), match[2]) if match else None
