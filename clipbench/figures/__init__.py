"""Figures that others publish: fetched or imported, kept in a folder, never mixed with our own."""

from clipbench.figures.library import OPEN_CLIP, Origin, default_folder, import_file, load, pull
from clipbench.figures.open_clip import Read, read
from clipbench.figures.types import NONE, Figures, Profile

__all__ = [
    "NONE",
    "OPEN_CLIP",
    "Figures",
    "Origin",
    "Profile",
    "Read",
    "default_folder",
    "import_file",
    "load",
    "pull",
    "read",
]
