"""Digests of files: expected and computed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path


@dataclass(frozen=True)
class Digests:
    """The expected digests of a file. `sha256` may be its first digits; None is not known."""

    md5: str | None = None
    sha256: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The algorithms that are known."""
        return tuple(name for name in ("md5", "sha256") if getattr(self, name))

    def problem(self, path: Path) -> str | None:
        """The mismatch of the file's digests in words, None without one."""
        for name in self.names:
            actual, expected = file_digest(path, name), getattr(self, name).lower()
            if not actual.startswith(expected):
                return f"its {name} is {actual} instead of {expected}"
        return None


NOTHING_KNOWN = Digests()


def file_digest(path: Path, algorithm: str) -> str:
    """In hexadecimal; computed once for each (path, size, modification time)."""
    stat = path.stat()
    return _digest(path, algorithm, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=256)
def _digest(path: Path, algorithm: str, size: int, modified: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()
