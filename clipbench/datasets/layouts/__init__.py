"""How data sets are laid out: one module a layout, and one table of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from clipbench.datasets.layouts import (
    associations,
    beside,
    coco,
    compared,
    flickr,
    folders,
    images,
    languages,
    parquet,
    seen,
    table,
    wds,
)
from clipbench.datasets.types import Contents, Wanted
from clipbench.errors import DataError, InvalidRequest, UnknownName


@dataclass(frozen=True)
class Layout:
    """One way to lay a data set out, with the functions that recognise and open it.

    `recognise` returns the evidence that a path has this layout, or None; `open` takes the path and
    the person's choices. `mark` finds files that no other layout has: such a path has this layout,
    whatever else it looks like. `columns`: a person may name the table's columns.
    """

    name: str
    summary: str
    recognise: Callable[[Path], str | None]
    open: Callable[[Path, Wanted], Contents]
    mark: Callable[[Path], str | None] = lambda path: None
    columns: bool = False


LAYOUTS = (
    Layout("wds", "shards and nshards.txt", wds.recognise, wds.open_folder, wds.recognise),
    Layout("coco", "COCO with a Karpathy split", coco.recognise, coco.open_folder, coco.recognise),
    Layout(
        *("flickr", "Flickr8k or Flickr30k", flickr.recognise, flickr.open_folder),
        mark=flickr.recognise,
    ),
    Layout(
        *("comparisons", "captions with hard negatives", compared.recognise, compared.open_tables),
        mark=compared.recognise,
    ),
    Layout(
        *("associations", "cues with candidate images, as WinoGAViL", associations.recognise),
        *(associations.open_table, associations.recognise),
    ),
    Layout(
        *("languages", "captions in several languages", languages.recognise),
        *(languages.open_language, languages.recognise),
    ),
    Layout("shards", "tar files without nshards.txt", wds.recognise_shards, wds.open_shards),
    Layout(
        *("parquet", "Parquet with label or caption", parquet.recognise, parquet.open_parts),
        columns=True,
    ),
    Layout(
        *("csv", "a CSV or JSON Lines file with columns image and caption"),
        *(table.recognise, table.open_table),
        columns=True,
    ),
    Layout(
        *("captions", "images with a .txt beside each", beside.recognise, beside.open_folder),
        mark=beside.recognise_img2dataset,
    ),
    Layout("classes", "a folder of images for each class", folders.recognise, folders.open_folder),
    Layout(
        *("images", "images with qrels.txt beside them", images.recognise, images.open_folder),
        mark=images.recognise,
    ),
)


def find(path: Path, name: str | None = None, *, columns: bool = False) -> Layout:
    """The layout of the data at `path`, or the one of this name.

    `columns`: a person named columns, so the path is a table. Raises UnknownName, DataError when no
    layout fits, InvalidRequest when several do.
    """
    if name is not None:
        for layout in LAYOUTS:
            if layout.name == name:
                return layout
        raise UnknownName("layout", name, [layout.name for layout in LAYOUTS])
    if not path.exists():
        raise DataError(f"there is nothing at {path}")
    if columns:
        return find(path, "parquet" if parquet.parts_of(path) else "csv")
    found = [(layout, why) for layout in LAYOUTS if (why := layout.mark(path)) is not None]
    if not found:
        found = [(layout, why) for layout in LAYOUTS if (why := layout.recognise(path)) is not None]
    if not found:
        inner = seen.only_folder(path)
        fits = next((layout for layout in LAYOUTS if inner and layout.recognise(inner)), None)
        if inner is not None and fits is not None:
            raise DataError(
                f"{path} holds one folder, {inner.name}, which is laid out as {fits.name}: "
                f"name {inner}"
            )
        known = "\n".join(f"  {layout.name}: {layout.summary}" for layout in LAYOUTS)
        raise DataError(
            f"{path} is laid out in no known way. Seen: {seen.describe(path)}.\n"
            f"Known layouts (--layout names one) are\n{known}"
        )
    if len(found) > 1:
        ways = " or ".join(f"{layout.name} ({why})" for layout, why in found)
        names = " or ".join(f"--layout {layout.name}" for layout, _ in found)
        raise InvalidRequest(f"{path} can be read as {ways}: choose with {names}")
    return found[0][0]
