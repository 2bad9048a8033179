"""Where weights come from: this disk, the Hugging Face hub, then their original address."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from clipbench.errors import CheckpointError
from clipbench.models.registry import ModelFile, ModelInfo


def find_file(info: ModelInfo, file: ModelFile, folders: Sequence[Path]) -> Path | None:
    """The file on this disk: in a folder of the model's own name, or in the folder itself."""
    if file.path is not None:
        return file.path if file.path.is_file() else None
    own = [folder / info.folder for folder in folders]
    for name in file.filenames:
        for folder in own:
            if (folder / name).is_file():
                return folder / name
    # clip-server's flat folder: only the names that tell the model, not the hub's common ones
    for source in file.sources:
        if source.kind == "url":
            for folder in folders:
                if (folder / source.filename).is_file():
                    return folder / source.filename
    return None


def pull(info: ModelInfo, cache: Path, *, folders: Sequence[Path] = ()) -> dict[str, Path]:
    """The model's files by role."""
    found: dict[str, Path] = {}
    for file in info.files:
        path = find_file(info, file, [cache, *folders])
        if path is None:
            raise CheckpointError(f"the weights of {info.name} are not on this disk")
        found[file.role] = path
    return found
