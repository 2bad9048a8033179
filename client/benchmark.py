"""One benchmark job from the data set to the result file."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clipbench import results
from clipbench.client.assembly import assemble
from clipbench.client.batches import BATCH_DOCUMENTS, document_batches, prompt_batches
from clipbench.client.connection import DEFAULT_SERVER, Connection
from clipbench.client.journal import Journal
from clipbench.client.records import read_records
from clipbench.client.sidecar import write_sidecar
from clipbench.client.stopwatch import Stopwatch
from clipbench.client.streaming import IN_FLIGHT, stream
from clipbench.contract import documents as contract
from clipbench.contract.endpoints import Task, job_endpoint
from clipbench.contract.parameters import JobSpec, ModelOptions
from clipbench.datasets import Dataset, Unreadable, open_dataset
from clipbench.encode_settings import EncodeSettings
from clipbench.errors import DataError

Progress = Callable[[str, int, int | None], None]
"""Called with the stage, how many documents are done, and how many there are (None: unknown)."""


@dataclass(frozen=True)
class Options:
    """How a job is run; the defaults are the published settings."""

    settings: EncodeSettings = field(default_factory=EncodeSettings)
    forced: bool = False
    cutoffs: tuple[int, ...] = (1, 5, 10)
    in_flight: int = IN_FLIGHT
    folder: Path | None = None  # where results and journals go; None: nothing is written
    resume: bool = False

    def of_model(self, model: str) -> ModelOptions:
        """The part that the encoder needs."""
        return ModelOptions(model, self.settings, self.forced)


@dataclass
class Run:
    """What accumulates while a job runs."""

    spec: JobSpec
    journal: Journal | None
    watch: Stopwatch = field(default_factory=Stopwatch)
    unreadable: list[Unreadable] = field(default_factory=list)
    repeated: int = 0


def evaluate(
    model: str,
    data: str | Path | Dataset,
    *,
    server: str | Connection = DEFAULT_SERVER,
    options: Options | None = None,
    progress: Progress | None = None,
) -> results.Result:
    """Score `model` on `data` through the Flow at `server`, and write the result file.

    data: a registered id, a folder, an address or an opened data set. Raises ClipbenchError:
    Unavailable when the server cannot be reached, DataError when nothing could be counted.
    """
    options = options or Options()
    dataset = data if isinstance(data, Dataset) else open_dataset(data)
    report = progress or (lambda stage, done, total: None)
    if isinstance(server, Connection):
        return _evaluate(model, dataset, server, options, report)
    with Connection(server) as connection:
        return _evaluate(model, dataset, connection, options, report)


def _evaluate(
    model: str, dataset: Dataset, connection: Connection, options: Options, report: Progress
) -> results.Result:
    run = _open(model, dataset, connection, options)
    task = run.spec.task
    if task is Task.CLASSIFICATION:
        _send_prompts(run, dataset, connection, options, report)
    _send_documents(run, dataset, connection, options, report)
    report("result", 0, 1)
    parameters = {"job": run.spec.job}
    with run.watch.stage("result"):
        answer = connection.request(job_endpoint(task, "result"), (), parameters, deadline=7200)
    result = assemble(
        run.spec,
        dataset,
        contract.answer(answer),
        unreadable=run.unreadable,
        repeated=run.repeated,
        seconds=run.watch.seconds,
        server=connection.server,
        batch_size=BATCH_DOCUMENTS,
    )
    if options.folder is not None:
        records = read_records(connection, task, run.spec.job)
        result = write_sidecar(result, records, run.unreadable, options.folder)
        results.write(result, options.folder)
    if run.journal is not None:
        run.journal.remove()
    report("result", 1, 1)
    return result


def _open(model: str, dataset: Dataset, connection: Connection, options: Options) -> Run:
    """Open a new job, or the one whose journal is found, and see that the server still has it."""
    declared = _declaration(model, dataset, options)
    journal = None
    if options.folder is not None:
        path = options.folder / f"{_journal_name(declared)}.job.json"
        journal = Journal.find(path) if options.resume else None
        journal = journal or Journal(path, f"run-{uuid.uuid4().hex}", declared)
    spec = JobSpec(
        job=journal.job if journal else f"run-{uuid.uuid4().hex}",
        task=dataset.task,
        options=options.of_model(model),
        dataset=dataset.id,
        split=dataset.split,
        classes=len(dataset.classnames),
        templates=len(dataset.templates) if dataset.classnames else 0,
        multilabel=dataset.multilabel,
        cutoffs=options.cutoffs,
        expected_images=dataset.images,
    )
    run = Run(spec, journal)
    names = [contract.class_document(i, name) for i, name in enumerate(dataset.classnames)]
    with run.watch.stage("open"):
        endpoint = job_endpoint(spec.task, "open")
        answer = connection.request(endpoint, names, spec.parameters())
    state = contract.answer(answer)
    if journal is not None:
        held = state["images"] + state["texts"] + sum(state["refused"].values())
        if held == 0:
            journal.answered = 0  # the server lost the job's documents: send them all again
        journal.write()
    return run


def _send_prompts(
    run: Run, dataset: Dataset, connection: Connection, options: Options, report: Progress
) -> None:
    total = run.spec.classes * run.spec.templates
    done = 0
    parameters = {"job": run.spec.job, **run.spec.options.parameters()}
    with run.watch.stage("prompts"):
        batches = prompt_batches(dataset)
        for _, outcome in stream(connection, batches, parameters, in_flight=options.in_flight):
            done += outcome.counted + outcome.repeated
            report("prompts", done, total)


def _send_documents(
    run: Run, dataset: Dataset, connection: Connection, options: Options, report: Progress
) -> None:
    skip = run.journal.answered if run.journal else 0
    parameters = {"job": run.spec.job, **run.spec.options.parameters()}
    total = dataset.images if run.spec.task is Task.CLASSIFICATION else None
    done = skip
    try:
        with run.watch.stage("documents"):
            batches = document_batches(dataset, skip, run.unreadable)
            for batch, outcome in stream(
                connection, batches, parameters, in_flight=options.in_flight
            ):
                done += outcome.counted + outcome.repeated + len(outcome.refused)
                run.repeated += outcome.repeated
                if run.journal is not None and batch.through:
                    run.journal.advance(batch.through)
                report("documents", done, total)
    finally:
        if run.journal is not None:
            run.journal.write()
    if done == 0:
        raise DataError(
            f"{dataset.id}: no document could be read from {dataset.source}"
            + (f"; the first: {run.unreadable[0].detail}" if run.unreadable else "")
        )


def _declaration(model: str, dataset: Dataset, options: Options) -> dict[str, Any]:
    return {
        **options.of_model(model).parameters(),
        "dataset": dataset.id,
        "split": dataset.split,
        "source": dataset.source,
        "sample": str(dataset.sample) if dataset.sample else None,
        "cutoffs": list(options.cutoffs),
        "templates": list(dataset.templates),
    }


def _journal_name(declared: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(declared, sort_keys=True).encode()).hexdigest()
    return digest[:16]
