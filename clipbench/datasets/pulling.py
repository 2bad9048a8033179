"""Fetches a data set whole, so that it can be read without a network."""

from __future__ import annotations

from pathlib import Path

from clipbench.datasets import opening, registry, whole_files
from clipbench.datasets.layouts import wds
from clipbench.datasets.limits import MAX_METADATA_BYTES
from clipbench.download import Progress, shown
from clipbench.errors import InvalidRequest


def pull(
    spec: str,
    root: Path | None = None,
    *,
    split: str = "test",
    base: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Fetches one split of a registered id (from `base`, else the hub) or of an address.

    Files that are there whole are not fetched again, partial ones are resumed. Returns the folder.
    Raises UnknownName, InvalidRequest, DataError, Unavailable.
    """
    root = root or opening.default_root()
    if spec.startswith(("http://", "https://")):
        files = opening.at_address(spec, root, progress=progress)
        names = whole_files.instead_of_shards(files, split)
    else:
        info = registry.find(spec)
        found = opening.remote(info, root, base=base, progress=progress)
        if found is None:
            return opening.local_folder(info, root)
        files = found
        if split not in info.splits or (split == "all" and base is None):
            raise InvalidRequest(
                f"the copy of {spec} on the hub has no split {split!r}: get the original from "
                f"{info.link} and open its folder"
            )
        names = info.files
    assert files.cache is not None
    if names:
        return whole_files.fetched(files, names)
    for name in (wds.TYPE, wds.CLASSNAMES, wds.TEMPLATES):
        files.read(name, MAX_METADATA_BYTES)
    for number in range(wds.count_shards(files, split, shown(files.base))):
        files.fetch(f"{split}/{number}.tar")
    return files.cache
