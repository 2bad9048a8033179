"""One job as it was declared."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from clipbench.contract.endpoints import Task
from clipbench.contract.parameters import JobSpec
from clipbench.errors import JobConflict

ADMIN = "*"  # the owner that sees every job


@dataclass(frozen=True)
class Job:
    """One row of the job table."""

    key: int
    spec: JobSpec
    owner: str
    model: Mapping[str, Any]
    class_names: tuple[str, ...]
    created: float
    updated: float
    result: Mapping[str, Any] | None


def read_job(row: Row[Any]) -> Job:
    """A row of the job table."""
    task = Task(row.task)
    return Job(
        key=row.key,
        spec=JobSpec.read(task, json.loads(row.spec)),
        owner=row.owner,
        model=json.loads(row.model),
        class_names=tuple(json.loads(row.class_names)),
        created=row.created,
        updated=row.updated,
        result=None if row.result is None else json.loads(row.result),
    )


def same_declaration(
    job: Job,
    spec: JobSpec,
    owner: str,
    model: Mapping[str, Any],
    class_names: Sequence[str],
) -> Job:
    """The job, when it was declared the same way. Raises JobConflict."""
    if owner not in (job.owner, ADMIN):
        raise JobConflict(f"job {spec.job!r} belongs to someone else; choose another id")
    wanted, found = spec.parameters(), job.spec.parameters()
    differing = [name for name in wanted if wanted[name] != found.get(name)]
    if tuple(class_names) != job.class_names:
        differing.append("class names")
    if model["digest"] != job.model["digest"]:
        differing.append("the model as the encoder has it")
    if differing:
        raise JobConflict(
            f"job {spec.job!r} was opened with other settings ({', '.join(differing)}); "
            "choose another id or delete it"
        )
    return job
