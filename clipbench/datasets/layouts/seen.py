"""Describes a path that fits no layout: its contents, and the files that a layout lacks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from clipbench.contract import formats
from clipbench.datasets.layouts import files, parquet, splits, table, wds

_MOST_NAMES = 5
_ARCHIVES = (".zip", ".7z", ".rar", ".bz2", ".xz", ".zst")


def only_folder(path: Path) -> Path | None:
    """The folder that is all there is in a folder, but for texts about it and if no split's."""
    if not path.is_dir():
        return None
    folders = files.subfolders(path)
    others = [name for name in files.files_in(path) if files.is_image(name)]
    return (
        folders[0]
        if len(folders) == 1 and not (others or splits.role_of(folders[0].name))
        else None
    )


def describe(path: Path) -> str:
    """The contents of the path, and the files that a layout lacks."""
    if path.is_dir():
        return "; ".join(_folder(path)) or "an empty folder"
    return "; ".join(_file(path)) or f"a file {formats.suffix_of(path.name) or 'without suffix'}"


def _folder(path: Path) -> Iterator[str]:
    names, folders = files.files_in(path), files.subfolders(path)
    for name in names[:50]:
        yield from _file(path / name)
    images = [name for name in names if files.is_image(name)]
    if images:
        yield (
            f"{len(images):,} images ({_some(images)}) with no text of the same name beside them: "
            "captions would be in a .txt each or a CSV, classes in a folder each"
        )
    for folder in folders:
        tars = wds.loose_shards(folder)
        if tars:
            yield (
                f"{len(tars):,} tar files in {folder.name}/ but no {folder.name}/{wds.SHARDS}, "
                f"which says how many there should be: write it, or read those that are there "
                "with --layout shards"
            )
    with_images = files.with_images(path)
    named = [folder for folder in with_images if splits.role_of(folder.name)]
    shown = _some([files.printable(folder.name) for folder in folders])
    if named:
        yield (
            f"{_some([files.printable(f.name) for f in named])}, named after splits: a folder for "
            "each class, or a .txt beside each image, is missing in them"
        )
    elif len(with_images) == 1:
        bare = [files.printable(folder.name) for folder in folders if folder not in with_images]
        none = f", none in {_some(bare)}" if bare else ""
        name = files.printable(with_images[0].name)
        yield f"images in one folder only ({name}){none}: classes need at least two"
    elif folders:
        yield f"{len(folders):,} folders ({shown}) without images that a layout takes"


def _file(path: Path) -> Iterator[str]:
    suffix = f".{formats.suffix_of(path.name)}"
    if suffix in table.SUFFIXES:
        yield f"{table.describe(path)}, of which one has to be the image and one the caption"
    elif suffix == ".parquet":
        names = parquet.column_names(path)
        yield f"{files.printable(path.name)} with columns {', '.join(names)}, none of them an image"
    elif suffix in _ARCHIVES:
        yield f"{files.printable(path.name)}, an archive: unpack it and name the folder"


def _some(names: list[str]) -> str:
    shown = ", ".join(files.printable(name) for name in names[:_MOST_NAMES])
    return f"{shown}, …" if len(names) > _MOST_NAMES else shown
