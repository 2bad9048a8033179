"""How far a job has come, on disk, so that an interrupted run goes on where it was."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from clipbench.errors import DataError

_SECONDS_BETWEEN_WRITES = 1.0


@dataclass
class Journal:
    """One unfinished job: its id and how many documents the server has answered for."""

    path: Path
    job: str
    declaration: dict[str, object]
    answered: int = 0
    started: float = field(default_factory=time.time)
    _written: float = 0.0

    @classmethod
    def find(cls, path: Path) -> Journal | None:
        """The journal at `path`. Raises DataError when it is not one."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(path=path, **content)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise DataError(
                f"{path} is not a journal ({error}); delete it to start anew"
            ) from error

    def advance(self, answered: int) -> None:
        """Remember that every document up to `answered` has an outcome."""
        self.answered = max(self.answered, answered)
        if time.monotonic() - self._written >= _SECONDS_BETWEEN_WRITES:
            self.write()

    def write(self) -> None:
        """Write the journal atomically."""
        content = asdict(self)
        del content["path"], content["_written"]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".part")
        temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
        os.replace(temporary, self.path)
        self._written = time.monotonic()

    def remove(self) -> None:
        """The job is finished."""
        self.path.unlink(missing_ok=True)
