"""How data sets are laid out: one module a layout, and one table of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from clipbench.datasets.layouts import wds
from clipbench.datasets.types import Contents
from clipbench.errors import DataError, InvalidRequest, UnknownName


@dataclass(frozen=True)
class Layout:
    """A way to lay a data set out: how it is recognised, and how it is opened.

    `recognise` says by what a path shows the layout, or None; `open` takes the path and the
    split, of which None is the layout's own choice.
    """

    name: str
    summary: str
    recognise: Callable[[Path], str | None]
    open: Callable[[Path, str | None], Contents]


LAYOUTS = (Layout("wds", "shards as in clip-benchmark/wds_*", wds.recognise, wds.open_folder),)


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
    if not found:
        known = "; ".join(f"{layout.name}: {layout.summary}" for layout in LAYOUTS)
        raise DataError(f"{path} is laid out in no known way. Known are {known}")
    if len(found) > 1:
        ways = " or ".join(f"{layout.name} (it has {why})" for layout, why in found)
        raise InvalidRequest(f"{path} can be read as {ways}: say which with the layout")
    return found[0][0]
