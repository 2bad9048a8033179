"""Images with their captions beside them: `beach.jpg` and `beach.txt`, one caption a line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clipbench.contract import Reason
from clipbench.datasets import entries
from clipbench.datasets.layouts import captions, files
from clipbench.datasets.limits import MAX_CAPTIONS_BYTES
from clipbench.datasets.types import Contents, Entry, Flaw, Gap, Task

_OTHER_TEXTS = ("readme", "license", "licence", "notice", "requirements")


def recognise(path: Path) -> str | None:
    """Why the path looks like this layout: an image and a text with the same name."""
    if not path.is_dir():
        return None
    for folder, names in files.walk(path):
        texts = {name for name in names if name.lower().endswith(".txt")}
        for name in names:
            if files.is_image(name) and f"{Path(name).stem}.txt" in texts:
                return f"{files.name_of(folder / name, path)} with its .txt beside it"
    return None


def open_folder(path: Path, split: str | None) -> Contents:
    """The data set in a folder. Raises UnknownName."""
    captions.only_split(split, path)
    count = sum(1 for _ in _pairs(path))
    return Contents(Task.RETRIEVAL, _Beside(path).read, "all", images=count)


@dataclass(frozen=True)
class _Beside:
    root: Path

    def read(self, images: bool) -> Iterator[Entry | Gap]:
        for image, text in _pairs(self.root):
            if image is None:
                assert text is not None
                id = files.name_of(text, self.root)
                flaw = Flaw(Reason.MEMBER_MISSING, "there is no image of this name")
                yield Entry(id, id, flaw, None, _captions(text))
                continue
            id = files.name_of(image, self.root)
            if text is None:
                flaw = Flaw(Reason.MEMBER_MISSING, f"{Path(id).stem}.txt, the captions, is missing")
                yield Entry(id, id, flaw)
            else:
                yield Entry(id, id, files.read_image(image, images), None, _captions(text))


def _pairs(root: Path) -> Iterator[tuple[Path | None, Path | None]]:
    """Images with their texts in the order of the walk; either may be missing."""
    for folder, names in files.walk(root):
        texts = {
            Path(name).stem: name
            for name in names
            if name.lower().endswith(".txt") and not name.lower().startswith(_OTHER_TEXTS)
        }
        images = [name for name in names if files.is_image(name)]
        stems = {Path(name).stem for name in images}
        found: list[tuple[str, str | None, str | None]] = [
            (name, name, texts.get(Path(name).stem)) for name in images
        ]
        found += [(name, None, name) for stem, name in texts.items() if stem not in stems]
        for _, image, text in sorted(found, key=lambda pair: pair[0]):
            yield (folder / image if image else None), (folder / text if text else None)


def _captions(path: Path) -> tuple[str | Flaw, ...]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_CAPTIONS_BYTES + 1)
    except OSError as error:
        return (Flaw(Reason.UNREADABLE, f"{files.printable(str(path))}: {error}"),)
    return entries.parse_captions(data)
