"""Decides which documents of a batch count when an id comes twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clipbench.contract import Reason, Refusal


@dataclass
class Deduplicated:
    """accepted: rows to store by id; displaced: stored ids to remove first; clashes: refusals."""

    accepted: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    repeated: int = 0
    displaced: list[str] = field(default_factory=list)
    clashes: list[tuple[int, Refusal]] = field(default_factory=list)


Claim = tuple[int, str, str, str, str]
"""Position, digest of the content, labels, image of the text, groups: the smallest keeps an id."""


def claim(row: Mapping[str, Any]) -> Claim:
    """The fields of a document that are compared when its id comes again."""
    return (row["position"], row["digest"], row["labels"], row["image_id"], row["groups"])


def deduplicate(rows: Sequence[Mapping[str, Any]], stored: Mapping[str, Claim]) -> Deduplicated:
    """Give each id to one document.

    rows are rows of the document table; stored maps an id to the claim of the row that has it.
    An equal claim is a repetition. Otherwise the smaller one keeps the id, whatever came first,
    and the other document is refused.
    """
    deduplicated = Deduplicated()
    for row in rows:
        id_, wanted = row["id"], claim(row)
        earlier = deduplicated.accepted.get(id_)
        holder = claim(earlier) if earlier else stored.get(id_)
        if holder is None:
            deduplicated.accepted[id_] = row
        elif holder == wanted:
            deduplicated.repeated += 1
        elif wanted < holder:
            if earlier is None:
                deduplicated.displaced.append(id_)
            deduplicated.accepted[id_] = row
            deduplicated.clashes.append(_clash(id_, holder[0], wanted[0]))
        else:
            deduplicated.clashes.append(_clash(id_, wanted[0], holder[0]))
    return deduplicated


def _clash(id_: str, position: int, holder: int) -> tuple[int, Refusal]:
    detail = f"the id belongs to another document, at position {holder}"
    return position, Refusal(id_, Reason.DUPLICATE_ID, detail)
