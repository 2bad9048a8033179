"""The folders of the embedded data sets and the embedded models."""

from pathlib import Path

DATA: Path = Path(__file__).parent / "data"
WEIGHTS: Path = Path(__file__).parent / "weights"

__all__ = ["DATA", "WEIGHTS"]
