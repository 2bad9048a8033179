"""Reads shards, the tar files of the wds layout, one after the other as streams."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from clipbench.contract import Reason
from clipbench.datasets import composition
from clipbench.datasets.layouts import files, samples
from clipbench.datasets.layouts.groups import Column
from clipbench.datasets.types import Entry, Flaw, Gap, Piece, Role, Task, Unit


class Files(Protocol):
    """The source of a data set's files: a folder, or an address."""

    def read(self, name: str, limit: int) -> bytes | None:
        """The small file of this name, None when there is none. Raises DataError, Unavailable."""

    def locate(self, name: str) -> str:
        """The name under which the shard of this name is kept."""

    def open(self, name: str) -> BinaryIO:
        """The file of this name as a stream. Raises FileNotFoundError when there is none."""

    def splits(self) -> tuple[str, ...]:
        """Splits that are known to be there; none when that cannot be told."""

    def others(self, used: Collection[str]) -> Iterator[Piece]:
        """Every file but the `used` ones; none where files cannot be listed."""


@dataclass(frozen=True)
class Shard:
    """One tar file; `id` begins the ids of its samples."""

    name: str
    id: str


@dataclass(frozen=True)
class Shards:
    """The shards of one split, read one after the other."""

    files: Files
    shards: tuple[Shard, ...]
    metadata: tuple[str, ...]  # files of the layout beside them
    task: Task
    multilabel: bool
    classes: int
    judged: bool = False  # then samples are images by themselves
    subsets: tuple[str, ...] | None = None  # parts of comparisons; None where there are none
    columns: tuple[Column, ...] = ()  # of groups; numbers where they are not named

    def read(self, images: bool) -> Iterator[Entry | Gap | Piece]:
        """Every sample in order; False leaves the images out."""
        for name in self.metadata:
            yield Piece(Unit.FILE, name, Role.METADATA, name.rpartition("/")[2])
        used = set(self.metadata)
        for shard in self.shards:
            name = self.files.locate(shard.name)
            shown = files.printable(name)
            try:
                stream = self.files.open(name)
            except FileNotFoundError as error:
                yield Gap(shown, Flaw(Reason.UNREADABLE, error.strerror or "not there"))
                continue
            except OSError as error:
                flaw = Flaw(Reason.UNREADABLE, error.strerror or str(error))
                piece = Piece(Unit.FILE, shown, Role.REFUSED, Reason.UNREADABLE)
                used.add(name)
                yield Gap(shown, flaw, (piece,))
                continue
            used.add(name)
            yield Piece(Unit.FILE, shown, Role.METADATA, "shard")
            with stream:
                yield from self._shard(stream, shard, images)
        yield from self.files.others(used)

    def _shard(self, stream: BinaryIO, shard: Shard, images: bool) -> Iterator[Entry | Gap | Piece]:
        seen: set[int] = set()
        source = files.printable(shard.name)
        number = -1
        labelled_by: tuple[str, ...] = ()
        if not self.judged:
            composed = self.subsets is not None
            labelled_by = samples.label_suffixes(
                self.task, multilabel=self.multilabel, composed=composed
            )
        for sample in samples.read(stream, source, labelled_by, images):
            if not isinstance(sample, samples.Sample):
                yield sample
                continue
            number += 1
            id = f"{shard.id}/{sample.key}"
            key = int.from_bytes(hashlib.blake2b(id.encode(), digest_size=8).digest())
            if key in seen:
                id = f"{id}@{number}"
                detail = f"the key {sample.key} came before in {source}"
                sample.flaw = Flaw(Reason.DUPLICATE_ID, detail)
            seen.add(key)
            yield self._entry(sample, id, source)

    def _entry(self, sample: samples.Sample, id: str, shard: str) -> Entry:
        source = f"{shard} {sample.key}"
        image = sample.flaw or sample.image()
        if self.task is Task.CLASSIFICATION:
            labels = sample.labels(self.classes, multilabel=self.multilabel)
            found = sample.groups(self.columns)
            pieces = sample.all_pieces(shard, grouped=found)
            groups = found if isinstance(found, tuple) else ()
            return Entry(id, source, image, labels, (), pieces, groups=groups)
        if self.judged:
            return Entry(id, source, image, pieces=sample.all_pieces(shard))
        if self.subsets is not None:
            return self._compared(sample, id, source, image, self.subsets)
        captions = sample.captions()
        if isinstance(captions, Flaw):
            flaw = sample.flaw or captions
            return Entry(id, source, flaw, None, (), sample.all_pieces(shard))
        usable = any(isinstance(caption, str) for caption in captions)
        pieces = sample.all_pieces(shard, Role.CAPTIONS if usable else Role.REFUSED)
        return Entry(id, source, image, None, captions, pieces)

    def _compared(
        self,
        sample: samples.Sample,
        id: str,
        source: str,
        image: bytes | Flaw,
        subsets: tuple[str, ...],
    ) -> Entry:
        """An image with the comparisons of its `.jsonl`."""
        lines = sample.comparisons()
        found = lines if isinstance(lines, Flaw) else composition.parse_lines(lines, subsets)
        pieces = sample.all_pieces(source.partition(" ")[0])
        if isinstance(found, Flaw):
            return Entry(id, source, sample.flaw or found, pieces=pieces)
        group, comparisons = found
        shard = id.partition("/")[0]
        group = f"{shard}/{group}" if group else ""
        return Entry(id, source, image, pieces=pieces, comparisons=comparisons, group=group)
