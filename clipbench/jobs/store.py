"""A job's state on disk: SQLite by default, PostgreSQL by its URL.

One process owns a SQLite file; a PostgreSQL database may have several. Every method is one
transaction, so that a process killed at any moment leaves whole batches or nothing.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select

from clipbench.contract import Refusal
from clipbench.contract.endpoints import Kind, Task
from clipbench.errors import InvalidRequest
from clipbench.jobs import tables
from clipbench.jobs.deduplicate import Claim, claim, deduplicate
from clipbench.jobs.job import Job
from clipbench.jobs.job_table import JobTable


@dataclass(frozen=True)
class Added:
    """The outcomes of one batch's rows."""

    counted: int
    repeated: int
    refused: tuple[Refusal, ...]


class JobStore(JobTable):
    """The jobs of one task and their documents."""

    def __init__(
        self, url: str, task: Task, *, max_jobs: int = 10_000, max_bytes: int = 2**63
    ) -> None:
        super().__init__(url, task, max_jobs=max_jobs, max_bytes=max_bytes)
        self._held: dict[tuple[int, Kind], int] = {}

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
            deduplicated = deduplicate(rows, stored)
            refusals = [*refused, *deduplicated.clashes]
            self._delete_documents(connection, job, kind, deduplicated.displaced)
            if deduplicated.accepted:
                connection.execute(tables.documents.insert(), list(deduplicated.accepted.values()))
            self._refuse(connection, job, kind, refusals)
            if deduplicated.accepted or refusals:
                self._touch(connection, job)
        self._held[job.key, kind] = (
            before + len(deduplicated.accepted) - len(deduplicated.displaced)
        )
        return Added(
            counted=len(deduplicated.accepted),
            repeated=deduplicated.repeated,
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

    def repeated_prompts(self, job: Job) -> list[str]:
        """Digests of the texts that are the prompt of several classes or templates."""
        table = tables.prompts
        query = select(table.c.digest).where(table.c.job == job.key).group_by(table.c.digest)
        with self.engine.connect() as connection:
            return list(connection.execute(query.having(func.count() > 1)).scalars())

    def repeated_contents(self, job: Job, kind: Kind) -> list[str]:
        """Digests of the contents that several counted documents of one kind have."""
        table = tables.documents
        query = select(table.c.digest).where(table.c.job == job.key, table.c.kind == kind)
        query = query.group_by(table.c.digest).having(func.count() > 1)
        with self.engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def embeddings(self, job: Job, kind: Kind, ids: Collection[str]) -> dict[str, bytes]:
        """The stored embeddings of some documents by id."""
        table, wanted, found = tables.documents, sorted(ids), {}
        with self.engine.connect() as connection:
            for start in range(0, len(wanted), 500):
                query = select(table.c.id, table.c.embedding).where(
                    table.c.job == job.key,
                    table.c.kind == kind,
                    table.c.id.in_(wanted[start : start + 500]),
                )
                found.update({row.id: row.embedding for row in connection.execute(query)})
        return found

    def prompt_count(self, job: Job) -> int:
        """The number of stored prompts."""
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
        """As `count`, cached by this process: cheap enough for every batch."""
        if (job.key, kind) not in self._held:
            self._held[job.key, kind] = self.count(job, kind)
        return self._held[job.key, kind]

    def count(self, job: Job, kind: Kind) -> int:
        """The number of counted documents of one kind."""
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
        self,
        job: Job,
        result: Mapping[str, Any],
        changes: Mapping[Kind, Sequence[Mapping[str, Any]]],
    ) -> None:
        """Store the result, and the columns that it sets on each document, by `id`.

        Nothing is kept when documents came since `job` was read: the next to ask computes anew.
        """
        with self.engine.begin() as connection:
            if self._own(connection, job) != job.updated:
                return
            for kind, rows in changes.items():
                for _, alike in itertools.groupby(rows, key=tuple):
                    self._change(connection, job, kind, list(alike))
            connection.execute(
                tables.jobs.update()
                .where(tables.jobs.c.key == job.key)
                .values(result=json.dumps(dict(result)), updated=time.time())
            )

    def _change(
        self, connection: Connection, job: Job, kind: Kind, rows: Sequence[Mapping[str, Any]]
    ) -> None:
        if not rows:
            return
        table = tables.documents
        columns = [name for name in rows[0] if name != "id"]
        statement = (
            table.update()
            .where(
                table.c.job == job.key, table.c.kind == kind, table.c.id == bindparam("changed_id")
            )
            .values({name: bindparam(f"changed_{name}") for name in columns})
        )
        named = [{f"changed_{name}": value for name, value in row.items()} for row in rows]
        connection.execute(statement, named)

    def _stored(
        self, connection: Connection, job: Job, kind: Kind, ids: Sequence[str]
    ) -> dict[str, Claim]:
        table, found = tables.documents, {}
        of_claim = ("id", "position", "digest", "labels", "image_id", "groups")
        columns = [table.c[name] for name in of_claim]
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

    def _prompt_count(self, connection: Connection, job: Job) -> int:
        query = select(func.count()).where(tables.prompts.c.job == job.key)
        return int(connection.execute(query).scalar_one())

    def _stream(self, query: Any) -> Iterator[Row[Any]]:
        with self.engine.connect().execution_options(yield_per=2048) as connection:
            yield from connection.execute(query)
