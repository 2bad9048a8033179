"""Result files on disk: one JSON each, written whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, TypeVar

from clipbench.errors import DataError
from clipbench.files import read_json
from clipbench.results.codec import decode, encode
from clipbench.results.key import file_stem
from clipbench.results.statistics import STATISTICS_FORMAT, Statistics
from clipbench.results.types import FORMAT, Result

RESULT_SUFFIX = ".result.json"
STATISTICS_SUFFIX = ".statistics.json"

T = TypeVar("T")


def write(result: Result, folder: str | Path) -> Path:
    """Write `result` into `folder` (made if absent); a result of the same key is replaced."""
    return _write(result, Path(folder) / file_name(result))


def write_statistics(statistics: Statistics, folder: str | Path) -> Path:
    """Write `statistics` into `folder` (made if absent), as `write` does."""
    return _write(statistics, Path(folder) / statistics_file_name(statistics))


def load(path: str | Path) -> Result:
    """Read one result file. Raises DataError with the file and the key that is wrong."""
    return result_from_json(_parse(Path(path)), file=str(path))


def load_statistics(path: str | Path) -> Statistics:
    """Read one statistics file. Raises DataError with the file and the key that is wrong."""
    return statistics_from_json(_parse(Path(path)), file=str(path))


def load_all(folder: str | Path) -> tuple[Result, ...]:
    """Every result file of `folder`, by file name. Other files are left alone."""
    return tuple(load(path) for path in _files(Path(folder), RESULT_SUFFIX))


def load_all_statistics(folder: str | Path) -> tuple[Statistics, ...]:
    """Every statistics file of `folder`, by file name."""
    return tuple(load_statistics(path) for path in _files(Path(folder), STATISTICS_SUFFIX))


def result_from_json(data: object, *, file: str = "") -> Result:
    """A result from parsed JSON; `file` is only named in errors."""
    return _typed(Result, FORMAT, data, file)


def statistics_from_json(data: object, *, file: str = "") -> Statistics:
    """Statistics from parsed JSON; `file` is only named in errors."""
    return _typed(Statistics, STATISTICS_FORMAT, data, file)


def to_json(value: Result | Statistics) -> dict[str, Any]:
    """The document that `write` writes."""
    document: dict[str, Any] = encode(value)
    return {"format": document.pop("format"), **document}


def file_name(result: Result) -> str:
    """The result's name from its key: readable, unique, and never outside its folder."""
    key = result.key
    settings = key.run.settings
    readable = [
        *(key.run.model, key.data.dataset, key.data.split),
        *(settings.precision, settings.runtime),
    ]
    return file_stem(readable, key) + RESULT_SUFFIX


def statistics_file_name(statistics: Statistics) -> str:
    """As `file_name`, of a model's statistics on one device under one load."""
    key = statistics.key
    settings = key.settings
    device = key.device_name or key.device
    readable = [key.model, device, settings.precision, settings.runtime]
    load = [statistics.concurrency, statistics.batch_size]
    return file_stem(readable, [key, load]) + STATISTICS_SUFFIX


def records_file_name(result: Result) -> str:
    """The name of the sidecar that belongs beside `file_name(result)`."""
    return file_name(result).removesuffix(RESULT_SUFFIX) + ".records.parquet"


def _write(value: Result | Statistics, path: Path) -> Path:
    text = json.dumps(to_json(value), ensure_ascii=False, allow_nan=False, indent=1)
    return write_atomically(path, (text + "\n").encode())


def write_atomically(path: Path, content: bytes) -> Path:
    """Replace `path` by `content` in one step that survives a power cut; returns `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)
    return path


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _files(folder: Path, suffix: str) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder of results; `clipbench run` makes one")
    return sorted(path for path in folder.iterdir() if path.name.endswith(suffix))


def _parse(path: Path) -> Any:
    return read_json(path, error=DataError)


def _typed(cls: type[T], expected: str, data: object, file: str) -> T:
    found = data.get("format") if isinstance(data, dict) else None
    if found != expected:
        place = f"{file}: " if file else ""
        raise DataError(
            f"{place}format: expected {expected!r}, found {found!r}; results of "
            "clip_benchmark are read with `clipbench import`"
        )
    return decode(cls, data, file=file)
