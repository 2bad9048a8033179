"""Captions and photos as files, so that every environment reads the same bytes."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

from client.inputs import captions, photos

TEXTS, IMAGES = 512, 64


def write(folder: Path, texts: int = TEXTS, images: int = IMAGES) -> Path:
    """texts.json and N.jpg of 500 × 375 pixels in the folder, made once."""
    if (folder / "texts.json").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    for number, photo in enumerate(itertools.islice(photos(), images)):
        (folder / f"{number}.jpg").write_bytes(photo)
    (folder / "texts.json").write_text(json.dumps(list(itertools.islice(captions(), texts))))
    return folder
