"""The folder of imported figures."""

from __future__ import annotations

import os
from pathlib import Path

from clipbench.errors import DataError
from clipbench.figures.open_clip import KINDS, Read, merged, read
from clipbench.figures.types import Figures
from clipbench.files import writable_folder
from clipbench.results import write_atomically

OPEN_CLIP = "openclip"  # its folder, and what `figures pull` calls it


def default_folder() -> Path:
    """CLIPBENCH_FIGURES, else below the home."""
    return Path(os.environ.get("CLIPBENCH_FIGURES") or Path.home() / ".cache/clipbench/figures")


def import_file(path: Path, folder: Path) -> Read:
    """Copies one of open_clip's tables into `folder`. Raises DataError when nothing can be read."""
    found = read(path)
    if not found.rows:
        raise DataError(f"{path}: no row can be read: {'; '.join(found.refused[:3]) or 'no rows'}")
    target = writable_folder(folder / OPEN_CLIP) / found.name
    if not (target.exists() and target.samefile(path)):
        write_atomically(target, path.read_bytes())
    return found


def load(folder: Path | None = None) -> Figures:
    """The pulled or imported figures, possibly none. Raises DataError for a damaged file."""
    place = (folder or default_folder()) / OPEN_CLIP
    files = [place / kind.name for kind in KINDS if (place / kind.name).is_file()]
    return merged([read(path) for path in files])
