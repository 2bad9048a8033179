"""A folder of class folders: `cat/1.jpg`, `dog/2.jpg`; perhaps below `test/` and `train/`.

Classes are the folders in the order of their names; an underscore in a name is a space in the
prompt, and a WordNet id is ImageNet's name of it. `classnames.txt` beside them, one name per folder
in the same order, says better names; `zeroshot_classification_templates.txt` says templates;
`groups.csv` says the groups that images are in.

A folder without an image is no class, and is told; where `classnames.txt` has a name for each
folder, empty ones counted, it is a class without images.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from clipbench.datasets.layouts import files, groups, splits, wds, wordnet
from clipbench.datasets.types import Contents, Entry, Gap, Piece, Role, Task, Unit, Wanted
from clipbench.errors import DataError, InvalidRequest, UnknownName

_METADATA = (wds.CLASSNAMES, wds.TEMPLATES)
_SHOWN = 10  # folders without an image that a warning names


def recognise(path: Path) -> str | None:
    """Why the path looks like this layout: it has at least two folders with images."""
    if not path.is_dir():
        return None
    found = files.with_images(path)
    for folder in (*_split_folders(found).values(), path):
        classes = found if folder == path else files.with_images(folder)
        if len(classes) > 1 and not (folder == path and _has_splits(classes)):
            return f"images in {_name(classes[0])}/ and {_name(classes[1])}/"
    return None


def open_folder(path: Path, wanted: Wanted) -> Contents:
    """The data set in a folder. Raises DataError, UnknownName, InvalidRequest."""
    root, split = _choose_split(path, wanted.split)
    classes, names, warnings = _classes(path, root)
    templates = wds.parse_templates(
        wds.metadata(wds.Folder(path), wds.TEMPLATES, str(path)), str(path)
    )
    return Contents(
        task=Task.CLASSIFICATION,
        read=_ClassFolders(path, root, classes, groups.table_beside(path)).read,
        split=split,
        classnames=names or _class_names([_name(folder) for folder in classes]),
        templates=templates,
        warnings=warnings,
        images=sum(1 for folder in classes for _ in files.images_below(path, folder)),
    )


def _classes(path: Path, root: Path) -> tuple[tuple[Path, ...], tuple[str, ...], tuple[str, ...]]:
    """The folders of the classes, the names that a person gave them, and warnings.

    Raises DataError where there is no class, or the names are not as many.
    """
    folders, classes = files.subfolders(root, path), files.with_images(root, path)
    if not classes:
        raise DataError(f"{root} has no folder with images: a folder for each class is expected")
    empty = [_name(folder) for folder in folders if folder not in classes]
    shown = ", ".join(empty[:_SHOWN]) + (" …" if len(empty) > _SHOWN else "")
    told = f"no image in {shown}" if empty else ""
    names = wds.parse_names(wds.metadata(wds.Folder(path), wds.CLASSNAMES, str(path)))
    if names and len(names) == len(folders):
        warnings = (f"{told}: a class each, since {wds.CLASSNAMES} names it",)
        return tuple(folders), names, warnings if empty else ()
    if names and len(names) != len(classes):
        raise DataError(
            f"{path / wds.CLASSNAMES} has {len(names)} names for {len(classes)} class folders"
            + (f" ({told})" if told else "")
        )
    warnings = (f"{told}: no class, so no image is compared with its name",)
    return tuple(classes), names, warnings if empty else ()


@dataclass(frozen=True)
class _ClassFolders:
    path: Path  # of the data set
    root: Path  # of the split
    classes: tuple[Path, ...]
    table: Path | None  # of groups

    def read(self, images: bool) -> Iterator[Entry | Gap | Piece]:
        table = None if self.table is None else groups.read_table(self.table)
        for label, folder in enumerate(self.classes):
            for found in files.walk(self.path, folder):
                yield from found.pieces
                for name in found.names:
                    yield self._one(found.path / name, label, images, table)
        if table is not None:
            yield from table.left()
        yield from self._others()

    def _one(
        self, path: Path, label: int, images: bool, table: groups.Table | None
    ) -> Entry | Piece:
        if not files.is_image(path.name):
            return files.passed_over(path, self.path, "")
        id = files.name_of(path, self.root)
        piece = Piece(Unit.FILE, id, Role.IMAGE)
        of_image, rows = table.take(id, files.name_of(path, self.path)) if table else ((), ())
        image = files.read_image(path, images)
        return Entry(id, id, image, (label,), pieces=(piece, *rows), groups=of_image)

    def _others(self) -> Iterator[Piece]:
        """The files beside the class folders."""
        named = [*_METADATA, *([self.table.name] if self.table else [])]
        for name in named:
            if (self.path / name).is_file():
                yield files.metadata(self.path / name, self.path, name)
        used = {self.path / name for name in named}
        for folder in files.subfolders(self.root, self.path):
            if folder not in self.classes:
                name = files.name_of(folder, self.path)
                yield Piece(Unit.FOLDER, name, Role.PASSED_OVER, "no image in it, so no class")
        stray = "an image beside the class folders has no class"
        if self.root != self.path:
            yield from files.beside_split(self.path, self.root, used, stray)
            used = set()
        yield from files.leftovers(self.path, used, stray, self.classes, self.root)


def _name(folder: Path) -> str:
    return files.printable(folder.name)


def _class_names(folders: Sequence[str]) -> tuple[str, ...]:
    return wordnet.class_names(folders) or tuple(name.replace("_", " ") for name in folders)


def _has_splits(folders: list[Path]) -> bool:
    """Whether folders with images are splits and not classes.

    One of them may be a class of that name among others (`train` beside `bus`), unless it holds
    folders with images of its own.
    """
    named = [folder for folder in folders if splits.role_of(folder.name)]
    if len(named) != 1 or len(folders) < 3:
        return bool(named)
    return splits.role_of(named[0].name) != "train" or bool(files.with_images(named[0]))


def _split_folders(folders: list[Path]) -> dict[str, Path]:
    """The folders that are splits and hold class folders, by name."""
    if not _has_splits(folders):
        return {}
    named = [folder for folder in folders if splits.role_of(folder.name)]
    return {_name(folder): folder for folder in named if len(files.with_images(folder)) > 1}


def _choose_split(path: Path, split: str | None) -> tuple[Path, str]:
    found = files.with_images(path)
    known = _split_folders(found)
    if known:
        name, folder = splits.choose(split, known, str(path))
        return folder, name
    if _has_splits(found):
        named = next(_name(folder) for folder in found if splits.role_of(folder.name))
        raise InvalidRequest(
            f"{path}: {named}/ is named after a split, so it is not scored as a class; inside it "
            f"a folder for each class is expected, as in {named}/cat/1.jpg. If it is a class, "
            "rename it"
        )
    if split not in (None, "all"):
        raise UnknownName("split", str(split), ["all"], hint=f"in {path}")
    return path, "all"
