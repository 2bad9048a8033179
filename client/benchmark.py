"""One benchmark job from the data set to the result file."""

from __future__ import annotations

import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clipbench import results
from clipbench.client.assemble_result import assemble
from clipbench.client.batches import Batch, document_shards, prompt_batches
from clipbench.client.connection import DEFAULT_SERVER, Connection
from clipbench.client.given.endpoint import Endpoint
from clipbench.client.given.file import EmbeddingFile
from clipbench.client.given.source import Source
from clipbench.client.journal import NEXT, Journal
from clipbench.client.nothing_scored import nothing_scored
from clipbench.client.records import read_records
from clipbench.client.running import Run
from clipbench.client.streaming import IN_FLIGHT
from clipbench.contract import documents as contract
from clipbench.contract.endpoints import Task, given_endpoint, job_endpoint
from clipbench.contract.parameters import JobSpec, ModelOptions
from clipbench.datasets import Dataset, Unreadable, open_dataset
from clipbench.encode_settings import EncodeSettings
from clipbench.errors import JobConflict

Progress = Callable[[str, int, int | None], None]
"""Called with the stage, how many documents are done, and how many there are (None: unknown)."""


@dataclass(frozen=True)
class JobOptions:
    """The options of a job; the defaults are the published settings."""

    settings: EncodeSettings = field(default_factory=EncodeSettings)
    forced: bool = False
    cutoffs: tuple[int, ...] = (1, 5, 10)
    index: bool = False  # also what smaller vectors cost
    thresholds: bool = False  # of a classification, also calibration and thresholds
    at_precision: float = 0.9  # that a class's stricter threshold keeps
    in_flight: int = IN_FLIGHT
    folder: Path | None = None  # where results and journals go; None: nothing is written
    resume: bool = False

    def of_model(self, model: str) -> ModelOptions:
        """The encoder's part of the options."""
        return ModelOptions(model, self.settings, self.forced)


def evaluate(
    model: str,
    data: str | Path | Dataset,
    *,
    source: Endpoint | EmbeddingFile | Source | None = None,
    server: str | Connection = DEFAULT_SERVER,
    options: JobOptions | None = None,
    progress: Progress | None = None,
) -> results.Result:
    """Score `model` on `data` through the Flow at `server`, and write the result file.

    data: a registered id, a folder, an address or an opened data set. source: what gives the
    embeddings in the place of the Flow's encoder: an endpoint that serves `model` (empty: the only
    one), or a file, of which `model` is then the name. Raises ClipbenchError: Unavailable when the
    server cannot be reached, DataError when nothing could be scored (then the result file has no
    metrics, and lists what was refused).
    """
    options = options or JobOptions()
    dataset = data if isinstance(data, Dataset) else open_dataset(data)
    report = progress or (lambda stage, done, total: None)
    with ExitStack() as held:
        if not isinstance(server, Connection):
            server = held.enter_context(Connection(server))
        opened = (
            held.enter_context(source.open(model, dataset))
            if isinstance(source, Endpoint | EmbeddingFile)
            else source
        )
        model = opened.model if opened else model
        return _evaluate(model, dataset, server, options, report, opened)


def _evaluate(
    model: str,
    dataset: Dataset,
    connection: Connection,
    options: JobOptions,
    report: Progress,
    source: Source | None,
) -> results.Result:
    run = _open(model, dataset, connection, options, source)
    task = run.spec.task
    if task is Task.RETRIEVAL or _send_prompts(run, dataset, connection, options, report):
        _send_documents(run, dataset, connection, options, report)
    report("result", 0, 1)
    parameters = {"job": run.spec.job}
    with run.timer.stage("result"):
        answer = connection.request(job_endpoint(task, "result"), (), parameters, deadline=7200)
    told = contract.answer(answer)
    for inventory, kind in ((run.inventory, "image"), (run.of_train, "train")):
        inventory.refuse_images(_refused_images(told, run.too_large.values(), kind))
    result = assemble(
        run.spec,
        dataset,
        told,
        unreadable=run.refused_here,
        inventory=run.inventory,
        of_train=run.of_train,
        repeated=run.repeated,
        seconds=run.timer.seconds,
        server=connection.server,
        batch_size=source.batch_size if source else run.request_images,
        throughput=source.throughput() if source else None,
    )
    if options.folder is not None:
        records = read_records(connection, task, run.spec.job, run.refused_here)
        result = results.write_sidecar(result, records, options.folder)
        results.write(result, options.folder)
    if run.journal is not None:
        run.journal.remove()
    report("result", 1, 1)
    if not result.metrics:
        records = read_records(connection, task, run.spec.job)
        raise nothing_scored(result, records, run.refused_here, options.folder)
    return result


def _refused_images(
    answer: Mapping[str, Any], too_large: Iterable[Unreadable], kind: str
) -> Counter[str]:
    """Images that were read and then refused, by reason: by the server, or too large to send."""
    of_server = "refused_train" if kind == "train" else "refused_images"
    refused: Counter[str] = Counter(answer["documents"][of_server])
    refused.update(str(item.reason) for item in too_large if item.kind == kind)
    return refused


def _open(
    model: str,
    dataset: Dataset,
    connection: Connection,
    options: JobOptions,
    source: Source | None,
) -> Run:
    """Open a new job, or the one whose journal is found, and see that the server still has it."""
    declared = _declaration(model, dataset, options, source)
    about = declared | {"images": dataset.images}
    about |= {"labelled": dataset.train.images} if dataset.train else {}
    about["classes"] = list(dataset.classnames or dataset.subsets)
    journal, resumed = None, False
    if options.folder is not None:
        path = options.folder / Journal.name_of(declared)
        found = Journal.find(path) if options.resume else None
        resumed = found is not None
        journal = found or Journal(path, f"run-{uuid.uuid4().hex}", about)
        journal.check(about)
    spec = JobSpec(
        job=journal.job if journal else f"run-{uuid.uuid4().hex}",
        task=dataset.task,
        options=options.of_model(model),
        dataset=dataset.id,
        split=dataset.split,
        classes=len(dataset.classnames or dataset.subsets),
        templates=len(dataset.templates) if dataset.classnames else 0,
        multilabel=dataset.multilabel,
        judged=dataset.judged,
        composed=dataset.composed,
        cutoffs=options.cutoffs,
        index=options.index and _takes_index(dataset),
        thresholds=options.thresholds and dataset.task is Task.CLASSIFICATION,
        at_precision=options.at_precision,
        few_labels=dataset.few_labels,
        expected_images=dataset.images,
        origin=source.origin if source else None,
        dimension=source.dimension if source else 0,
    )
    run = Run(spec, journal, source)
    names = [
        contract.class_document(i, name)
        for i, name in enumerate(dataset.classnames or dataset.subsets)
    ]
    with run.timer.stage("open"):
        endpoint = job_endpoint(spec.task, "open")
        endpoint = given_endpoint(endpoint) if source else endpoint
        try:
            answer = connection.request(endpoint, names, spec.parameters())
        except JobConflict as error:
            raise JobConflict(f"{error}. {NEXT}" if resumed else str(error)) from error
    state = contract.answer(answer)
    run.request_images = state["request_images"] or run.request_images
    held = state["images"] + state["texts"] + state["train"] + sum(state["refused"].values())
    if journal is not None and (not resumed or held == 0):
        journal.begin()  # also where the server lost the job: all documents are sent again
    if journal is not None:
        run.note_too_large(journal.too_large)
    return run


def _takes_index(dataset: Dataset) -> bool:
    """Whether every query has one rank, which smaller vectors may change."""
    return not (dataset.judged or dataset.composed or dataset.multilabel)


def _send_prompts(
    run: Run, dataset: Dataset, connection: Connection, options: JobOptions, report: Progress
) -> bool:
    """Send every prompt; False when one was refused, so that there are no class vectors."""
    done, refused, total = 0, 0, run.spec.classes * run.spec.templates
    with run.timer.stage("prompts"):
        batches = prompt_batches(dataset)
        for outcome in run.answers(batches, connection, options.in_flight):
            done += outcome.counted + outcome.repeated
            refused += len(outcome.refused) + len(outcome.too_large)
            report("prompts", done, total)
    return not refused


def _send_documents(
    run: Run, dataset: Dataset, connection: Connection, options: JobOptions, report: Progress
) -> None:
    total = dataset.images if run.spec.task is Task.CLASSIFICATION else None
    if dataset.train is not None:
        labelled = dataset.train.images
        total = None if total is None or labelled is None else total + labelled
    done = run.journal.answered if run.journal else 0
    ends: deque[int] = deque()  # of each batch in flight: how many documents are then answered
    with run.timer.stage("documents"):
        batches = _batches(run, dataset, ends)
        for outcome in run.answers(batches, connection, options.in_flight):
            done += outcome.counted + outcome.repeated
            done += len(outcome.refused) + len(outcome.too_large)
            run.repeated += outcome.repeated
            run.note_too_large(outcome.too_large)
            if run.journal is not None:
                run.journal.refuse(outcome.too_large)
                run.journal.answer(ends.popleft())
            report("documents", done, total)


def _batches(run: Run, dataset: Dataset, ends: deque[int]) -> Iterator[Batch]:
    """The batches that the server has not answered yet, each shard noted in the journal."""
    through = 0
    answered = run.journal.answered if run.journal else 0
    found = run.unreadable, run.inventory, run.of_train
    for shard in document_shards(dataset, *found, images=run.request_images):
        through = shard.through
        if run.journal is not None:
            run.journal.sending(shard)
        if through > answered:
            ends.extend([0] * (len(shard.batches) - 1) + [through] * bool(shard.batches))
            yield from shard.batches
    if run.journal is not None:
        run.journal.finish_reading(through)


def _declaration(
    model: str, dataset: Dataset, options: JobOptions, source: Source | None
) -> dict[str, Any]:
    learned = dataset.few_labels
    return {
        **({"few_labels": learned.parameters()} if learned else {}),
        **({"origin": source.origin.parameters(), "dimension": source.dimension} if source else {}),
        **options.of_model(model).parameters(),
        "dataset": dataset.id,
        "split": dataset.split,
        "source": dataset.source,
        "sample": str(dataset.sample) if dataset.sample else None,
        "cutoffs": list(options.cutoffs),
        "index": options.index,
        "thresholds": options.thresholds,
        "at_precision": options.at_precision,
        "templates": list(dataset.templates),
        "language": dataset.language,
    }
