"""The journal of an unfinished job: its sent and answered shards, so that `--resume` goes on there.

A file of JSON lines that only grows: the job with what it is about, then a line for each shard
before it is sent, a line for how far the server has answered, and a line for each document that
no request can hold, since the server does not know of it. A line that a crash cut off is
left out when it is read. The shards' digests tell whether the data are still the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from clipbench.client.batches import IDENTITY, Shard
from clipbench.contract import Reason
from clipbench.datasets import Unreadable, UnreadableKind
from clipbench.errors import DataError
from clipbench.files import read_text

FORMAT = "clipbench-journal/2"


@dataclass
class Journal:
    """One unfinished job.

    about: what the job was opened for. shards: the identity of each one that was sent, in order.
    answered: how many documents, from the beginning of the data, have an outcome.
    too_large: the documents among them that no request can hold.
    """

    path: Path
    job: str
    about: Mapping[str, Any]
    shards: list[dict[str, Any]] = field(default_factory=list)
    answered: int = 0
    too_large: list[Unreadable] = field(default_factory=list)
    _read: int = 0  # of the shards, how many have come again

    @staticmethod
    def name_of(about: Mapping[str, Any]) -> str:
        """The name of the file of a job that is about this."""
        digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
        return f"{digest[:16]}.job.json"

    @classmethod
    def find(cls, path: Path) -> Journal | None:
        """The journal at `path`, if there is one. Raises DataError when it is something else."""
        if not path.exists():
            return None
        lines = read_text(path, error=DataError).split("\n")[:-1]  # the last has an end, or is cut
        try:
            head, *rest = map(json.loads, lines)
            if head["format"] != FORMAT:
                raise ValueError(f"format {head['format']!r}")
            journal = cls(path, head["job"], head["about"])
            for line in rest:
                if "answered" in line:
                    journal.answered = max(journal.answered, line["answered"])
                elif "too_large" in line:
                    journal.too_large.append(_unreadable(line["too_large"]))
                else:
                    journal.shards.append({name: line[name] for name in IDENTITY})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DataError(
                f"{path} is not a journal of this version ({error}); run without --resume"
            ) from error
        return journal

    def check(self, about: Mapping[str, Any]) -> None:
        """Raises DataError when the data are declared otherwise than in the journal."""
        changes = [
            f"{name} {_short(self.about.get(name))}, now {_short(about[name])}"
            for name in about
            if self.about.get(name) != about[name]
        ]
        if changes:
            raise DataError(f"the data changed since this run began: {'; '.join(changes)}. {NEXT}")

    def begin(self) -> None:
        """Write the head anew; what was sent before is forgotten."""
        self.shards, self.answered, self.too_large, self._read = [], 0, [], 0
        self.path.parent.mkdir(parents=True, exist_ok=True)
        head = {"format": FORMAT, "job": self.job, "about": dict(self.about)}
        self.path.write_text(json.dumps(head) + "\n", encoding="utf-8")

    def sending(self, shard: Shard) -> None:
        """Note a shard before it is sent. Raises DataError when another was sent in its place."""
        if self._read == len(self.shards):
            self.shards.append(shard.identity)
            self._append(shard.identity)
        elif self.shards[self._read] != shard.identity:
            raise DataError(_changed(shard, self.shards[self._read]))
        self._read += 1

    def finish_reading(self, documents: int) -> None:
        """Note the end of the data. Raises DataError when more had been sent."""
        if self._read < len(self.shards):
            last = self.shards[-1]
            raise DataError(
                f"the data changed since this run began: {documents:,} documents, where "
                f"{last['through']:,} had been sent (to {last['last']!r}). {NEXT}"
            )

    def answer(self, through: int) -> None:
        """Note that every document up to `through` has an outcome."""
        if through > self.answered:
            self.answered = through
            self._append({"answered": through})

    def refuse(self, too_large: Iterable[Unreadable]) -> None:
        """Note documents that no request can hold, before they count as answered."""
        for item in too_large:
            self.too_large.append(item)
            self._append({"too_large": asdict(item)})

    def remove(self) -> None:
        """The job is finished."""
        self.path.unlink(missing_ok=True)

    def _append(self, line: Mapping[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


NEXT = "Run without --resume to begin anew, or put the data back as they were."


def _unreadable(line: Mapping[str, Any]) -> Unreadable:
    kinds = {"reason": Reason(line["reason"]), "kind": UnreadableKind(line["kind"])}
    return Unreadable(**{**line, **kinds})


def _short(value: object) -> str:
    if isinstance(value, list):
        return f"{len(value)} ({', '.join(map(str, value[:8]))}{', …' if len(value) > 8 else ''})"
    return str(value)


def _changed(now: Shard, before: Mapping[str, Any]) -> str:
    return (
        f"the data changed since this run began: up to document {now.through:,} they were "
        f"{before['first']!r} to {before['last']!r} with the digest {before['sha256'][:12]}, and "
        f"are {now.first!r} to {now.last!r} with {now.sha256[:12]}. {NEXT}"
    )
