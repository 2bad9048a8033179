"""One sample of a shard: its image, its label or captions, and the groups that it is in."""

from __future__ import annotations

from dataclasses import dataclass, field

from clipbench.contract import Reason, formats
from clipbench.datasets import entries, tarstream
from clipbench.datasets.layouts import groups
from clipbench.datasets.layouts.groups import Column
from clipbench.datasets.limits import MAX_CAPTIONS_BYTES, MAX_IMAGE_BYTES, MAX_LABEL_BYTES
from clipbench.datasets.types import Flaw, Groups, Piece, Role, Task, Unit

LIMITS = {
    **dict.fromkeys(formats.SUFFIXES, MAX_IMAGE_BYTES),
    **dict.fromkeys(formats.UNSUPPORTED, 0),
    "txt": MAX_CAPTIONS_BYTES,
    "jsonl": MAX_CAPTIONS_BYTES,
    "cls": MAX_LABEL_BYTES,
    "npy": MAX_LABEL_BYTES,
}
RANKS = {s: n for n, s in enumerate((*formats.SUFFIXES, *sorted(formats.UNSUPPORTED)))}


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
            self.pieces.append(piece(where, member.name, Role.REFUSED, Reason.DUPLICATE_ID))
            return
        self.parts[suffix] = member

    @property
    def image_suffix(self) -> str | None:
        """Of several images the one whose suffix stands first in the list of formats."""
        found = [suffix for suffix in self.parts if suffix in RANKS]
        return min(found, key=RANKS.__getitem__, default=None)

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

    def groups(self, known: tuple[Column, ...]) -> Groups | Flaw | None:
        """Those of `.npy` where `.cls` is the label; None where there are none."""
        member = self.parts.get("npy")
        if member is None or self.label_suffix != "cls":
            return None
        if member.data is None:
            return Flaw(Reason.GROUP_INVALID, f"{member.name} has {member.size:,} bytes")
        return groups.of_array(member.data, known)

    def all_pieces(
        self,
        where: str,
        captions: Role = Role.CAPTIONS,
        grouped: Groups | Flaw | None = None,
    ) -> tuple[Piece, ...]:
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
            elif suffix == "npy" and grouped is not None:
                role = Role.LABEL
                if isinstance(grouped, Flaw):
                    role, why = Role.REFUSED, grouped.reason
            else:
                role, why = Role.PASSED_OVER, f"a part that this task does not use (.{suffix})"
                if is_image(suffix):
                    why = "a second image of its sample"
            found.append(piece(where, member.name, role, why))
        return tuple(found)

    def set_apart(self) -> None:
        """Give the image's bytes up: a label that comes later is not beside it."""
        suffix = self.image_suffix
        if suffix is not None and self.flaw is None:
            part = self.parts[suffix]
            self.parts[suffix] = tarstream.Member(part.name, part.size, None)
            self.flaw = missing(f"{self.key} has no .{self.labelled_by[0]} beside its image")


def missing(detail: str) -> Flaw:
    """The flaw of a sample that lacks a part."""
    return Flaw(Reason.MEMBER_MISSING, detail)


def piece(source: str, name: str, role: Role, why: str = "") -> Piece:
    """A member of a shard."""
    return Piece(Unit.MEMBER, f"{source}/{name}", role, why)


def is_image(suffix: str) -> bool:
    """Whether a member of this suffix is an image, decoded or not."""
    return suffix in RANKS
