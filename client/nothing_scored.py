"""The error of a job in which no document could be scored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clipbench import results
from clipbench.datasets import Unreadable
from clipbench.errors import DataError


def nothing_scored(
    result: results.Result,
    records: Iterable[Mapping[str, Any]],
    unreadable: Sequence[Unreadable],
    folder: Path | None,
) -> DataError:
    """The error that says why no document could be scored: each reason with its first document."""
    reasons: dict[str, list[str]] = {}
    for record in records:
        if record["outcome"] == "refused":
            reasons.setdefault(record["reason"], []).append(f"{record['id']}: {record['detail']}")
    for item in unreadable:
        reasons.setdefault(item.reason, []).append(f"{item.source}: {item.detail}")
    counted, data = result.documents.counted, result.dataset
    lines = [
        f"nothing could be scored: of {counted + result.documents.refused:,} documents "
        f"{counted:,} were counted ({data.images:,} images, {data.texts:,} texts)"
    ]
    lines += [f"  {len(found):,} {name}, the first {found[0]}" for name, found in reasons.items()]
    if folder is not None:
        lines.append(f"  All of them are listed beside {folder / results.file_name(result)}")
    return DataError("\n".join(lines))
