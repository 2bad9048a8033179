"""Samples of a shard: the members that stand together under one key.

The key is the name up to the first dot after the last slash, as in the webdataset library:
`KEY.webp`, `KEY.cls`. A name with more dots is taken by its last suffix: `photo.final.jpg` and
`photo.final.cls` are a sample of their own (CLIP_benchmark reads no such sample), and so are
`s0.input.jpg` and `s0.output.cls` when nothing else has the key `s0`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from clipbench.contract import Reason, formats
from clipbench.datasets import tarstream
from clipbench.datasets.layouts.sample import LIMITS, RANKS, Sample, is_image, label_suffixes, piece
from clipbench.datasets.types import Flaw, Gap, Piece, Role

__all__ = ["Sample", "label_suffixes", "read", "split_name"]


def read(
    stream: BinaryIO, source: str, labelled_by: tuple[str, ...], images: bool
) -> Iterator[Sample | Gap | Piece]:
    """Samples of a shard in order; a gap follows the sample in which the damage begins."""
    run = _Run(source, labelled_by)

    def wanted(name: str, size: int) -> bool:
        _, suffix = split_name(name)
        known = images or suffix not in RANKS
        return known and size <= LIMITS.get(suffix, -1) and suffix not in formats.UNSUPPORTED

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
                yield piece(self._source, member.name, Role.PASSED_OVER, why)
                return
            yield from self._select(key)
            assert self._now is not None
            self._now.add(suffix, member, self._source)
            return
        if key and suffix in LIMITS:
            yield from self._select(key)
            assert self._now is not None
            self._now.flaw = Flaw(Reason.SHARD_DAMAGED, member.detail)
        where = f"at byte {member.position:,} {member.detail}"
        cut = piece(self._source, member.name, Role.REFUSED, Reason.SHARD_DAMAGED)
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
                    yield piece(self._source, member.name, Role.PASSED_OVER, why)
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
        return sample if sample.whole and sum(map(is_image, sample.parts)) == 1 else None


def split_name(name: str) -> tuple[str, str]:
    """The key of a member, up to the last dot, and its suffix in small letters."""
    folder, slash, base = name.rpartition("/")
    stem, dot, suffix = base.rpartition(".")
    if not dot or not stem or base.startswith("."):
        return "", ""
    return f"{folder}{slash}{stem}", suffix.lower()


def _short(key: str) -> str:
    folder, slash, base = key.rpartition("/")
    return f"{folder}{slash}{base.partition('.')[0]}"


def _unused(member: tarstream.Member, key: str, suffix: str) -> str:
    """Why a member is part of no sample; empty when it is."""
    if not member.regular:
        return "a link or device"
    if not key:
        return "hidden" if member.name.rpartition("/")[2].startswith(".") else "no suffix"
    if suffix not in LIMITS:
        return f"not an image, label or caption (.{suffix[:8]})"
    return ""
