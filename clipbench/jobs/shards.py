"""A retrieval result counted by several processes on one PostgreSQL database.

The images are cut into shards. Whoever has time takes a shard that nobody holds, counts it against
every text and stores the counts; they add up to those of one process, bit for bit, since every
decision within the rounding of float32 is made in float64 whatever the blocks
(clipbench.metrics.retrieval). The row lock of an open transaction holds a shard: when the process
that counts it dies, the database releases the lock, and another process takes the shard.
"""

from __future__ import annotations

import io
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import numpy as np
from sqlalchemy import Engine, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from clipbench.errors import InvalidRequest
from clipbench.jobs.job import Job
from clipbench.jobs.tables import jobs, shards
from clipbench.metrics.retrieval import AboveCounts

log = logging.getLogger(__name__)

Counter = Callable[[Job, int, int], AboveCounts]
"""Counts shard number (second) of so many (third) of a job."""

_LOOK_SECONDS = 0.5
_NAMES = ("images_above", "texts_above", "images_near", "texts_near")


class Shards:
    """The shards of all jobs in one database."""

    def __init__(self, engine: Engine, parts: int, count: Counter) -> None:
        self.engine, self.parts = engine, parts
        self._count = count

    def total(self, job: Job) -> AboveCounts:
        """Every shard's counts together, some counted here and some elsewhere.

        Raises InvalidRequest when documents come while the result is counted.
        """
        self._cut(job)
        while not self._all_counted(job):
            if not self.take(job):
                time.sleep(_LOOK_SECONDS / 5)  # the others are being counted
        query = select(shards.c.counts, shards.c.revision).where(shards.c.job == job.key)
        with self.engine.begin() as connection:
            rows = connection.execute(query.order_by(shards.c.part)).all()
            if len(rows) != self.parts or any(row.revision != job.updated for row in rows):
                raise InvalidRequest(
                    f"job {job.spec.job!r} changed while it was counted: ask again"
                )
            connection.execute(shards.delete().where(shards.c.job == job.key))
        counts = [_unpack(row.counts) for row in rows]
        total = counts[0]
        for more in counts[1:]:
            total = total + more
        return total

    def take(self, job: Job) -> bool:
        """Count one shard of the job that nobody holds. False when there is none.

        Documents that come meanwhile wait. Raises InvalidRequest when some have come before.
        """
        with self.engine.begin() as connection:
            query = select(jobs.c.updated).where(jobs.c.key == job.key)
            if connection.execute(query.with_for_update(read=True)).scalar() != job.updated:
                raise InvalidRequest(
                    f"job {job.spec.job!r} changed while it was counted: ask again"
                )
            part = connection.execute(
                select(shards.c.part)
                .where(shards.c.job == job.key, shards.c.revision == job.updated)
                .where(shards.c.counts.is_(None))
                .limit(1)
                .with_for_update(skip_locked=True)
            ).scalar_one_or_none()
            if part is None:
                return False
            started = time.perf_counter()
            counts = self._count(job, part, self.parts)
            connection.execute(
                shards.update()
                .where(shards.c.job == job.key, shards.c.part == part)
                .values(counts=_pack(counts))
            )
        fields = {"job": job.spec.job, "part": part, "seconds": time.perf_counter() - started}
        log.info("shard counted", extra={"fields": fields})
        return True

    def waiting(self) -> list[int]:
        """The keys of the jobs with a shard to count."""
        query = select(shards.c.job).where(shards.c.counts.is_(None)).distinct()
        with self.engine.connect() as connection:
            return [int(key) for key in connection.execute(query).scalars()]

    def _cut(self, job: Job) -> None:
        """Make the job's shards; those of an earlier state of it go."""
        with self.engine.begin() as connection:
            connection.execute(select(jobs.c.key).where(jobs.c.key == job.key).with_for_update())
            stale = (shards.c.revision != job.updated) | (shards.c.parts != self.parts)
            connection.execute(shards.delete().where(shards.c.job == job.key).where(stale))
            shard = {"job": job.key, "parts": self.parts, "revision": job.updated}
            connection.execute(
                insert(shards).on_conflict_do_nothing(),
                [{**shard, "part": part} for part in range(self.parts)],
            )

    def _all_counted(self, job: Job) -> bool:
        query = select(func.count()).where(shards.c.job == job.key, shards.c.counts.is_(None))
        with self.engine.connect() as connection:
            return int(connection.execute(query).scalar_one()) == 0


class ShardWorker:
    """A thread that counts shards for other processes on the database."""

    def __init__(self, shards: Shards, find: Callable[[int], Job | None]) -> None:
        self._shards, self._find = shards, find
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="shards", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop after the shard at hand."""
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stop.wait(_LOOK_SECONDS):
            # a database that is away comes back; a job that changes is asked for again
            with suppress(SQLAlchemyError, InvalidRequest):
                for key in self._shards.waiting():
                    job = self._find(key)
                    while job and not self._stop.is_set() and self._shards.take(job):
                        pass


def _pack(counts: AboveCounts) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{name: getattr(counts, name) for name in _NAMES})
    return buffer.getvalue()


def _unpack(data: bytes) -> AboveCounts:
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return AboveCounts(*(arrays[name] for name in _NAMES))
