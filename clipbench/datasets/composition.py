"""Comparisons of captions with hard negatives, as the documents of a job tell them.

An image's tag `judgements` names the texts that it is compared with: each has the number of its
comparison, above 0 for the right text and below 0 for a wrong one. Number n belongs to the part
(n - 1) modulo the number of parts. Where images are each other's hard negatives (Winoground), the
wrong text of the one is the right text of the other, so that texts choose among images, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from clipbench.contract import Reason
from clipbench.datasets import entries
from clipbench.datasets.types import (
    Comparison,
    Contents,
    Entry,
    Flaw,
    Gap,
    Image,
    Piece,
    Query,
    Read,
    Task,
)


def by_comparisons(
    read: Read, split: str, subsets: tuple[str, ...], images: int | None = None
) -> Contents:
    """The data set of entries with comparisons. Entries of a group stand together."""
    return Contents(
        Task.RETRIEVAL,
        _Linked(read, max(1, len(subsets))).read,
        split,
        composed=True,
        subsets=subsets,
        images=images,
    )


def subset_of(number: int, subsets: int) -> int:
    """The part that a comparison belongs to. number: of its right or of a wrong text."""
    return (abs(number) - 1) % max(1, subsets)


def parse_lines(
    lines: Sequence[bytes], subsets: Sequence[str]
) -> tuple[str, tuple[Comparison, ...]] | Flaw:
    """The group and the comparisons of an image, as shards hold them: a JSON object each.

    {"caption": "…", "negative_captions": ["…"], "subset": "…", "group": "…"}; the last two may be
    missing.
    """
    group, found = "", []
    for line in lines:
        try:
            row = json.loads(line)
            right, wrong = row["caption"], row["negative_captions"]
            subset, group = row.get("subset"), str(row.get("group", ""))
            texts = [entries.caption(text) for text in (right, *wrong)]
        except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
            return Flaw(Reason.MEMBER_MISSING, f"a comparison cannot be read: {error!r}")
        if not wrong:
            return Flaw(Reason.MEMBER_MISSING, "a comparison has no hard negative")
        number = subsets.index(subset) if subset in subsets else 0
        found.append(Comparison(texts[0], tuple(texts[1:]), number))
    if not found:
        return Flaw(Reason.EMPTY, "the image has no comparison")
    return group, tuple(found)


def lines_of(image: Image, texts: Mapping[str, str], subsets: Sequence[str]) -> str | None:
    """The comparisons of an image as shards hold them; None where a text is not there.

    texts: by id. Images whose texts are each other's hard negatives have the group of the first.
    """
    if not all(id_ in texts for id_, _ in image.judgements):
        return None
    group = group_of(image)
    by_number: dict[int, list[tuple[bool, str]]] = {}
    for id_, number in image.judgements:
        by_number.setdefault(abs(number), []).append((number < 0, id_))
    rows = []
    for number, members in sorted(by_number.items()):
        first, *others = (texts[id_] for _, id_ in sorted(members))
        row: dict[str, object] = {"caption": first, "negative_captions": others}
        if subsets:
            row["subset"] = subsets[subset_of(number, len(subsets))]
        if group:
            row["group"] = group
        rows.append(json.dumps(row, ensure_ascii=False))
    return "\n".join(rows)


def group_of(image: Image) -> str:
    """The id of the first of the images that share texts; empty for one alone."""
    owners = {id_.rpartition("#")[0] for id_, _ in image.judgements} | {image.id}
    return min(owners) if len(owners) > 1 else ""


@dataclass(frozen=True)
class _Linked:
    entries: Read
    subsets: int

    def read(self, images: bool) -> Iterator[Entry | Query | Gap | Piece]:
        for group, items in groupby(self.entries(images), _group):
            if group:
                yield from self._together([item for item in items if isinstance(item, Entry)])
            else:
                for item in items:
                    yield self._linked(item, {}, {}) if isinstance(item, Entry) else item

    def _together(self, members: Sequence[Entry]) -> Iterator[Entry]:
        """The images of a group: a text that is right for one and wrong for another is one text."""
        owner: dict[str, str] = {}
        for member in members:
            for comparison in member.comparisons:
                if isinstance(comparison.right, str):
                    owner.setdefault(comparison.right, member.id)
        ids = {
            text: f"{member.id}#{place}"
            for member in members
            for place, text in enumerate(_captions(member, owner))
            if isinstance(text, str) and owner.get(text) == member.id
        }
        for member in members:
            yield self._linked(member, owner, ids)

    def _linked(self, entry: Entry, owner: Mapping[str, str], ids: Mapping[str, str]) -> Entry:
        """With its captions, and the number of the comparison of each.

        owner, ids: of the texts of a group, the image that a text is right for, and its id.
        """
        judged: dict[str, int] = {}
        place = 0
        for k, comparison in enumerate(entry.comparisons):
            number = 1 + k * self.subsets + comparison.subset
            for at, text in enumerate((comparison.right, *comparison.wrong)):
                right = at == 0
                if not right and _of_another(text, entry, owner):
                    judged[ids[str(text)]] = -number
                else:
                    judged[f"{entry.id}#{place}"] = number if right else -number
                    place += 1
        found = _captions(entry, owner)
        return replace(
            entry, captions=found, judgements=tuple(sorted(judged.items())), comparisons=()
        )


def _captions(entry: Entry, owner: Mapping[str, str]) -> tuple[str | Flaw, ...]:
    """Of each comparison the right text, and the wrong ones that are right for no other image."""
    return tuple(
        text
        for comparison in entry.comparisons
        for text in (
            comparison.right,
            *(text for text in comparison.wrong if not _of_another(text, entry, owner)),
        )
    )


def _of_another(text: str | Flaw, entry: Entry, owner: Mapping[str, str]) -> bool:
    return isinstance(text, str) and owner.get(text, entry.id) != entry.id


def _group(item: object) -> str:
    return item.group if isinstance(item, Entry) else ""
