"""Samples of a shard: the members that stand together under one key.

The key is the name up to the first dot after the last slash, as in the webdataset library:
`KEY.webp`, `KEY.cls`. A name with more dots is taken by its last suffix: `photo.final.jpg` and
`photo.final.cls` are a sample of their own (CLIP_benchmark reads no such sample), and so are
`s0.input.jpg` and `s0.output.cls` when nothing else has the key `s0`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from clipbench.contract import Reason, formats
from clipbench.datasets import entries, tarstream
from clipbench.datasets.limits import MAX_CAPTIONS_BYTES, MAX_IMAGE_BYTES, MAX_LABEL_BYTES
from clipbench.datasets.types import Flaw, Gap, Piece, Role, Task, Unit

_LIMITS = {
    **dict.fromkeys(formats.SUFFIXES, MAX_IMAGE_BYTES),
    **dict.fromkeys(formats.UNSUPPORTED, 0),
    "txt": MAX_CAPTIONS_BYTES,
    "jsonl": MAX_CAPTIONS_BYTES,
    "cls": MAX_LABEL_BYTES,
    "npy": MAX_LABEL_BYTES,
}
_RANKS = {s: n for n, s in enumerate((*formats.SUFFIXES, *sorted(formats.UNSUPPORTED)))}


def label_suffixes(task: Task, *, multilabel: bool, composed: bool) -> tuple[str, ...]:
    """Suffixes of the member that says captions or label, the first of them first."""
    if composed:
        return ("jsonl",)
    if task is Task.RETRIEVAL:
        return ("txt",)
    return ("npy",) if multilabel else ("cls", "npy")


@dataclass
class Sample:
    """The members that stand together under one key, by suffix."""

    key: str
    labelled_by: tuple[str, ...]
    parts: dict[str, tarstream.Member] = field(default_factory=dict)
    flaw: Flaw | None = None
    pieces: list[Piece] = field(default_factory=list)  # of members that come twice or are cut

    def add(self, suffix: str, member: tarstream.Member, where: str) -> None:
        """Take a member; the same name again is a flaw of the sample."""
        if suffix in self.parts:
            self.flaw = Flaw(Reason.DUPLICATE_ID, f"the member {member.name} comes twice")
            self.pieces.append(_piece(where, member.name, Role.REFUSED, Reason.DUPLICATE_ID))
            return
        self.parts[suffix] = member

    @property
    def image_suffix(self) -> str | None:
        """Of several images the one whose suffix stands first in the list of formats."""
        found = [suffix for suffix in self.parts if suffix in _RANKS]
        return min(found, key=_RANKS.__getitem__, default=None)

    @property
    def label_suffix(self) -> str | None:
        """The part that says the captions or the label."""
        return next((suffix for suffix in self.labelled_by if suffix in self.parts), None)

    @property
    def whole(self) -> bool:
        """Whether it has an image, and captions or a label where there should be some."""
        labelled = not self.labelled_by or self.label_suffix is not None
        return self.image_suffix is not None and labelled

    def image(self) -> bytes | Flaw:
        """The image's bytes; none when they were not asked for."""
        suffix = self.image_suffix
        if suffix is None:
            return missing(f"{self.key} has no image: .{', .'.join(formats.SUFFIXES)}")
        if suffix in formats.UNSUPPORTED:
            return entries.unsupported(suffix)
        member = self.parts[suffix]
        if member.size == 0:
            return entries.NO_BYTES
        if member.size > MAX_IMAGE_BYTES:
            return entries.image_too_large(member.size)
        return member.data or b""

    def captions(self) -> tuple[str | Flaw, ...] | Flaw:
        """The captions of `.txt`."""
        member = self.parts.get("txt")
        if member is None:
            return missing(f"{self.key}.txt, the captions, is missing")
        if member.data is None:
            return (entries.captions_too_large(member.size),)
        return entries.parse_captions(member.data)

    def comparisons(self) -> tuple[bytes, ...] | Flaw:
        """The lines of `.jsonl`, a comparison each."""
        member = self.parts.get("jsonl")
        if member is None:
            return missing(f"{self.key}.jsonl, the captions, is missing")
        if member.data is None:
            return entries.captions_too_large(member.size)
        return tuple(filter(bytes.strip, member.data.split(b"\n")))

    def labels(self, classes: int, *, multilabel: bool) -> tuple[int, ...] | Flaw:
        """The label of `.cls`, or of `.npy`."""
        suffix = self.label_suffix
        if suffix is None:
            return missing(f"{self.key}.{self.labelled_by[0]}, the label, is missing")
        member = self.parts[suffix]
        if member.data is None:
            return Flaw(Reason.LABEL_INVALID, f"{member.name} has {member.size:,} bytes")
        if suffix == "cls":
            return entries.parse_label(member.data)
        return entries.parse_label_array(member.data, classes, multilabel=multilabel)

    def all_pieces(self, where: str, captions: Role = Role.CAPTIONS) -> tuple[Piece, ...]:
        """Each member once: what the sample uses, and what it does not."""
        found = list(self.pieces)
        image, label = self.image_suffix, self.label_suffix
        for suffix, member in self.parts.items():
            why = ""
            if suffix == image:
                role = Role.IMAGE
            elif suffix == label:
                role = captions if suffix in ("txt", "jsonl") else Role.LABEL
                why = Reason.EMPTY if role is Role.REFUSED else ""
            else:
                role, why = Role.PASSED_OVER, f"a part that this task does not use (.{suffix})"
                if _is_image(suffix):
                    why = "a second image of its sample"
            found.append(_piece(where, member.name, role, why))
        return tuple(found)

    def set_apart(self) -> None:
        """Give the image's bytes up: a label that comes later is not beside it."""
        suffix = self.image_suffix
        if suffix is not None and self.flaw is None:
            part = self.parts[suffix]
            self.parts[suffix] = tarstream.Member(part.name, part.size, None)
            self.flaw = missing(f"{self.key} has no .{self.labelled_by[0]} beside its image")


def read(
    stream: BinaryIO, source: str, labelled_by: tuple[str, ...], images: bool
) -> Iterator[Sample | Gap | Piece]:
    """Samples of a shard in order; a gap follows the sample in which the damage begins."""
    run = _Run(source, labelled_by)

    def wanted(name: str, size: int) -> bool:
        _, suffix = split_name(name)
        known = images or suffix not in _RANKS
        return known and size <= _LIMITS.get(suffix, -1) and suffix not in formats.UNSUPPORTED

    for member in tarstream.members(stream, wanted):
        yield from run.take(member)
    yield from run.end()


class _Run:
    """Collects consecutive members into samples while their keys agree."""

    def __init__(self, source: str, labelled_by: tuple[str, ...]) -> None:
        self._source = source
        self._labelled_by = labelled_by
        self._short = ""  # the key of the run, up to the first dot
        self._now: Sample | None = None
        self._parted: dict[str, Sample] = {}  # of this run, not whole when another key came
        self._whole: set[str] = set()  # keys of this run that were whole
        self._gaps: list[Gap] = []

    def take(self, member: tarstream.Member | tarstream.Damage) -> Iterator[Sample | Gap | Piece]:
        """The next member, or a place of damage."""
        key, suffix = split_name(member.name)
        if isinstance(member, tarstream.Member):
            why = _unused(member, key, suffix)
            if why:
                yield _piece(self._source, member.name, Role.PASSED_OVER, why)
                return
            yield from self._select(key)
            assert self._now is not None
            self._now.add(suffix, member, self._source)
            return
        if key and suffix in _LIMITS:
            yield from self._select(key)
            assert self._now is not None
            self._now.flaw = Flaw(Reason.SHARD_DAMAGED, member.detail)
        where = f"at byte {member.position:,} {member.detail}"
        cut = _piece(self._source, member.name, Role.REFUSED, Reason.SHARD_DAMAGED)
        flaw = Flaw(Reason.SHARD_DAMAGED, where)
        self._gaps.append(Gap(self._source, flaw, (cut,) if member.name else ()))

    def end(self) -> Iterator[Sample | Gap | Piece]:
        """The remaining samples when the shard or the run of a key ends."""
        if self._now is not None:
            yield from self._finish()
        yield from self._resolve()
        yield from self._gaps
        self._gaps = []

    def _select(self, key: str) -> Iterator[Sample | Gap | Piece]:
        """Make the sample of this key the current one."""
        if self._now is not None and self._now.key == key:
            return
        short = _short(key)
        if self._now is not None:
            if short != self._short:
                yield from self.end()
            else:
                yield from self._finish()
        self._short = short
        self._now = self._parted.pop(key, None) or Sample(key, self._labelled_by)

    def _finish(self) -> Iterator[Sample]:
        """A whole sample is read; one in parts waits for the end of the run."""
        sample, self._now = self._now, None
        assert sample is not None
        if sample.whole:
            self._whole.add(sample.key)
            yield sample
            return
        self._parted[sample.key] = sample
        waiting = [s for s in self._parted.values() if s.image_suffix and s.key != self._short]
        for other in waiting if len(waiting) > 1 else ():  # they cannot become one sample
            other.set_apart()

    def _resolve(self) -> Iterator[Sample | Piece]:
        """The keys that never became whole: parts of another, one sample together, or missing."""
        parted = list(self._parted.values())
        together = self._together(parted)
        if together is not None:
            yield together
        elif self._short in self._whole:
            for sample in parted:
                for member in sample.parts.values():
                    why = "another part of its sample"
                    yield _piece(self._source, member.name, Role.PASSED_OVER, why)
                yield from sample.pieces
        else:
            yield from parted
        self._parted, self._whole = {}, set()

    def _together(self, parted: list[Sample]) -> Sample | None:
        """`s0.input.jpg` with `s0.output.cls`: the only image and the only label of `s0`."""
        if self._whole or any(s.key == self._short or s.flaw for s in parted):
            return None
        sample = Sample(self._short, self._labelled_by)
        for part in parted:
            for suffix, member in part.parts.items():
                if suffix in sample.parts:
                    return None
                sample.parts[suffix] = member
        return sample if sample.whole and sum(map(_is_image, sample.parts)) == 1 else None


def split_name(name: str) -> tuple[str, str]:
    """The key of a member, up to the last dot, and its suffix in small letters."""
    folder, slash, base = name.rpartition("/")
    stem, dot, suffix = base.rpartition(".")
    if not dot or not stem or base.startswith("."):
        return "", ""
    return f"{folder}{slash}{stem}", suffix.lower()


def missing(detail: str) -> Flaw:
    """The flaw of a sample that lacks a part."""
    return Flaw(Reason.MEMBER_MISSING, detail)


def _short(key: str) -> str:
    folder, slash, base = key.rpartition("/")
    return f"{folder}{slash}{base.partition('.')[0]}"


def _unused(member: tarstream.Member, key: str, suffix: str) -> str:
    """Why a member is part of no sample; empty when it is."""
    if not member.regular:
        return "a link or device"
    if not key:
        return "hidden" if member.name.rpartition("/")[2].startswith(".") else "no suffix"
    if suffix not in _LIMITS:
        return f"not an image, label or caption (.{suffix[:8]})"
    return ""


def _piece(source: str, name: str, role: Role, why: str = "") -> Piece:
    return Piece(Unit.MEMBER, f"{source}/{name}", role, why)


def _is_image(suffix: str) -> bool:
    return suffix in _RANKS
