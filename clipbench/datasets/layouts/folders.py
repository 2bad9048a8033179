"""A folder of class folders: `cat/1.jpg`, `dog/2.jpg`; perhaps below `test/` and `train/`.

Classes are the folders in the order of their names; an underscore in a name is a space in the
prompt. `classnames.txt` beside them, one name per folder in the same order, says better names;
`zeroshot_classification_templates.txt` says templates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clipbench.datasets.layouts import files, wds
from clipbench.datasets.types import Contents, Entry, Gap, Task
from clipbench.errors import DataError, UnknownName

SPLITS = ("test", "val", "valid", "validation", "dev", "train")
"""Names of folders that are splits and not classes, the first of them the one to choose."""


def recognise(path: Path) -> str | None:
    """Why the path looks like this layout: it has at least two folders with images."""
    if not path.is_dir():
        return None
    for folder in (*_split_folders(path), path):
        classes = [sub for sub in files.subfolders(folder) if files.has_images(sub)]
        if len(classes) > 1 and not {sub.name for sub in classes} <= set(SPLITS):
            return f"images in {classes[0].name}/ and {classes[1].name}/"
    return None


def open_folder(path: Path, split: str | None) -> Contents:
    """The data set in a folder. Raises DataError, UnknownName."""
    root, split = _choose_split(path, split)
    classes = [sub for sub in files.subfolders(root) if files.has_images(sub)]
    if not classes:
        raise DataError(f"{root} has no folder with images")
    source = wds.Folder(path)
    names = wds.parse_names(wds.metadata(source, wds.CLASSNAMES, str(path)))
    if names and len(names) != len(classes):
        raise DataError(
            f"{path / wds.CLASSNAMES} has {len(names)} names for {len(classes)} class folders"
        )
    templates = wds.parse_templates(wds.metadata(source, wds.TEMPLATES, str(path)), str(path))
    return Contents(
        task=Task.CLASSIFICATION,
        read=_ClassFolders(root, tuple(classes)).read,
        split=split,
        classnames=names or tuple(files.printable(sub.name).replace("_", " ") for sub in classes),
        templates=templates,
        images=sum(1 for folder in classes for _ in files.images_below(folder)),
    )


@dataclass(frozen=True)
class _ClassFolders:
    root: Path
    classes: tuple[Path, ...]

    def read(self, images: bool) -> Iterator[Entry | Gap]:
        for label, folder in enumerate(self.classes):
            for path in files.images_below(folder):
                id = files.name_of(path, self.root)
                yield Entry(id, id, files.read_image(path, images), (label,))


def _split_folders(path: Path) -> list[Path]:
    """The split folders of `path`, when it has nothing else with images."""
    folders = [sub for sub in files.subfolders(path) if files.has_images(sub)]
    if not folders or not {folder.name for folder in folders} <= set(SPLITS):
        return []
    return [folder for folder in folders if len(files.subfolders(folder)) > 1]


def _choose_split(path: Path, split: str | None) -> tuple[Path, str]:
    known = {folder.name: folder for folder in _split_folders(path)}
    if not known:
        if split not in (None, "all"):
            raise UnknownName("split", str(split), ["all"], hint=f"in {path}")
        return path, "all"
    if split is None:
        split = next(name for name in SPLITS if name in known)
    if split not in known:
        raise UnknownName("split", split, known, hint=f"in {path}")
    return known[split], split
