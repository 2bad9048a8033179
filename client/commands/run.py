"""`clipbench run`: models × data sets."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from clipbench.client.benchmark import JobOptions, evaluate
from clipbench.client.commands import given
from clipbench.client.commands.common import (
    RESULTS,
    Certificate,
    MaybeServer,
    Out,
    TokenFile,
    at_server,
    console,
    errors,
    fail,
    print_tables,
)
from clipbench.client.commands.datasets import ColumnChoice, Suite, columns_of
from clipbench.client.commands.settings import takes_settings
from clipbench.client.connection import Connection
from clipbench.client.given.apis import Api
from clipbench.client.given.endpoint import Endpoint
from clipbench.client.given.file import EmbeddingFile
from clipbench.client.model_groups import expand
from clipbench.client.plan import extent, labels_of, plan_model, plan_table
from clipbench.client.progress import job_progress, transfer_progress
from clipbench.client.ranking import ranking
from clipbench.datasets import Dataset, FewLabels, find, languages_of, open_dataset
from clipbench.datasets import suite as suite_of
from clipbench.datasets.inventory import sums
from clipbench.datasets.registry import is_registered
from clipbench.encode_settings import EncodeSettings
from clipbench.errors import ClipbenchError, DataError, InvalidRequest, Unsupported
from clipbench.files import writable_folder
from clipbench.results import RESULT_SUFFIX, Result, data_labels, file_name

ALL_EMBEDDED = "all-embedded"
INTERRUPTED = 130  # as a shell reports Ctrl-C


@takes_settings
def run(
    models: Annotated[
        str,
        typer.Option(
            help="Names (`clipbench models list`) or groups such as all-small, by commas."
        ),
    ] = ALL_EMBEDDED,
    data: Annotated[
        list[str] | None,
        typer.Option(help="Data set id, folder or address; repeat it for several."),
    ] = None,
    suite: Suite = None,
    server: MaybeServer = None,
    out: Out = RESULTS,
    *,
    settings: EncodeSettings,
    force: Annotated[
        bool, typer.Option("--force", help="Accept a precision slower than float32 here.")
    ] = False,
    split: Annotated[str | None, typer.Option(help="Split; test or the only one.")] = None,
    sample: Annotated[int | None, typer.Option(help="Only so many images, drawn evenly.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the sample.")] = 0,
    layout: Annotated[
        str | None, typer.Option(help="Layout of a folder in which several fit.")
    ] = None,
    column: ColumnChoice = None,
    template: Annotated[
        list[str] | None, typer.Option(help="Prompt template with {c}; repeat for several.")
    ] = None,
    languages: Annotated[
        str | None,
        typer.Option(help="Languages of the captions or class names, by commas; or all."),
    ] = None,
    names: Annotated[
        Path | None, typer.Option(help="Folder of class names and templates by language.")
    ] = None,
    shots: Annotated[
        str | None,
        typer.Option(
            help="Also learn from so many labelled images a class: 1,2,4,8,16,all by commas."
        ),
    ] = None,
    draws: Annotated[int, typer.Option(help="How often the labelled images are drawn.")] = 3,
    train_split: Annotated[str, typer.Option(help="Split of the labelled images.")] = "train",
    index: Annotated[bool, typer.Option("--index", help="Also what smaller vectors cost.")] = False,
    thresholds: Annotated[
        bool,
        typer.Option("--thresholds", help="Of classification, also calibration and thresholds."),
    ] = False,
    at_precision: Annotated[
        float, typer.Option(help="Precision that the stricter threshold of a class keeps.")
    ] = 0.9,
    endpoint: given.Address = None,
    api: given.ApiChoice = Api.OPENAI,
    endpoint_model: given.ModelName = "",
    endpoint_key_file: given.KeyFile = None,
    endpoint_concurrency: given.Concurrency = given.DEFAULT_CONCURRENCY,
    endpoint_timeout: given.Timeout = given.DEFAULT_TIMEOUT,
    embeddings: given.File = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the jobs that were interrupted.")
    ] = False,
    token_file: TokenFile = None,
    certificate: Certificate = None,
) -> None:
    """Score models on data sets and write one result file for each pair.

    Example: clipbench run --models ViT-B-32::openai --data vtab/cifar100 --data flickr8k
    """
    source = given.source_of(
        endpoint,
        embeddings,
        api=api,
        key_file=endpoint_key_file,
        concurrency=endpoint_concurrency,
        timeout=endpoint_timeout,
    )
    if source is not None:
        other = ["--models"] if models != ALL_EMBEDDED else []
        given.refuse_options_of_ours(settings, *other, *(["--force"] if force else []))
    more: dict[str, Any] = {"thresholds": thresholds, "at_precision": at_precision}
    options = JobOptions(settings, force, folder=out, resume=resume, index=index, **more)
    writable_folder(out)
    specs = [(spec, split) for spec in data or ()]
    if not (specs or suite):
        specs = [("emoji", split), ("fashion_mnist", split)]
    choices: dict[str, Any] = {
        **{"sample": sample, "seed": seed, "templates": template},
        **{"layout": layout, "columns": columns_of(column), "names": names},
        **{"few_labels": FewLabels.of(shots, draws, train_split) if shots else None},
    }
    datasets = [
        _opened(spec, split=wanted, language=language, **choices)
        for spec, wanted in specs
        for language in _languages(languages, spec, names)
    ]
    missing = 0
    if suite:
        of_suite, missing = _suite(suite, split, choices)
        datasets += of_suite
    for opened in datasets:
        for warning in opened.warnings:
            errors.print(f"{opened.id}: {warning}", style="yellow")
    before = {path.name for path in out.glob(f"*{RESULT_SUFFIX}")}
    with at_server(server, token_file, certificate, out) as connection:
        able, left_out = [endpoint_model], 0
        if source is None:
            able, left_out = _plan(models, datasets, connection, options)
        finished, failed = run_all(able, datasets, connection, options, source)
    if finished:
        print_tables(out, finished, given.statistics_of(finished, out))
        _print_inventories(finished)
        for paragraph in ranking(finished, out):
            console.print(paragraph)
        for result in finished:
            if index and not result.index:
                errors.print(
                    f"{result.dataset.id}: no index costs came: they are of captions (not of "
                    "judgements) and of images with one label, and an older server has none"
                )
        for name in replaced(finished, before):
            console.paragraph(f"Replaced the result of the same run: {name}")
        console.print(f"Result files are in {out}", style="bold")
    if failed or left_out or missing:
        absent = f", {missing} data sets of the suite are not there" if missing else ""
        errors.print(
            f"{failed} jobs failed, {left_out} models were left out{absent}", style="bold red"
        )
        sys.exit(1)


def _suite(name: str, split: str | None, choices: Mapping[str, Any]) -> tuple[list[Dataset], int]:
    """The data sets of a suite that are there, and how many are not; each of those is told."""
    found: list[Dataset] = []
    wanted = suite_of(name)
    for id in wanted.datasets:
        try:
            found.append(_opened(id, split=split or wanted.splits.get(id), **choices))
        except ClipbenchError as error:
            fail(id, str(error))
    if not found:
        raise DataError(f"no data set of the suite {name} is there")
    return found, len(wanted.datasets) - len(found)


def _opened(spec: str, **choices: Any) -> Dataset:
    """The data set; files that are fetched whole before it is read show how far they came."""
    if not (is_registered(spec) and find(spec).files):
        return open_dataset(spec, **choices)
    with transfer_progress(console) as progress:
        return open_dataset(spec, progress=progress, **choices)


def _languages(wanted: str | None, spec: str, names: Path | None) -> list[str | None]:
    """The languages to open a data set in; None where none was asked for. Raises InvalidRequest."""
    if wanted is None:
        return [None]
    if wanted != "all":
        return [part.strip() for part in wanted.split(",") if part.strip()]
    if not (found := languages_of(spec, names=names)):
        raise InvalidRequest(f"{spec} has no captions by language; class names need --names")
    return list(found)


def _plan(
    models: str, datasets: list[Dataset], connection: Connection, options: JobOptions
) -> tuple[list[str], int]:
    """Print the plan of the run; returns the models that can run, and the number that cannot.

    A model that only a group named may be left out without the run being a failure.
    """
    wanted = expand(models)
    with console.status("counting documents and timing a few of them with each model"):
        extents = [extent(dataset) for dataset in datasets]
        plans = [plan_model(connection, options.of_model(name), extents) for name, _ in wanted]
    console.print(plan_table(extents, plans))
    able = [plan.model for plan in plans if plan.problem is None]
    if not able:
        raise Unsupported("none of these models can run here; the plan says why")
    by_group = dict(wanted)
    return able, sum(plan.problem is not None and not by_group[plan.model] for plan in plans)


def _print_inventories(finished: Sequence[Result]) -> None:
    """Print the inventory of each data set: the role of every file, member and row."""
    apart = data_labels((r.key.data, r.dataset.source) for r in finished)
    for key, dataset in {r.key.data: r.dataset for r in finished}.items():
        label = f"{dataset.id} ({apart[key]})" if key in apart else dataset.id
        for line in sums(dataset.inventory):
            console.paragraph(f"{label}: {line}")


def replaced(finished: Sequence[Result], before: Collection[str]) -> list[str]:
    """The files, by name, that a result of the same key had before, or twice in this run."""
    names = Counter(file_name(result) for result in finished)
    return [name for name, count in names.items() if count > 1 or name in before]


def run_all(
    models: list[str],
    datasets: list[Dataset],
    connection: Connection,
    options: JobOptions,
    source: Endpoint | EmbeddingFile | None = None,
) -> tuple[list[Result], int]:
    """Every model on every data set; a job that fails is reported and the others go on.

    Ctrl-C ends the process with status 130; the journal of the job stays for `--resume`.
    """
    finished: list[Result] = []
    failed = 0
    labels = labels_of(datasets)
    for model in models:
        for dataset in datasets:
            name, label = model or str(source), labels[dataset.source, dataset.id]
            try:
                finished.append(_run_one(model, dataset, label, connection, options, source))
            except ClipbenchError as error:
                failed += 1
                fail(f"{name} on {label}", str(error))
            except KeyboardInterrupt:
                errors.print("Interrupted. The same command with --resume goes on from here.")
                sys.exit(INTERRUPTED)
    return finished, failed


def _run_one(
    model: str,
    dataset: Dataset,
    label: str,
    connection: Connection,
    options: JobOptions,
    source: Endpoint | EmbeddingFile | None,
) -> Result:
    with ExitStack() as held:
        opened = held.enter_context(source.open(model, dataset)) if source else None
        name = opened.origin.named(opened.model) if opened else model
        with job_progress(console, name, label) as progress:
            result = evaluate(
                model, dataset, source=opened, server=connection, options=options, progress=progress
            )
        for note in opened.notes() if opened and not options.resume else ():
            console.paragraph(note)
    return result
