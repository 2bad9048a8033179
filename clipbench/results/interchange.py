"""Results of LAION's `clip_benchmark`: its JSON files and its CSV, read and written.

Source of the format: `clip_benchmark/cli.py` (`main_eval` writes one JSON for each model, data set
and language; `build` collects them in a CSV). It states neither precision, nor counts, nor the
split, so that imported results say "not stated" and are never compared silently.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clipbench.encode_settings import EncodeSettings
from clipbench.errors import DataError
from clipbench.files import read_json, read_text
from clipbench.metrics import MEASURES, Directed, Direction, Measure, measure_of, parse
from clipbench.results.key import ResultKey
from clipbench.results.types import Documents, MeasuredData, Model, Result, Run, Task

TASKS = {
    "zeroshot_classification": Task.CLASSIFICATION,
    "zeroshot_retrieval": Task.RETRIEVAL,
}
TASK_NAMES = {task: name for name, task in TASKS.items()}
DIRECTIONS = {"image_": Direction.TEXT_TO_IMAGE, "text_": Direction.IMAGE_TO_TEXT}
"""clip_benchmark's prefix of `retrieval_…`: the retrieved modality; the other one queries."""

QUICKGELU = "-quickgelu"  # what open_clip appends to an architecture for that activation
MULTILINGUAL = (
    *("crossmodal3600", "xtd10", "xtd200", "flickr30k-200", "multilingual_mscoco_captions"),
)
CSV_COLUMNS = ("dataset", "model", "pretrained", "task", "language", "model_fullname")


@dataclass
class Imported:
    """The outcome of each row or file: a result, or place and reason where it is left out."""

    results: list[Result] = field(default_factory=list)
    places: dict[ResultKey, str] = field(default_factory=dict)  # of each result
    refused: list[str] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)  # of a task that is not scored here

    def add(self, result: Result, place: str) -> None:
        """Raises DataError for a second result of one model on one data set: which is right?"""
        first = self.places.setdefault(result.key, place)
        if first != place:
            raise DataError(f"{place}: a result of the same model and data set as {first}")
        self.results.append(result)


def read(path: str | Path, *, split: str = "test") -> Imported:
    """Results of a JSON file, a CSV of `clip_benchmark build`, or a folder of JSON files.

    split: the one that was run, which the files do not say. A row or file that cannot be read
    does not stop the others. Raises DataError when there is no result at all.
    """
    path, found = Path(path), Imported()
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    for file in files:
        try:
            _read_file(file, split, found)
        except DataError as error:
            found.refused.append(str(error))
    if not found.results:
        nothing = f"{path}: no {'JSON file' if path.is_dir() else 'row'} in it"
        reasons = [*found.refused, *found.passed_over] or [nothing]
        raise DataError("\n".join(reasons))
    return found


def _read_file(path: Path, split: str, found: Imported) -> None:
    if path.suffix.lower() == ".csv":
        documents = _rows(path)
    else:
        documents = iter([(str(path), read_json(path, error=DataError))])
    created = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
    for place, document in documents:
        try:
            task = document.get("task") if isinstance(document, Mapping) else None
            if isinstance(task, str) and task not in TASKS:
                known = ", ".join(TASKS)
                found.passed_over.append(f"{place}: task: expected {known}, found {task!r}")
            else:
                found.add(_result(document, place, split, created), place)
        except DataError as error:
            found.refused.append(str(error))


def _rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The rows of a CSV as the JSON files have them, each with its place."""
    text = read_text(path, error=DataError)
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in rows:
            place = f"{path}, line {rows.line_num}"
            yield place, _from_row(row)
    except csv.Error as error:
        raise DataError(f"{path}, line {rows.line_num}: not CSV: {error}") from error


def write_json(result: Result) -> str:
    """One result as `clip_benchmark eval` writes it."""
    return json.dumps(_document(result))


def write_csv(results: Sequence[Result]) -> str:
    """Results as `clip_benchmark build` writes them: a line each, metrics as columns."""
    documents = [_document(result) for result in results]
    names = sorted({name for document in documents for name in document["metrics"]})
    file = io.StringIO()
    writer = csv.DictWriter(file, [*CSV_COLUMNS, *names], lineterminator="\n")
    writer.writeheader()
    for document in documents:
        metrics = document.pop("metrics")
        full = f"{document['model']} {document['pretrained']}"
        writer.writerow({**document, **metrics, "model_fullname": full})
    return file.getvalue()


def _from_row(row: Mapping[str | None, Any]) -> Mapping[str, Any]:
    stated = {key: row.get(key) for key in CSV_COLUMNS if row.get(key)}
    metrics = {}
    for key, value in row.items():
        if key in CSV_COLUMNS or key in ("classnames", "templates") or value in ("", None):
            continue
        try:
            metrics[key] = float(value)
        except (TypeError, ValueError):
            metrics[key] = value  # refused with the place, when it becomes a result
    return {**stated, "metrics": metrics}


def _result(document: object, place: str, split: str, created: str) -> Result:
    if not isinstance(document, Mapping):
        raise DataError(f"{place}: expected an object of clip_benchmark")
    for key in ("dataset", "model", "pretrained", "task", "metrics"):
        if key not in document:
            raise DataError(f"{place}: {key}: missing key of a clip_benchmark result")
    if document["task"] not in list(TASKS):
        raise DataError(f"{place}: task: found {document['task']!r:.200}")
    task = TASKS[document["task"]]
    model, pretrained = str(document["model"]), str(document["pretrained"])
    architecture = model.removesuffix(QUICKGELU)
    activation = "quickgelu" if model != architecture or pretrained == "openai" else None
    names = document.get("classnames") or ()
    templates = tuple(str(text) for text in document.get("templates") or ())
    name = str(document["dataset"]).removeprefix("wds/")
    said = str(document.get("language") or "en")
    language = said if said != "en" or name in MULTILINGUAL else ""
    return Result(
        model=Model(
            f"{architecture}::{pretrained}",
            architecture=architecture,
            pretrained=pretrained,
        ),
        settings=EncodeSettings.unstated(activation=activation),
        run=Run(),
        dataset=MeasuredData(
            id=f"{name}/{language}" if language else name,
            split=split,
            task=task,
            images=0,
            classes=len(names),
            templates=templates,
            prompts=len(names) * len(templates),
            source="clip_benchmark",
            language=language,
        ),
        documents=Documents(0),
        metrics=_metrics(document["metrics"], place),
        created=created,
    )


def _metrics(found: object, place: str) -> dict[str, float]:
    if not isinstance(found, Mapping):
        raise DataError(f"{place}: metrics: expected an object")
    metrics: dict[str, float] = {}
    for key, value in found.items():
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise DataError(f"{place}: metrics.{key}: expected a number, found {value!r}")
        name = _renamed(key)
        if math.isnan(value) and name == "acc5":  # of fewer than five classes, absent here
            continue
        measure = measure_of(name)
        of_one = measure is not None and measure.points == Measure.points
        if not math.isfinite(value) or (of_one and not 0 <= value <= 1):
            expected = "a share of 1" if of_one else "a finite number"
            raise DataError(f"{place}: metrics.{key}: expected {expected}, found {value}")
        metrics[name] = float(value)
    for figure in [parse(key) for key in metrics if measure_of(key)]:
        if isinstance(figure, Directed) and figure.measure.both:
            both = [str(Directed(direction, figure.measure)) for direction in DIRECTIONS.values()]
            if all(name in metrics for name in both):
                mean = sum(metrics[name] for name in both) / 2
                metrics[str(Directed(Direction.MEAN, figure.measure))] = mean
    return metrics


def _renamed(key: str) -> str:
    """Our name of a metric; one that we do not have stays as it is."""
    for cls in MEASURES:
        if not cls.clip_benchmark:
            continue
        if measure := cls.parse(key, cls.clip_benchmark):
            return str(measure)
        for prefix, direction in DIRECTIONS.items():
            if measure := cls.parse(key, prefix + cls.clip_benchmark):
                return str(Directed(direction, measure))
    return key


def _document(result: Result) -> dict[str, Any]:
    architecture, _, rest = result.model.name.partition("::")
    return {
        "dataset": result.dataset.id.removesuffix(f"/{result.dataset.language}"),
        "model": result.model.architecture or architecture,
        "pretrained": result.model.pretrained or rest,
        "task": TASK_NAMES[result.dataset.task],
        "metrics": dict(_their_metrics(result.metrics)),
        "language": result.dataset.language or "en",
    }


def _their_metrics(metrics: Mapping[str, float]) -> Iterable[tuple[str, float]]:
    prefixes = {direction: prefix for prefix, direction in DIRECTIONS.items()}
    for key, value in metrics.items():
        measure = measure_of(key)
        if measure is None or not measure.clip_benchmark:
            continue
        figure, prefix = parse(key), ""
        if isinstance(figure, Directed):
            if figure.direction not in prefixes:
                continue
            prefix = prefixes[figure.direction]
        yield prefix + measure.clip_benchmark.format(**vars(measure)), value
