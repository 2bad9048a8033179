"""A job's state on disk: SQLite by default, PostgreSQL by its URL.

One process owns a SQLite file; a PostgreSQL database may have several. Every method is one
transaction, so that a process killed at any moment leaves whole batches or nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

from clipbench.contract import Refusal
from clipbench.contract.endpoints import Kind, Task
from clipbench.contract.parameters import JobSpec
from clipbench.errors import InvalidRequest, TooLarge, UnknownName
from clipbench.jobs import tables
from clipbench.jobs.engine import database_bytes, open_engine
from clipbench.jobs.job import ADMIN, Job, read_job, same_declaration
from clipbench.jobs.settle import Claim, claim, settle


@dataclass(frozen=True)
class Added:
    """What became of the rows of one batch."""

    counted: int
    repeated: int
    refused: tuple[Refusal, ...]


class JobStore:
    """The jobs of one task and their documents."""

    def __init__(
        self, url: str, task: Task, *, max_jobs: int = 10_000, max_bytes: int = 2**63
    ) -> None:
        self.engine = open_engine(url)
        self.task = task
        self.max_jobs, self.max_bytes = max_jobs, max_bytes
        self._held: dict[tuple[int, Kind], int] = {}

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
        """How many jobs are open and done."""
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
            for table in (tables.documents, tables.refusals, tables.prompts, tables.shares):
                connection.execute(table.delete().where(table.c.job == job.key))
            connection.execute(tables.jobs.delete().where(tables.jobs.c.key == job.key))

    def add(
        self,
        job: Job,
        kind: Kind,
        rows: Sequence[Mapping[str, Any]],
        refused: Sequence[tuple[int, Refusal]],
    ) -> Added:
        """Store documents by id, each once.

        The same id with the same content, labels and position is a repetition. Otherwise the
        smaller position keeps the id and the other document is refused: so the outcome does not
        depend on the order of arrival.
        """
        before = self.held(job, kind)
        with self.engine.begin() as connection:
            self._own(connection, job)
            self._see_room(connection)
            stored = self._stored(connection, job, kind, [row["id"] for row in rows])
            settled = settle(rows, stored)
            refusals = [*refused, *settled.clashes]
            self._delete_documents(connection, job, kind, settled.displaced)
            if settled.accepted:
                connection.execute(tables.documents.insert(), list(settled.accepted.values()))
            self._refuse(connection, job, kind, refusals)
            if settled.accepted or refusals:
                self._touch(connection, job)
        self._held[job.key, kind] = before + len(settled.accepted) - len(settled.displaced)
        return Added(
            counted=len(settled.accepted),
            repeated=settled.repeated,
            refused=tuple(refusal for _, refusal in refusals),
        )

    def add_prompts(self, job: Job, rows: Sequence[Mapping[str, Any]]) -> Added:
        """Store prompt embeddings by (class, template), each once.

        Raises InvalidRequest for a prompt that came before with another text.
        """
        with self.engine.begin() as connection:
            self._own(connection, job)
            self._see_room(connection)
            self._same_prompts(connection, job, rows)
            before = self._prompt_count(connection, job)
            if rows:
                statement = self._insert(tables.prompts).on_conflict_do_nothing()
                connection.execute(statement, list(rows))
                self._touch(connection, job)
            counted = self._prompt_count(connection, job) - before
        return Added(counted=counted, repeated=len(rows) - counted, refused=())

    def prompts(self, job: Job) -> Iterator[Row[Any]]:
        """Every prompt in the order of class and template."""
        table = tables.prompts
        query = select(table).where(table.c.job == job.key)
        yield from self._stream(query.order_by(table.c.class_index, table.c.template_index))

    def prompt_count(self, job: Job) -> int:
        """How many prompts have come."""
        with self.engine.connect() as connection:
            return self._prompt_count(connection, job)

    def documents(
        self, job: Job, kind: Kind, *columns: str, after: tuple[int, str] | None = None
    ) -> Iterator[Row[Any]]:
        """The counted documents in the order of position and id; `columns` of the table."""
        table = tables.documents
        query = select(*(table.c[name] for name in columns)).where(
            table.c.job == job.key, table.c.kind == kind
        )
        if after is not None:
            position, id_ = after
            query = query.where(
                (table.c.position > position)
                | ((table.c.position == position) & (table.c.id > id_))
            )
        yield from self._stream(query.order_by(table.c.position, table.c.id))

    def held(self, job: Job, kind: Kind) -> int:
        """As `count`, remembered by this process: cheap enough to ask for every batch."""
        if (job.key, kind) not in self._held:
            self._held[job.key, kind] = self.count(job, kind)
        return self._held[job.key, kind]

    def count(self, job: Job, kind: Kind) -> int:
        """How many documents of one kind are counted."""
        table = tables.documents
        query = select(func.count()).where(table.c.job == job.key, table.c.kind == kind)
        with self.engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def refusals(self, job: Job) -> list[Row[Any]]:
        """Every refused document in a fixed order."""
        table = tables.refusals
        query = select(table).where(table.c.job == job.key)
        with self.engine.connect() as connection:
            return list(
                connection.execute(query.order_by(table.c.kind, table.c.position, table.c.id))
            )

    def finish(
        self, job: Job, result: Mapping[str, Any], ranks: Mapping[Kind, Sequence[tuple[str, int]]]
    ) -> None:
        """Keep the result, and the rank of each document by id.

        Nothing is kept when documents came since `job` was read: the next to ask computes anew.
        """
        table = tables.documents
        with self.engine.begin() as connection:
            if self._own(connection, job) != job.updated:
                return
            for kind, pairs in ranks.items():
                statement = (
                    table.update()
                    .where(
                        table.c.job == job.key,
                        table.c.kind == kind,
                        table.c.id == bindparam("document_id"),
                    )
                    .values(rank=bindparam("new_rank"))
                )
                if pairs:
                    connection.execute(
                        statement, [{"document_id": id_, "new_rank": rank} for id_, rank in pairs]
                    )
            connection.execute(
                tables.jobs.update()
                .where(tables.jobs.c.key == job.key)
                .values(result=json.dumps(dict(result)), updated=time.time())
            )

    def _row(self, connection: Connection, job_id: str) -> Row[Any] | None:
        query = select(tables.jobs).where(
            tables.jobs.c.task == self.task, tables.jobs.c.id == job_id
        )
        return connection.execute(query).one_or_none()

    def _stored(
        self, connection: Connection, job: Job, kind: Kind, ids: Sequence[str]
    ) -> dict[str, Claim]:
        table, found = tables.documents, {}
        columns = (table.c.id, table.c.position, table.c.digest, table.c.labels, table.c.image_id)
        for start in range(0, len(ids), 500):
            query = select(*columns).where(
                table.c.job == job.key,
                table.c.kind == kind,
                table.c.id.in_(ids[start : start + 500]),
            )
            for row in connection.execute(query):
                found[row.id] = claim(row._asdict())
        return found

    def _delete_documents(
        self, connection: Connection, job: Job, kind: Kind, ids: Sequence[str]
    ) -> None:
        table = tables.documents
        for id_ in ids:
            connection.execute(
                table.delete().where(
                    table.c.job == job.key, table.c.kind == kind, table.c.id == id_
                )
            )

    def _refuse(
        self,
        connection: Connection,
        job: Job,
        kind: Kind,
        refused: Sequence[tuple[int, Refusal]],
    ) -> None:
        if not refused:
            return
        rows = [
            {
                "job": job.key,
                "kind": kind,
                "id": refusal.id,
                "position": position,
                "reason": refusal.reason,
                "detail": refusal.detail,
            }
            for position, refusal in refused
        ]
        statement = self._insert(tables.refusals).on_conflict_do_nothing()
        connection.execute(statement, rows)

    def _same_prompts(
        self, connection: Connection, job: Job, rows: Sequence[Mapping[str, Any]]
    ) -> None:
        table = tables.prompts
        digests = {(row["class_index"], row["template_index"]): row["digest"] for row in rows}
        query = select(table.c.class_index, table.c.template_index, table.c.digest).where(
            table.c.job == job.key, table.c.class_index.in_({index for index, _ in digests})
        )
        for found in connection.execute(query):
            key = (found.class_index, found.template_index)
            if digests.get(key, found.digest) != found.digest:
                raise InvalidRequest(
                    f"prompt {key[0]}/{key[1]} came before with another text; open another job "
                    "for other prompts"
                )

    def _see_room(self, connection: Connection) -> None:
        held = database_bytes(connection)
        if held >= self.max_bytes:
            raise TooLarge(
                f"the server's jobs hold {held} bytes, the limit is {self.max_bytes}: delete some "
                "(`clipbench jobs delete`)"
            )

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

    def _prompt_count(self, connection: Connection, job: Job) -> int:
        query = select(func.count()).where(tables.prompts.c.job == job.key)
        return int(connection.execute(query).scalar_one())

    def _stream(self, query: Any) -> Iterator[Row[Any]]:
        with self.engine.connect().execution_options(yield_per=2048) as connection:
            yield from connection.execute(query)

    def _insert(self, table: Any) -> Any:
        dialect = postgresql if self.engine.dialect.name == "postgresql" else sqlite
        return dialect.insert(table)
