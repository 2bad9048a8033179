"""Result files on disk: one JSON each, written whole or not at all, read strictly."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any, TypeVar

from clipbench.errors import DataError
from clipbench.files import read_json
from clipbench.results.codec import decode, encode
from clipbench.results.statistics import STATISTICS_FORMAT, Statistics
from clipbench.results.types import FORMAT, Result

RESULT_SUFFIX = ".result.json"
STATISTICS_SUFFIX = ".statistics.json"

T = TypeVar("T")


def write(result: Result, folder: str | Path) -> Path:
    """Write `result` into `folder` (made if absent); a result of the same options is replaced."""
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
    """The result's name from its options: readable, unique, and never outside its folder."""
    data, run = result.dataset, result.run
    readable = [result.model.name, data.id, data.split, run.precision, run.runtime]
    identity = [*readable, result.model.activation, result.model.interpolation]
    identity += [result.model.decoding]
    identity += [data.prompts_sha256, encode(data.sample), run.device]
    return _name(readable, identity) + RESULT_SUFFIX


def statistics_file_name(statistics: Statistics) -> str:
    """As `file_name`, of a model's statistics on one device."""
    run = statistics.run
    readable = [statistics.model.name, run.device_name or run.device, run.precision, run.runtime]
    identity = [*readable, statistics.concurrency, statistics.batch_size]
    return _name(readable, identity) + STATISTICS_SUFFIX


def records_file_name(result: Result) -> str:
    """The name of the sidecar that belongs beside `file_name(result)`."""
    return file_name(result).removesuffix(RESULT_SUFFIX) + ".records.parquet"


def _name(readable: list[str | None], identity: list[Any]) -> str:
    digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:8]
    parts = [re.sub(r"[^A-Za-z0-9_-]+", "-", part)[:48].strip("-") for part in readable if part]
    return "__".join([part for part in parts if part] + [digest])


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
