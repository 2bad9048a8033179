"""Reads the shards of the wds layout: samples out of tar files.

A sample is what stands together in a shard under one key: `KEY.webp`, `KEY.cls`. The key is the
name up to the first dot after the last slash, as in the webdataset library.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from clipbench.contract import Reason, formats
from clipbench.datasets import entries, tarstream
from clipbench.datasets.limits import MAX_CAPTIONS_BYTES, MAX_IMAGE_BYTES, MAX_LABEL_BYTES
from clipbench.datasets.types import Entry, Flaw, Gap, Task

_NAME = re.compile(r"((?:.*/)?[^./][^./]*)\.([^/]*)", re.DOTALL)
_LIMITS = {
    **dict.fromkeys(formats.SUFFIXES, MAX_IMAGE_BYTES),
    "txt": MAX_CAPTIONS_BYTES,
    "cls": MAX_LABEL_BYTES,
    "npy": MAX_LABEL_BYTES,
}


class Files(Protocol):
    """Where the files of a data set are: a folder, or an address."""

    def read(self, name: str, limit: int) -> bytes | None:
        """The small file of this name, None when there is none. Raises DataError, Unavailable."""

    def open(self, name: str) -> BinaryIO:
        """The file of this name as a stream. Raises FileNotFoundError when there is none."""

    def splits(self) -> tuple[str, ...]:
        """Splits that are known to be there; none when that cannot be told."""


@dataclass(frozen=True)
class Shards:
    """The shards of one split, read one after the other."""

    files: Files
    split: str
    count: int
    task: Task
    multilabel: bool
    classes: int

    def read(self, images: bool) -> Iterator[Entry | Gap]:
        """Every sample in order; False leaves the images out."""
        for number in range(self.count):
            name = f"{self.split}/{number}.tar"
            try:
                stream = self.files.open(name)
            except OSError as error:
                yield Gap(name, Flaw(Reason.UNREADABLE, error.strerror or str(error)))
                continue
            with stream:
                yield from self._shard(stream, name, str(number), images)

    def _shard(
        self, stream: BinaryIO, source: str, shard: str, images: bool
    ) -> Iterator[Entry | Gap]:
        seen: set[int] = set()
        for number, sample in enumerate(_samples(stream, source, images)):
            if isinstance(sample, Gap):
                yield sample
                continue
            id = f"{shard}/{sample.key}"
            key = int.from_bytes(hashlib.blake2b(id.encode(), digest_size=8).digest())
            if key in seen:
                id = f"{id}@{number}"
                detail = f"the key {sample.key} came before in {source}"
                sample.flaw = Flaw(Reason.DUPLICATE_ID, detail)
            seen.add(key)
            yield self._entry(sample, id, f"{source} {sample.key}")

    def _entry(self, sample: _Sample, id: str, source: str) -> Entry:
        image = sample.flaw or sample.image()
        if self.task is Task.CLASSIFICATION:
            labels = sample.labels(self.classes, multilabel=self.multilabel)
            return Entry(id, source, image, labels)
        captions = sample.captions()
        if isinstance(captions, Flaw):
            return Entry(id, source, sample.flaw or captions)
        return Entry(id, source, image, None, captions)


@dataclass
class _Sample:
    """The members that stand together under one key, by suffix."""

    key: str
    parts: dict[str, tarstream.Member] = field(default_factory=dict)
    flaw: Flaw | None = None

    def add(self, suffix: str, member: tarstream.Member) -> None:
        if suffix in self.parts:
            self.flaw = Flaw(Reason.DUPLICATE_ID, f"the member {member.name} comes twice")
        self.parts[suffix] = member

    def image(self) -> bytes | Flaw:
        """The image's bytes; none when they were not asked for."""
        for suffix in formats.SUFFIXES:
            if suffix in self.parts:
                member = self.parts[suffix]
                if member.size > MAX_IMAGE_BYTES:
                    return entries.image_too_large(member.size)
                return member.data or b""
        return _missing(f"{self.key} has no image: .{', .'.join(formats.SUFFIXES)}")

    def captions(self) -> tuple[str | Flaw, ...] | Flaw:
        member = self.parts.get("txt")
        if member is None:
            return _missing(f"{self.key}.txt, the captions, is missing")
        if member.data is None:
            return (entries.captions_too_large(member.size),)
        return entries.parse_captions(member.data)

    def labels(self, classes: int, *, multilabel: bool) -> tuple[int, ...] | Flaw:
        suffixes = ("npy",) if multilabel else ("cls", "npy")
        for suffix in suffixes:
            if suffix in self.parts:
                member = self.parts[suffix]
                if member.data is None:
                    return Flaw(Reason.LABEL_INVALID, f"{member.name} has {member.size:,} bytes")
                if suffix == "cls":
                    return entries.parse_label(member.data)
                return entries.parse_label_array(member.data, classes, multilabel=multilabel)
        return _missing(f"{self.key}.{suffixes[0]}, the label, is missing")


def _samples(stream: BinaryIO, source: str, images: bool) -> Iterator[_Sample | Gap]:
    """Samples of a shard in order; a gap follows the sample in which the damage begins."""
    sample: _Sample | None = None
    gaps: list[Gap] = []
    for member in tarstream.members(stream, lambda name, size: _wanted(name, size, images)):
        match = _NAME.fullmatch(member.name)
        if match is not None and match[2].lower() in _LIMITS:
            if sample is None or sample.key != match[1]:
                if sample is not None:
                    yield sample
                yield from gaps
                sample, gaps = _Sample(match[1]), []
            if isinstance(member, tarstream.Member):
                sample.add(match[2].lower(), member)
            else:
                sample.flaw = Flaw(Reason.SHARD_DAMAGED, member.detail)
        if isinstance(member, tarstream.Damage):
            detail = f"at byte {member.position:,} {member.detail}"
            gaps.append(Gap(source, Flaw(Reason.SHARD_DAMAGED, detail)))
    if sample is not None:
        yield sample
    yield from gaps


def _wanted(name: str, size: int, images: bool) -> bool:
    suffix = match[2].lower() if (match := _NAME.fullmatch(name)) else ""
    return size <= _LIMITS.get(suffix, -1) and (images or suffix not in formats.SUFFIXES)


def _missing(detail: str) -> Flaw:
    return Flaw(Reason.MEMBER_MISSING, detail)
