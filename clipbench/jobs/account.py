"""The documents of a job, and what is to be said of its data: digests and duplicates."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from clipbench.contract import Refusal
from clipbench.contract.endpoints import Kind
from clipbench.jobs.job import Job
from clipbench.jobs.store import JobStore


def account(
    store: JobStore, job: Job, late: Sequence[tuple[Kind, int, Refusal]] = ()
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The outcomes of all documents, and the data that were scored. late: refused just now.

    Images to learn from are counted among the documents, and are no part of what is scored.
    """
    absent = {(kind, refusal.id) for kind, _, refusal in late}
    data = hashlib.sha256()
    counted: Counter[str] = Counter()
    contents: dict[Kind, Counter[str]] = {Kind.IMAGE: Counter(), Kind.TEXT: Counter()}
    truncated = 0
    for kind in contents:
        columns = ("id", "position", "digest", "truncated", "labels", "image_id", "groups")
        for row in store.documents(job, kind, *columns):
            if (kind, row.id) in absent:
                continue
            counted[kind] += 1
            contents[kind][row.digest] += 1
            truncated += row.truncated
            line = [kind, row.id, row.position, row.digest, row.labels, row.image_id]
            line += [row.groups] if row.groups else []
            data.update(json.dumps(line).encode() + b"\n")
    counted[Kind.TRAIN] = store.count(job, Kind.TRAIN)
    refusals = [(row.kind, row.reason) for row in store.refusals(job)]
    refusals += [(kind, refusal.reason) for kind, _, refusal in late]
    reasons = Counter(reason for _, reason in refusals)
    documents = {
        "counted": counted.total(),
        "refused": reasons.total(),
        "refused_by_reason": dict(sorted(reasons.items())),
        "refused_images": _of(Kind.IMAGE, refusals),
        "refused_train": _of(Kind.TRAIN, refusals),
        "truncated_texts": truncated,
    }
    return documents, {
        "images": counted[Kind.IMAGE],
        "texts": counted[Kind.TEXT],
        "data_sha256": data.hexdigest(),
        "duplicate_images": duplicates(contents[Kind.IMAGE]),
        "duplicate_texts": duplicates(contents[Kind.TEXT]),
    }


def duplicates(contents: Counter[str]) -> int:
    """The documents whose content another has as well, but for one of each."""
    return contents.total() - len(contents)


def _of(kind: Kind, refusals: Sequence[tuple[str, str]]) -> dict[str, int]:
    """The refused documents of a kind by reason."""
    return dict(sorted(Counter(reason for found, reason in refusals if found == kind).items()))
