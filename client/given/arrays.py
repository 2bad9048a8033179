"""Arrays and ids of a file of embeddings; nothing in a file is unpickled or run."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipbench.contract.endpoints import Kind
from clipbench.errors import DataError

NAMES = {
    **{Kind.IMAGE: "images", Kind.TEXT: "texts"},
    **{Kind.PROMPT: "prompts", Kind.TRAIN: "train"},
}
IDS = {f"{kind}_ids": name for kind, name in NAMES.items()}
_TYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8"}
_HEADER_BYTES = 100 * 1024 * 1024
_FORMS = (
    "a .npz or .safetensors file with the arrays images and texts (or prompts), a .parquet file "
    "with the columns kind, id and embedding, or a folder of images.npy and texts.npy"
)


@dataclass(frozen=True)
class Rows:
    """Embeddings (n, d); the row of each id, None where rows stand in the order of the data."""

    values: NDArray[np.floating]
    row_of: Mapping[str, int] | None


def read(path: Path) -> dict[str, Rows]:
    """Raises DataError for what is no file of embeddings."""
    readers = {".npz": _npz, ".safetensors": _safetensors, ".parquet": _parquet}
    reader = _folder if path.is_dir() else readers.get(path.suffix.lower())
    if not path.exists() or reader is None:
        what = "is no file of embeddings" if path.exists() else "is not there"
        raise DataError(f"{path} {what}: give {_FORMS}")
    try:
        found = reader(path)
    except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: it cannot be read: {error}") from error
    if unknown := sorted(found.keys() - set(NAMES.values()) - IDS.keys()):
        raise DataError(f"{path}: {unknown[0]!r} is not known: give {_FORMS}")
    arrays = {name: _checked(path, name, found[name]) for name in NAMES.values() if name in found}
    if not arrays:
        raise DataError(f"{path}: no array images, texts, prompts or train: give {_FORMS}")
    if len({array.shape[1] for array in arrays.values()}) > 1:
        told = ", ".join(f"{name} {array.shape[1]}" for name, array in arrays.items())
        raise DataError(f"{path}: the dimensions differ: {told}")
    ids = {IDS[name]: values for name, values in found.items() if name in IDS}
    return {
        name: Rows(array, _row_of(path, name, ids[name], len(array)) if name in ids else None)
        for name, array in arrays.items()
    }


def digest(path: Path) -> str:
    """The SHA-256 of the file; of a folder that of its files' names and digests."""
    if path.is_dir():
        lines = [f"{digest(item)}  {item.name}\n" for item in sorted(path.glob("*.npy"))]
        return hashlib.sha256("".join(lines).encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checked(path: Path, name: str, array: Any) -> NDArray[np.floating]:
    values = np.asarray(array)
    if name == "prompts" and values.ndim == 3:  # classes, templates, numbers
        values = values.reshape(-1, values.shape[2])
    if values.ndim != 2 or values.dtype.name not in ("float16", "float32", "float64"):
        raise DataError(
            f"{path}: {name} is {values.dtype.name} of shape {values.shape}; embeddings are "
            "float16, float32 or float64 of shape (documents, numbers)"
        )
    return values


def _row_of(path: Path, name: str, ids: Any, rows: int) -> dict[str, int]:
    listed = [str(value) for value in np.asarray(ids).ravel().tolist()]
    found = {id_: row for row, id_ in enumerate(listed)}
    if len(listed) != rows:
        raise DataError(f"{path}: {name} has {rows} rows and {len(listed)} ids")
    if len(found) != len(listed):
        twice = next(id_ for row, id_ in enumerate(listed) if found[id_] != row)
        raise DataError(f"{path}: {name} has the id {twice!r:.200} more than once")
    return found


def _npz(path: Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _folder(path: Path) -> dict[str, Any]:
    return {
        item.stem: np.load(item, allow_pickle=False, mmap_mode="r") for item in path.glob("*.npy")
    }


def _safetensors(path: Path) -> dict[str, Any]:
    """By hand: the client does without the package, which the server's lock alone has."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(_HEADER_BYTES, path.stat().st_size):
            raise ValueError("its header is longer than the file")
        header = json.loads(file.read(length))
    start = 8 + length
    found: dict[str, Any] = {}
    for name, about in header.items():
        if name == "__metadata__":
            found |= {key: json.loads(text) for key, text in about.items() if key in IDS}
            continue
        if about["dtype"] not in _TYPES:
            raise ValueError(f"{name} is {about['dtype']}; embeddings are F16, F32 or F64")
        (first, last), shape = about["data_offsets"], tuple(about["shape"])
        dtype = np.dtype(_TYPES[about["dtype"]])
        if not 0 <= first <= last or last - first != dtype.itemsize * int(np.prod(shape)):
            raise ValueError(f"{name} has other bytes than its shape needs")
        found[name] = np.memmap(path, dtype, "r", start + first, shape)
    return found


def _parquet(path: Path) -> dict[str, Any]:
    from pyarrow import ArrowException, parquet

    try:
        table = parquet.read_table(path, columns=["kind", "id", "embedding"])
    except ArrowException as error:
        raise ValueError(str(error)) from error
    kinds = np.array(table["kind"].to_pylist())
    ids = np.array(table["id"].to_pylist())
    column = table["embedding"].combine_chunks()
    sizes = {len(row) for row in column}
    if len(sizes) != 1 or column.null_count:
        raise ValueError(f"the embeddings have {sorted(sizes)[:5]} numbers; all have the same")
    numbers = column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)
    if unknown := set(kinds.tolist()) - set(map(str, NAMES)):
        raise ValueError(f"kind {sorted(unknown)[0]!r}: a kind is image, text, prompt or train")
    found: dict[str, Any] = {}
    for kind, name in NAMES.items():
        chosen = kinds == str(kind)
        if chosen.any():
            found |= {name: numbers[chosen], f"{kind}_ids": ids[chosen]}
    return found
