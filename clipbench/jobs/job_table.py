"""The table of jobs: their owners and their declarations."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select
from sqlalchemy.dialects import postgresql, sqlite

from clipbench.contract.endpoints import Task
from clipbench.contract.parameters import JobSpec
from clipbench.errors import TooLarge, UnknownName
from clipbench.jobs import tables
from clipbench.jobs.engine import database_bytes, open_engine
from clipbench.jobs.job import ADMIN, Job, read_job, same_declaration


class JobTable:
    """The jobs of one task; `max_jobs` and `max_bytes` bound all of the database's."""

    def __init__(
        self, url: str, task: Task, *, max_jobs: int = 10_000, max_bytes: int = 2**63
    ) -> None:
        self.engine = open_engine(url)
        self.task = task
        self.max_jobs, self.max_bytes = max_jobs, max_bytes

    def open(
        self, spec: JobSpec, owner: str, model: Mapping[str, Any], class_names: Sequence[str]
    ) -> Job:
        """Create the job, or return it when it exists with the same declaration.

        Raises JobConflict when it exists with another one, TooLarge past the limit on jobs.
        """
        with self.engine.begin() as connection:
            row = self._row(connection, spec.job)
            if row is not None:
                return same_declaration(read_job(row), spec, owner, model, class_names)
            count = connection.execute(select(func.count()).select_from(tables.jobs)).scalar_one()
            if count >= self.max_jobs:
                raise TooLarge(f"the server holds {count} jobs, its limit; delete some first")
            self._see_room(connection)
            now = time.time()
            connection.execute(
                self._insert(tables.jobs)
                .on_conflict_do_nothing()  # another process may open the same job now
                .values(
                    task=self.task,
                    id=spec.job,
                    owner=owner,
                    spec=json.dumps(spec.parameters()),
                    model=json.dumps(dict(model)),
                    class_names=json.dumps(list(class_names)),
                    created=now,
                    updated=now,
                )
            )
            row = self._row(connection, spec.job)
            assert row is not None
            return same_declaration(read_job(row), spec, owner, model, class_names)

    def get(self, job_id: str, owner: str) -> Job:
        """Raises UnknownName for a job that does not exist or belongs to someone else."""
        with self.engine.connect() as connection:
            row = self._row(connection, job_id)
        if row is None or owner not in (row.owner, ADMIN):
            raise UnknownName(f"{self.task} job", job_id, [job.spec.job for job in self.all(owner)])
        return read_job(row)

    def find(self, key: int) -> Job | None:
        """A job of this task by its number, whoever owns it."""
        query = select(tables.jobs).where(tables.jobs.c.task == self.task, tables.jobs.c.key == key)
        with self.engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else read_job(row)

    def all(self, owner: str) -> list[Job]:
        """The owner's jobs, oldest first."""
        query = select(tables.jobs).where(tables.jobs.c.task == self.task).order_by("key")
        if owner != ADMIN:
            query = query.where(tables.jobs.c.owner == owner)
        with self.engine.connect() as connection:
            return [read_job(row) for row in connection.execute(query)]

    def states(self) -> dict[str, int]:
        """The numbers of open and done jobs."""
        done = tables.jobs.c.result.is_not(None)
        query = (
            select(done.label("done"), func.count().label("count"))
            .where(tables.jobs.c.task == self.task)
            .group_by("done")
        )
        with self.engine.connect() as connection:
            found = {bool(row.done): int(row[1]) for row in connection.execute(query)}
        return {"open": found.get(False, 0), "done": found.get(True, 0)}

    def delete(self, job: Job) -> None:
        """Remove the job and everything of it."""
        with self.engine.begin() as connection:
            for table in (tables.documents, tables.refusals, tables.prompts, tables.shards):
                connection.execute(table.delete().where(table.c.job == job.key))
            connection.execute(tables.jobs.delete().where(tables.jobs.c.key == job.key))

    def _row(self, connection: Connection, job_id: str) -> Row[Any] | None:
        query = select(tables.jobs).where(
            tables.jobs.c.task == self.task, tables.jobs.c.id == job_id
        )
        return connection.execute(query).one_or_none()

    def _own(self, connection: Connection, job: Job) -> float | None:
        """When the job last changed (None: deleted); other processes wait until we have ended."""
        query = select(tables.jobs.c.updated).where(tables.jobs.c.key == job.key)
        updated: float | None = connection.execute(query.with_for_update()).scalar_one_or_none()
        return updated

    def _touch(self, connection: Connection, job: Job) -> None:
        connection.execute(
            tables.jobs.update()
            .where(tables.jobs.c.key == job.key)
            .values(result=None, updated=time.time())
        )

    def _see_room(self, connection: Connection) -> None:
        held = database_bytes(connection)
        if held >= self.max_bytes:
            raise TooLarge(
                f"the server's jobs hold {held} bytes, the limit is {self.max_bytes}: delete some "
                "(`clipbench jobs delete`)"
            )

    def _insert(self, table: Any) -> Any:
        dialect = postgresql if self.engine.dialect.name == "postgresql" else sqlite
        return dialect.insert(table)
