"""Images with their captions beside them: `beach.jpg` and `beach.txt`, one caption a line.

`beach.jpg.txt` is taken as well. img2dataset writes such folders (`00000/000000000.jpg`), with a
`.json` of each image and tables of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clipbench.contract import Reason, formats
from clipbench.datasets import entries
from clipbench.datasets.layouts import captions, files, splits
from clipbench.datasets.limits import MAX_CAPTIONS_BYTES
from clipbench.datasets.types import Contents, Entry, Flaw, Gap, Piece, Role, Task, Unit, Wanted

_OTHER_TEXTS = re.compile(
    r"(readme|licen[cs]e|notice|requirements|changelog|copying|classnames|labels)\W*(\w{2})?\.txt",
    re.IGNORECASE,
)
_IMG2DATASET = re.compile(r"\d{5,}_stats\.json")


def recognise(path: Path) -> str | None:
    """Why the path looks like this layout: an image and a text with the same name."""
    if not path.is_dir():
        return None
    for folder in files.walk(path):
        for image, texts in _pairs(folder.names):
            if image is not None and texts:
                return f"{files.name_of(folder.path / image, path)} with {texts[0]} beside it"
    return None


def recognise_img2dataset(path: Path) -> str | None:
    """Why the path is a folder of img2dataset's: its statistics beside folders of pairs."""
    if not path.is_dir():
        return None
    stats = next((name for name in files.files_in(path) if _IMG2DATASET.fullmatch(name)), None)
    return f"{stats} of img2dataset" if stats and recognise(path) else None


def open_folder(path: Path, wanted: Wanted) -> Contents:
    """The data set in a folder, or in the folder of its split. Raises UnknownName."""
    known = _split_folders(path)
    root, split = path, "all"
    if known:
        split, root = splits.choose(wanted.split, known, str(path))
    else:
        captions.only_split(wanted.split, path)
    count = sum(1 for folder in files.walk(path, root) for _ in _pairs(folder.names))
    return Contents(Task.RETRIEVAL, _Beside(path, root).read, split, images=count)


def _split_folders(path: Path) -> dict[str, Path]:
    """Folders named after splits by name, when every image is in one of them."""
    found = files.with_images(path)
    if any(map(files.is_image, files.files_in(path))):
        return {}
    named = {files.printable(f.name): f for f in found if splits.role_of(f.name)}
    return named if len(named) == len(found) else {}


@dataclass(frozen=True)
class _Beside:
    path: Path  # of the data set
    root: Path  # of the split

    def read(self, images: bool) -> Iterator[Entry | Gap | Piece]:
        for folder in files.walk(self.path, self.root):
            yield from folder.pieces
            taken: set[str] = set()
            for image, texts in _pairs(folder.names):
                yield self._entry(folder.path, image, texts[:1], images, taken)
                taken.update(name for name in (image, *texts[:1]) if name)
            for name in folder.names:
                if name not in taken:
                    yield self._passed_over(folder.path / name)
        if self.root != self.path:
            yield from files.beside_split(self.path, self.root, (), "")

    def _entry(
        self, folder: Path, image: str | None, texts: list[str], images: bool, taken: set[str]
    ) -> Entry:
        """One pair; either may be missing. A text of two images is counted with the first."""
        id = files.name_of(folder / (image or texts[0]), self.root)
        found = _captions(folder / texts[0]) if texts else ()
        flaw = next((c for c in found if isinstance(c, Flaw)), None)
        pieces = []
        if image is not None:
            pieces.append(Piece(Unit.FILE, id, Role.IMAGE))
        if texts and texts[0] not in taken:
            name = files.name_of(folder / texts[0], self.root)
            usable = flaw is None or any(isinstance(c, str) for c in found)
            role = Role.CAPTIONS if usable else Role.REFUSED
            pieces.append(Piece(Unit.FILE, name, role, "" if usable or not flaw else flaw.reason))
        if image is None:
            content: bytes | Flaw = Flaw(Reason.MEMBER_MISSING, "there is no image of this name")
        elif not texts:
            missing = f"{Path(id).stem}.txt, the captions, is missing"
            content = files.read_image(folder / image, False)
            if not isinstance(content, Flaw):
                content = Flaw(Reason.MEMBER_MISSING, missing)
        else:
            content = files.read_image(folder / image, images)
        return Entry(id, id, content, None, found, tuple(pieces))

    def _passed_over(self, path: Path) -> Piece:
        if formats.suffix_of(path.name) != "txt":
            return files.passed_over(path, self.path, "")
        why = "a text about the data" if _OTHER_TEXTS.fullmatch(path.name) else "a second text"
        return Piece(Unit.FILE, files.name_of(path, self.path), Role.PASSED_OVER, why)


def _pairs(names: tuple[str, ...]) -> list[tuple[str | None, list[str]]]:
    """Images of a folder with the texts of their name, by name; either may be missing."""
    texts: dict[str, list[str]] = {}
    for name in names:
        if formats.suffix_of(name) == "txt":
            texts.setdefault(Path(name).stem, []).append(name)
    found: list[tuple[str | None, list[str]]] = []
    used: set[str] = set()
    for name in filter(files.is_image, names):
        of_image = sorted(
            texts.get(Path(name).stem, []) + texts.get(name, []),
            key=lambda text: (not text.endswith(".txt"), len(text), text),
        )
        used.update(of_image)
        found.append((name, of_image))
    for of_stem in texts.values():
        alone = [t for t in of_stem if t not in used and not _OTHER_TEXTS.fullmatch(t)]
        if alone:
            found.append((None, alone))
    return sorted(found, key=lambda pair: pair[0] or pair[1][0])


def _captions(path: Path) -> tuple[str | Flaw, ...]:
    try:
        if not path.is_file():
            return (Flaw(Reason.UNREADABLE, f"there is no file {files.printable(str(path))}"),)
        with path.open("rb") as file:
            data = file.read(MAX_CAPTIONS_BYTES + 1)
    except OSError as error:
        return (Flaw(Reason.UNREADABLE, f"{files.printable(str(path))}: {error}"),)
    return entries.parse_captions(data)
