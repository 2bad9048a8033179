"""The class names of a Parquet column of labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from clipbench.errors import DataError

_MOST_CLASSES = 100_000  # of string labels, which are all held


def distinct(parts: Sequence[Path], label: str) -> tuple[str, ...]:
    """Every string that a label column holds, sorted. Raises DataError past the limit."""
    found: set[str] = set()
    for part in parts:
        try:
            with pq.ParquetFile(part) as file:
                for batch in file.iter_batches(columns=[label]):
                    for value in batch.column(0).to_pylist():
                        items = value if isinstance(value, list) else [value]
                        found.update(item for item in items if isinstance(item, str))
        except (OSError, ValueError, pa.ArrowException):
            continue  # said when the part is read
        if len(found) > _MOST_CLASSES:
            raise DataError(f"column {label} holds more than {_MOST_CLASSES:,} different labels")
    return tuple(sorted(found))


def names(schema: pa.Schema, label: str) -> tuple[str, ...]:
    """Class names that the `datasets` library writes into the schema's metadata."""
    try:
        info = json.loads((schema.metadata or {})[b"huggingface"])
        feature = info["info"]["features"][label]
        if isinstance(feature, list):
            feature = feature[0]
        feature = feature.get("feature", feature)
        return tuple(str(name) for name in feature["names"])
    except (LookupError, ValueError, TypeError, AttributeError):
        return ()
