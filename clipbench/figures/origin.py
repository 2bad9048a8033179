"""Where figures are published, and fetching them. Needs httpx, which reading them does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from clipbench.download import Digests, Download, Patience, Progress, new_client
from clipbench.errors import DataError, UnknownName
from clipbench.figures.library import OPEN_CLIP as SOURCE
from clipbench.figures.open_clip import MAX_BYTES, table
from clipbench.files import writable_folder


@dataclass(frozen=True)
class Origin:
    """Where a source publishes its files. digests: SHA-256 by file name."""

    source: str
    address: str
    digests: Mapping[str, str] = field(default_factory=dict)


def _open_clip() -> Origin:
    known = table()
    address = known["address"].format(commit=known["commit"])
    return Origin(SOURCE, address, known["files"])


OPEN_CLIP = _open_clip()


def pull(
    folder: Path,
    origin: Origin = OPEN_CLIP,
    *,
    progress: Progress | None = None,
    patience: Patience | None = None,
) -> list[Path]:
    """The source's files in `folder`, fetched unless they are there as they were published.

    Raises DataError when a file is not there or is not the pinned one, Unavailable when the
    address cannot be reached.
    """
    place, patience = writable_folder(folder / origin.source), patience or Patience()
    found = []
    with new_client(patience) as client:
        for name, sha256 in origin.digests.items():
            digests, target = Digests(sha256=sha256), place / name
            if target.is_file() and digests.problem(target):
                target.unlink()  # a copy that was imported, or damaged: the pinned one is wanted
            url = f"{origin.address.rstrip('/')}/{name}"
            try:
                download = Download(url, target, digests, progress, patience, MAX_BYTES)
                found.append(download.run(client))
            except FileNotFoundError as error:
                raise DataError(f"{url}: the server has no such file") from error
    return found


def known_source(name: str) -> Origin:
    """The source of that name. Raises UnknownName."""
    if name != OPEN_CLIP.source:
        raise UnknownName("source of figures", name, [OPEN_CLIP.source])
    return OPEN_CLIP
