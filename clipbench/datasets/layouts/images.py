"""A folder of images with judgements beside them: `qrels.txt`, `queries.tsv`, images anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clipbench.datasets.judgements import QRELS
from clipbench.datasets.layouts import (
    beside,
    captions,
    coco,
    files,
    flickr,
    parquet,
    table,
    wds,
)
from clipbench.datasets.types import Contents, Entry, Piece, Role, Task, Unit, Wanted
from clipbench.errors import DataError


def recognise(path: Path) -> str | None:
    """Why the path looks like this layout: judgements, and no table or shards of the images."""
    found = next((name for name in QRELS if (path / name).is_file()), None)
    tables = parquet.recognise, table.recognise, flickr.recognise, coco.recognise
    others = (*tables, wds.recognise, wds.recognise_shards, beside.recognise_img2dataset)
    return found if found and not any(other(path) for other in others) else None


def open_folder(path: Path, wanted: Wanted) -> Contents:
    """The images in a folder. Raises DataError, UnknownName."""
    captions.only_split(wanted.split, path)
    count = sum(1 for _ in files.images_below(path, path))
    if not count:
        raise DataError(f"{path} has no image beside its judgements")
    return Contents(Task.RETRIEVAL, _Images(path).read, "all", images=count)


@dataclass(frozen=True)
class _Images:
    path: Path

    def read(self, images: bool) -> Iterator[Entry | Piece]:
        for folder in files.walk(self.path):
            yield from folder.pieces
            for name in folder.names:
                if not files.is_image(name):
                    yield files.passed_over(folder.path / name, self.path, "")
                    continue
                id = files.name_of(folder.path / name, self.path)
                image = files.read_image(folder.path / name, images)
                yield Entry(id, id, image, pieces=(Piece(Unit.FILE, id, Role.IMAGE),))
