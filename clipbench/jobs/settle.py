"""Which documents of a batch count, when ids come twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clipbench.contract import Reason, Refusal


@dataclass
class Settled:
    """accepted: rows to store by id; displaced: stored ids to remove first; clashes: refusals."""

    accepted: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    repeated: int = 0
    displaced: list[str] = field(default_factory=list)
    clashes: list[tuple[int, Refusal]] = field(default_factory=list)


def settle(rows: Sequence[Mapping[str, Any]], stored: Mapping[str, tuple[int, str]]) -> Settled:
    """Give each id to one document.

    rows have `id`, `position` and `digest`; stored maps an id to (position, digest). The same
    position and digest is a repetition. Otherwise the smaller position keeps the id, whatever
    came first, and the other document is refused.
    """
    settled = Settled()
    for row in rows:
        id_, position, digest = row["id"], row["position"], row["digest"]
        earlier = settled.accepted.get(id_)
        holder = (earlier["position"], earlier["digest"]) if earlier else stored.get(id_)
        if holder is None:
            settled.accepted[id_] = row
        elif holder == (position, digest):
            settled.repeated += 1
        elif position < holder[0]:
            if earlier is None:
                settled.displaced.append(id_)
            settled.accepted[id_] = row
            settled.clashes.append(_clash(id_, holder[0], position))
        else:
            settled.clashes.append(_clash(id_, position, holder[0]))
    return settled


def _clash(id_: str, position: int, holder: int) -> tuple[int, Refusal]:
    detail = f"the id belongs to the document at position {holder}, whose content differs"
    return position, Refusal(id_, Reason.DUPLICATE_ID, detail)
