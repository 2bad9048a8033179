"""Data sets at an address that are no shards: a few files of known names, fetched whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from clipbench.datasets import registry
from clipbench.datasets.layouts import wds
from clipbench.datasets.limits import MAX_METADATA_BYTES, MAX_QRELS_BYTES
from clipbench.datasets.sources import Remote
from clipbench.download import shown
from clipbench.errors import DataError, InvalidRequest


def instead_of_shards(files: Remote, split: str | None) -> tuple[str, ...]:
    """Names of the files that an address has in place of shards; none where it has shards."""
    if split not in (None, "test") or files.read(f"test/{wds.SHARDS}", MAX_METADATA_BYTES):
        return ()
    known = (info.files for info in registry.all_datasets() if info.files)
    return next((names for names in known if files.read(names[0], MAX_QRELS_BYTES)), ())


def fetched(files: Remote, names: Sequence[str]) -> Path:
    """The folder of these files, fetched whole. Raises DataError, InvalidRequest, Unavailable."""
    if files.cache is None:
        raise InvalidRequest(f"{', '.join(names)} cannot be streamed: let the files be kept")
    for name in names:
        try:
            files.fetch(name)
        except FileNotFoundError as error:
            raise DataError(f"{shown(files.base)} has no {name}") from error
    return files.cache
