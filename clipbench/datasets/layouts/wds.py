"""The `clip-benchmark/wds_*` layout: shards of samples, with the class names beside them.

classnames.txt  zeroshot_classification_templates.txt  dataset_type.txt
test/nshards.txt  test/0.tar  test/1.tar …

`nshards.txt` says how many shards there should be, so that a missing one is known. A folder of tar
files without it (img2dataset, webdataset) is the layout `shards`, which reads all that are there.
"""

from __future__ import annotations

import errno
import itertools
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from clipbench.datasets import composition, judgements, tarstream
from clipbench.datasets.layouts import files, groups, samples, splits
from clipbench.datasets.layouts.groups import Column
from clipbench.datasets.layouts.shards import Files, Shard, Shards
from clipbench.datasets.limits import MAX_METADATA_BYTES
from clipbench.datasets.prompts import check_templates
from clipbench.datasets.types import Contents, Piece, Task, Wanted
from clipbench.errors import DataError, InvalidRequest, UnknownName

CLASSNAMES = "classnames.txt"
TEMPLATES = "zeroshot_classification_templates.txt"
TYPE = "dataset_type.txt"
SHARDS = "nshards.txt"

COMPOSED = "compositionality"  # captions with hard negatives, in a `.jsonl` beside each image
SUBSETS = "subsets.txt"
LANGUAGE = "language.txt"  # of the captions
JUDGED = "judged"  # images without captions; the judgements are in `qrels.txt`
_SPLIT = re.compile(r"[\w-][\w.-]*")
_TYPES = {
    "classification": (Task.CLASSIFICATION, False),
    "multilabel": (Task.CLASSIFICATION, True),
    "retrieval": (Task.RETRIEVAL, False),
    JUDGED: (Task.RETRIEVAL, False),
    COMPOSED: (Task.RETRIEVAL, False),
}
_OTHERS = {"retrieval": LANGUAGE, COMPOSED: SUBSETS}  # files that only one type has


TARS = (".tar", ".tar.gz", ".tgz")


@dataclass(frozen=True)
class Folder:
    """Files in a folder of this machine; those that no one names are told unless not `listed`."""

    path: Path
    listed: bool = True

    def read(self, name: str, limit: int) -> bytes | None:
        """The small file of this name, None when there is none."""
        try:
            if not files.is_there(self.path / name):  # a pipe would never end
                return None
            with (self.path / name).open("rb") as file:
                data = file.read(limit + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DataError(f"{self.path / name} cannot be read: {error.strerror}") from error
        if len(data) > limit:
            raise DataError(f"{self.path / name} is larger than {limit:,} bytes")
        return data

    def locate(self, name: str) -> str:
        """The shard of this name; `0.tar` may be kept as `0.tar.gz` or `0.tgz`."""
        others = (name, f"{name}.gz", f"{name.removesuffix('.tar')}.tgz")
        return next((other for other in others if (self.path / other).exists()), name)

    def open(self, name: str) -> BinaryIO:
        """The file of this name as a stream."""
        if not (path := self.path / name).exists() or path.is_file():
            return path.open("rb")
        raise OSError(errno.EINVAL, "it is no regular file")

    def splits(self) -> tuple[str, ...]:
        """Names of the subfolders with an `nshards.txt`."""
        return tuple(sorted(path.parent.name for path in self.path.glob(f"*/{SHARDS}")))

    def others(self, used: Collection[str]) -> Iterator[Piece]:
        """Every file but the used ones, as passed over."""
        if not self.listed:
            return
        paths = {self.path / name for name in used}
        for piece in files.leftovers(self.path, paths, "an image beside the shards"):
            tar = piece.name.lower().endswith(TARS)
            yield replace(piece, why="a shard that is not of this split") if tar else piece


def recognise(path: Path) -> str | None:
    """Why the path looks like this layout, None when it does not."""
    found = Folder(path).splits() if path.is_dir() else ()
    return f"{found[0]}/{SHARDS}" if found else None


def recognise_shards(path: Path) -> str | None:
    """Why the path is shards without `nshards.txt`: a tar file, or a folder with some in it."""
    found = loose_shards(path)
    return f"{files.printable(found[0].name)}, a shard" if found else None


def loose_shards(path: Path) -> list[Path]:
    """Tar files by themselves: the one at the path, or those in the folder."""
    if not path.is_dir():
        return [path] if path.name.lower().endswith(TARS) and files.is_there(path) else []
    found = (path / name for name in files.files_in(path) if name.lower().endswith(TARS))
    return list(filter(files.is_there, found))


def open_folder(path: Path, wanted: Wanted) -> Contents:
    """The data set in a folder."""
    return open_files(Folder(path), wanted.split, str(path), wanted.groups)


def open_shards(path: Path, wanted: Wanted) -> Contents:
    """Tar files without `nshards.txt`: of the folder, or of the folder of a split.

    Raises DataError, UnknownName.
    """
    root = path if path.is_dir() else path.parent
    found, split = loose_shards(path), "all"
    if not found:
        known = {sub.name: tars for sub in files.subfolders(path) if (tars := loose_shards(sub))}
        if not known:
            raise DataError(f"{path} has no tar file, nor has a folder in it")
        split, found = splits.choose(wanted.split, known, str(path))
    elif wanted.split not in (None, "all"):
        raise UnknownName("split", str(wanted.split), ["all"], hint=f"in {path}")
    names = [tar.relative_to(root).as_posix() for tar in found]
    shards = tuple(Shard(name, files.printable(name).rsplit("/")[-1]) for name in names)
    folder = Folder(root, listed=path.is_dir())
    return _contents(folder, split, shards, str(path), _guessed_type(found), wanted.groups)


def open_files(
    files: Files, split: str | None, source: str, named: tuple[str, ...] = ()
) -> Contents:
    """The data set in `files`; `source` names them in messages.

    named: the columns of groups, as lines of `groups.txt`, where that is not there.
    """
    split = _choose_split(files, split, source)
    count = count_shards(files, split, source)
    shards = tuple(Shard(f"{split}/{number}.tar", str(number)) for number in range(count))
    return _contents(files, split, shards, source, "classification", named, f"{split}/{SHARDS}")


def _contents(
    files: Files,
    split: str,
    shards: tuple[Shard, ...],
    source: str,
    default: str,
    named: tuple[str, ...],
    *more: str,
) -> Contents:
    """The data set of these shards; `more` are files of metadata that were read before."""
    texts = {name: metadata(files, name, source) for name in (TYPE, CLASSNAMES, TEMPLATES)}
    name = (texts[TYPE] or default).strip().lower()
    if name not in _TYPES:
        raise DataError(f"{source}: {TYPE} says {name[:40]!r}, not one of {', '.join(_TYPES)}")
    task, multilabel = _TYPES[name]
    classnames: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    if task is Task.CLASSIFICATION:
        classnames = parse_names(texts[CLASSNAMES])
        if not classnames:
            raise DataError(f"{source}: {CLASSNAMES} is missing or empty: one class name a line")
        templates = parse_templates(texts[TEMPLATES], source)
    columns: tuple[Column, ...] = ()
    if name == "classification":
        texts[groups.FILE] = metadata(files, groups.FILE, source)
        columns = groups.parse_columns((texts[groups.FILE] or "").splitlines() or named, source)
    if (more_of_type := _OTHERS.get(name)) is not None:
        texts[more_of_type] = metadata(files, more_of_type, source)
    there = tuple(name for name, text in texts.items() if text is not None)
    judged = name == JUDGED
    subsets = parse_names(texts[SUBSETS]) if name == COMPOSED else None
    reader = Shards(
        *(files, shards, (*there, *more), task, multilabel, len(classnames), judged, subsets),
        columns=columns,
    )
    if subsets is not None:
        return composition.by_comparisons(reader.read, split, subsets)
    contents = Contents(
        *(task, reader.read, split, classnames, templates, multilabel),
        language=(texts.get(LANGUAGE) or "").strip()[:40],
    )
    return judgements.by_qrels(contents, files, source) if judged else contents


def _guessed_type(shards: Sequence[Path]) -> str:
    """The task by the first members of the first shard: `.txt` are captions, else labels."""
    try:
        with shards[0].open("rb") as stream:
            for member in itertools.islice(tarstream.members(stream, lambda *_: False), 20):
                suffix = samples.split_name(member.name)[1]
                if suffix in ("cls", "npy"):
                    return "classification"
                if suffix == "txt":
                    return "retrieval"
    except OSError:
        pass
    return "retrieval"


def parse_names(text: str | None) -> tuple[str, ...]:
    """Class names of a file, one a line, in its order: an empty line is an empty name."""
    return tuple(line.strip() for line in (text or "").splitlines())


def parse_templates(text: str | None, source: str) -> tuple[str, ...]:
    """Templates of a file, one a line; none when there is no file."""
    templates = [line.strip() for line in (text or "").splitlines() if line.strip()]
    try:
        return check_templates(templates) if templates else ()
    except InvalidRequest as error:
        raise DataError(f"{source}: {TEMPLATES}: {error}") from error


def _choose_split(files: Files, split: str | None, source: str) -> str:
    if split is not None and not _SPLIT.fullmatch(split):
        raise InvalidRequest(f"{split!r} is not the name of a split")
    known = files.splits()
    if known:
        return splits.choose(split, dict.fromkeys(known), source)[0]
    return split or "test"


def count_shards(files: Files, split: str, source: str) -> int:
    """The number of shards in the split. Raises DataError."""
    text = metadata(files, f"{split}/{SHARDS}", source)
    if text is None:
        raise DataError(f"{source}: {split}/{SHARDS} is missing: there is no split {split!r} here")
    if not text.strip().isdecimal() or len(text.strip()) > 7:
        raise DataError(f"{source}: {split}/{SHARDS} says {text.strip()[:40]!r}, not a number")
    return int(text)


def metadata(files: Files, name: str, source: str) -> str | None:
    """The text of a small file, None when there is none. Raises DataError."""
    data = files.read(name, MAX_METADATA_BYTES)
    try:
        return None if data is None else data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{source}: {name} is not UTF-8 at byte {error.start}") from error
