"""The documents of a data set: images, texts, unreadable ones; and the pieces they are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from clipbench.contract import Reason
from clipbench.contract.endpoints import Task as Task


class UnreadableKind(StrEnum):
    """The kind of document that an unreadable part would have been."""

    IMAGE = "image"
    TEXT = "text"
    TRAIN = "train"  # an image that is learned from
    SHARD = "shard"  # a shard or file, or a part of it: how many documents it held is unknown


Judged = tuple[tuple[str, int], ...]
"""Ids of images with the grade that a person gave each for one query, sorted by id."""


Groups = tuple[tuple[str, str], ...]
"""Columns with the group that an image is in (`region`, `Africa`), by column."""


@dataclass(frozen=True, slots=True)
class Image:
    """One encoded image. `index` is its position among the images of the whole data set.

    `labels` are class indices: one for single-label data, a set (ascending, may be empty) for
    multilabel data, None for retrieval. One with `judgements` is a query, too.
    """

    id: str
    index: int
    data: bytes
    labels: tuple[int, ...] | None
    judgements: Judged = ()
    groups: Groups = ()


@dataclass(frozen=True, slots=True)
class Text:
    """One caption, or a query with `judgements` (and no image of its own).

    `index` is its position among the texts of the whole data set.
    """

    id: str
    index: int
    text: str
    image_id: str
    judgements: Judged = ()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A document that the reader refuses. `source`: the shard or file, and the key or row in it.

    `index` is the position that the document holds in the data set (None for a shard), so that
    the positions of all others are the same whether it is readable or not.
    """

    id: str
    source: str
    reason: Reason
    detail: str
    kind: UnreadableKind = UnreadableKind.IMAGE
    index: int | None = None


Document = Image | Text | Unreadable


@dataclass(frozen=True, slots=True)
class Flaw:
    """The reason why a part of an entry cannot be used."""

    reason: Reason
    detail: str


class Unit(StrEnum):
    """A unit of a data set: files below its folder, members of shards, rows of tables; and folders
    that might have been classes."""

    FILE = "files"
    MEMBER = "members of shards"
    ROW = "rows"
    FOLDER = "folders"


class Role(StrEnum):
    """The use of a file, member or row in a run: each has exactly one."""

    IMAGE = "image"  # counted; while the data are read, sent
    CAPTIONS = "captions"  # sent with its image
    LABEL = "label"
    METADATA = "metadata"  # the layout's own: a table, a shard, class names
    REFUSED = "refused"
    PASSED_OVER = "passed over"


@dataclass(frozen=True, slots=True)
class Piece:
    """A file, member or row (or `count` equal ones), its role, and the reason in a few words."""

    unit: Unit
    name: str
    role: Role
    why: str = ""
    count: int = 1


@dataclass(frozen=True, slots=True)
class Comparison:
    """The caption of an image, and hard negatives: captions that look right and are not.

    subset: the number of the part of the data that it belongs to.
    """

    right: str | Flaw
    wrong: tuple[str | Flaw, ...]
    subset: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One image with its labels or captions as a layout finds it, good or bad.

    `image` is empty when a reader was asked for labels and captions only. `pieces` are the files,
    members and rows that it is made of, as if nothing were wrong with the image. `grades` are those
    of the captions where a column has them; `judgements` those of the image as a query, or of its
    captions in comparisons. `group`: what it is drawn with; empty for itself. `groups`: those of
    people, places or conditions that it is in.
    """

    id: str
    source: str
    image: bytes | Flaw
    labels: tuple[int, ...] | Flaw | None = None
    captions: tuple[str | Flaw, ...] = ()
    pieces: tuple[Piece, ...] = ()
    grades: tuple[int, ...] = ()
    judgements: Judged = ()
    comparisons: tuple[Comparison, ...] = ()
    group: str = ""
    groups: Groups = ()


@dataclass(frozen=True, slots=True)
class Query:
    """A text that looks for images, which were judged for it."""

    id: str
    source: str
    text: str | Flaw
    judgements: Judged
    pieces: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of a data set that cannot be read; how many entries it held is unknown."""

    source: str
    flaw: Flaw
    pieces: tuple[Piece, ...] = ()


Read = Callable[[bool], Iterator[Entry | Query | Gap | Piece]]
"""Reads a data set from its beginning; False asks for labels and captions only.

Every file below the folder, every member of a shard that was opened and every row of a table comes
once: as a piece by itself, or among those of an entry or gap.
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A person's choices: the split, the language, and the columns of a table by part (`image`,
    `caption`, `label`)."""

    split: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    language: str | None = None
    groups: tuple[str, ...] = ()  # the registry's names of columns of groups


@dataclass(frozen=True, slots=True)
class Contents:
    """A data set as its layout opens it, before the entries are read."""

    task: Task
    read: Read
    split: str
    classnames: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    multilabel: bool = False
    judged: bool = False
    composed: bool = False  # retrieval: captions are compared with hard negatives
    subsets: tuple[str, ...] = ()  # of comparisons
    language: str = ""  # of the captions, where the data say it
    images: int | None = None
    warnings: tuple[str, ...] = ()  # what a person may have meant otherwise


@dataclass(frozen=True, slots=True)
class SampleNote:
    """The draw of a data set that is a sample of a larger one."""

    size: int
    of: int
    seed: int
    stratified: bool

    def __str__(self) -> str:
        kind = "stratified by class" if self.stratified else "by image"
        return f"{self.size} of {self.of} images, {kind}, seed {self.seed}"
