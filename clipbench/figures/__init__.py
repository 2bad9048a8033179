"""Figures that others publish: fetched or imported, kept in a folder, never mixed with our own."""

from clipbench.figures.library import OPEN_CLIP, default_folder, import_file, load
from clipbench.figures.open_clip import Read, read
from clipbench.figures.types import NONE, Figures, Profile

__all__ = [
    "NONE",
    "OPEN_CLIP",
    "Figures",
    "Profile",
    "Read",
    "default_folder",
    "import_file",
    "load",
    "read",
]
