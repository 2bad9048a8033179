"""How data sets are laid out: one module a layout, and one table of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from clipbench.datasets.layouts import beside, coco, flickr, folders, parquet, table, wds
from clipbench.datasets.types import Contents
from clipbench.errors import DataError, InvalidRequest, UnknownName


@dataclass(frozen=True)
class Layout:
    """A way to lay a data set out: how it is recognised, and how it is opened.

    `recognise` says by what a path shows the layout, or None; `open` takes the path and the
    split, of which None is the layout's own choice. A layout is `marked` when it has files that
    no other has: then what else the path looks like does not matter.
    """

    name: str
    summary: str
    recognise: Callable[[Path], str | None]
    open: Callable[[Path, str | None], Contents]
    marked: bool = False


LAYOUTS = (
    Layout("wds", "shards and nshards.txt", wds.recognise, wds.open_folder, marked=True),
    Layout("coco", "COCO with a Karpathy split", coco.recognise, coco.open_folder, marked=True),
    Layout("flickr", "Flickr8k or Flickr30k", flickr.recognise, flickr.open_folder, marked=True),
    Layout("parquet", "Parquet with label or caption", parquet.recognise, parquet.open_parts),
    Layout("csv", "a CSV with columns image and caption", table.recognise, table.open_table),
    Layout("captions", "images with a .txt beside each", beside.recognise, beside.open_folder),
    Layout("classes", "a folder of images for each class", folders.recognise, folders.open_folder),
)


def find(path: Path, name: str | None = None) -> Layout:
    """The layout of the data at `path`, or the one of this name.

    Raises UnknownName, DataError when no layout fits, InvalidRequest when several do.
    """
    if name is not None:
        for layout in LAYOUTS:
            if layout.name == name:
                return layout
        raise UnknownName("layout", name, [layout.name for layout in LAYOUTS])
    if not path.exists():
        raise DataError(f"there is nothing at {path}")
    found = [(layout, why) for layout in LAYOUTS if (why := layout.recognise(path)) is not None]
    found = [(layout, why) for layout, why in found if layout.marked] or found
    if not found:
        known = "\n".join(f"  {layout.name}: {layout.summary}" for layout in LAYOUTS)
        raise DataError(f"{path} is laid out in no known way. Known are\n{known}")
    if len(found) > 1:
        ways = " or ".join(f"{layout.name} ({why})" for layout, why in found)
        raise InvalidRequest(f"{path} can be read as {ways}: name the layout to take")
    return found[0][0]
