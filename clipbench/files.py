"""Files and folders that a person names: used, or refused with the path and the reason."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from clipbench.errors import ClipbenchError, InvalidRequest


def read_text(
    path: Path,
    *,
    what: str = "",
    limit: int | None = None,
    error: type[ClipbenchError] = InvalidRequest,
) -> str:
    """The text of a UTF-8 file, a byte order mark taken off.

    what: the file's part in a message, as "token file". Raises `error` when it is not there,
    cannot be read, is not UTF-8 or has over `limit` bytes.
    """
    place = f"{what} {path}".lstrip()
    try:
        with path.open("rb") as file:
            data = file.read() if limit is None else file.read(limit + 1)
    except (OSError, ValueError) as cause:  # ValueError: a null character in the path
        raise error(reason(cause, place)) from cause
    if limit is not None and len(data) > limit:
        raise error(f"{place} has over {limit:,} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as cause:
        raise error(f"{place} is not UTF-8 text (byte {cause.start})") from cause


def read_json(path: Path, *, error: type[ClipbenchError] = InvalidRequest) -> Any:
    """The value of a JSON file. Raises `error` as `read_text` does, and when it is not JSON."""
    text = read_text(path, error=error)
    try:
        return json.loads(text)
    except RecursionError as cause:
        raise error(f"{path}: not JSON: nested too deeply") from cause
    except ValueError as cause:  # also a number of more digits than Python reads
        raise error(f"{path}: not JSON: {cause}") from cause


def writable_folder(path: Path) -> Path:
    """The folder, made when it is not there and tried with a file that is removed again.

    Raises InvalidRequest when nothing can be written there.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path, prefix=".", suffix=".part"):
            pass
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"nothing can be written: {reason(error, str(path))}") from error
    return path


def reason(error: OSError | ValueError, place: str = "") -> str:
    """The system's error on a file, in words; `place` replaces the error's own path.

    Raises nothing: an error of another kind is given as it is.
    """
    place = place or str(getattr(error, "filename", None) or "")
    words = str(getattr(error, "strerror", None) or error)
    match error:
        case FileNotFoundError():
            words = "there is no such file or folder"
        case PermissionError():
            words = "permission denied"
        case IsADirectoryError():
            words = "it is a folder, and a file was expected"
        case FileExistsError() | NotADirectoryError():
            words = "a file is in the way of a folder"
    return f"{place}: {words}" if place else words
