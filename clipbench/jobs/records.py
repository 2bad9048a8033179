"""The record of a counted document, as a job's result gives it out."""

from __future__ import annotations

import json
from typing import Any

COLUMNS = ("id", "position", "labels", "rank", "best", "image_id", "groups", "scores", "shares")
"""Of the table of documents."""


def of_row(row: Any) -> dict[str, Any]:
    """The record of a row of the table of documents."""
    groups = json.loads(row.groups) if row.groups else {}
    return {
        "id": row.id,
        "index": row.position,
        "labels": json.loads(row.labels),
        "image_id": row.image_id,
        "rank": row.rank,
        "best": None if row.best is None else json.loads(row.best),
        **({"groups": [f"{name}={group}" for name, group in groups.items()]} if groups else {}),
        **(json.loads(row.scores) if row.scores else {}),
        **({"shares": json.loads(row.shares)} if row.shares else {}),
    }


def judged(record: dict[str, Any]) -> dict[str, Any]:
    """Of a query: the judged images, grades and ranks (null: not there); of an image with
    comparisons: its texts, their numbers and places.
    The table of documents holds judgements where other jobs have labels, and ranks for classes.
    `image_id` becomes the image with the highest grade, for a person to look at.
    """
    pairs, ranks = record["labels"], record["best"] or []
    best = max(pairs, key=lambda pair: pair[1], default=("", 0))
    return record | {
        "labels": [],
        "best": None,
        "image_id": best[0] if best[1] > 0 else "",
        "judged": [id_ for id_, _ in pairs],
        "grades": [grade for _, grade in pairs],
        "ranks": ranks or [None] * len(pairs),
    }
