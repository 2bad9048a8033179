"""The plan of a run, printed before it starts: documents, time, memory, weights to fetch."""

from __future__ import annotations

import itertools
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docarray import Document, DocumentArray

from clipbench.client.batches import BATCH_BYTES
from clipbench.client.connection import Connection
from clipbench.client.streaming import ask_in_parts
from clipbench.contract import endpoints
from clipbench.contract.documents import answer
from clipbench.contract.parameters import ModelOptions
from clipbench.datasets import Dataset, Image, Query, Text, prompts
from clipbench.datasets.types import Entry
from clipbench.errors import ClipbenchError, Unauthorized, Unavailable
from clipbench.report.grid import Column, Grid
from clipbench.results import DataKey, data_labels

_PROBE = 16  # documents of each modality
GIB = 1024**3


@dataclass(frozen=True)
class Extent:
    """The number of documents in a data set, and a few of them to time.

    labelled: images beside those that are scored, which classifiers learn from.
    """

    dataset: Dataset
    images: int
    texts: int
    probe_images: tuple[bytes, ...]
    probe_texts: tuple[str, ...]
    labelled: int = 0


@dataclass(frozen=True)
class ModelPlan:
    """A model that can run: seconds for each data set. Or why it cannot: `problem`."""

    model: str
    seconds: float | None = None
    fetch_bytes: int | None = None
    memory_bytes: int | None = None
    problem: str | None = None


def extent(dataset: Dataset) -> Extent:
    """Count a data set: by what it declares, else by reading it once."""
    images = texts = 0
    probe_images: list[bytes] = []
    probe_texts: list[str] = []
    for document in dataset.documents():
        if isinstance(document, Image):
            images += 1
            if len(probe_images) < _PROBE and sum(map(len, probe_images)) < BATCH_BYTES:
                probe_images.append(document.data)
        elif isinstance(document, Text):
            texts += 1
            if len(probe_texts) < _PROBE:
                probe_texts.append(document.text)
        if dataset.images is not None and images >= _PROBE:
            texts = round(texts * dataset.images / images)  # of as many captions an image
            images = dataset.images
            break
    if dataset.judged:  # the queries come after all images
        queries = [item.text for item in dataset.read(False) if isinstance(item, Query)]
        found = [text for text in queries if isinstance(text, str)]
        texts, probe_texts = len(found), found[:_PROBE]
    if dataset.classnames:
        texts = len(dataset.classnames) * len(dataset.templates)
        some = itertools.islice(prompts(dataset.classnames, dataset.templates), _PROBE)
        probe_texts = [text for _, _, text in some]
    labelled = _images(dataset.train) if dataset.train else 0
    return Extent(dataset, images, texts, tuple(probe_images), tuple(probe_texts), labelled)


def _images(dataset: Dataset) -> int:
    if dataset.images is not None:
        return dataset.images
    return sum(isinstance(entry, Entry) for entry in dataset.read(False))


def plan_model(
    connection: Connection, options: ModelOptions, extents: Sequence[Extent]
) -> ModelPlan:
    """Ask the server for the model's requirements, load it, and time documents of each data set."""
    try:
        requirements = answer(connection.request(endpoints.REQUIREMENTS, (), options.parameters()))
        if requirements["problem"]:
            return ModelPlan(options.model, problem=requirements["problem"])
        described = answer(connection.request(endpoints.DESCRIBE, (), options.parameters()))
        as_job = {
            **described["settings"],
            "forced": options.forced,
            "drop_image_content": True,
            "on_refused": "tag",
        }
        seconds = sum(_estimate(connection, options.model, item, as_job) for item in extents)
    except (Unavailable, Unauthorized):
        raise
    except ClipbenchError as error:
        return ModelPlan(options.model, problem=str(error).splitlines()[0])
    return ModelPlan(
        options.model, seconds, requirements["fetch_bytes"], requirements["memory_bytes"]
    )


def _estimate(
    connection: Connection, model: str, item: Extent, parameters: Mapping[str, Any]
) -> float:
    images = [Document(blob=data) for data in item.probe_images]
    texts = [Document(text=text) for text in item.probe_texts]
    encoded = item.images + item.labelled
    return encoded * _seconds_each(connection, model, images, parameters) + (
        item.texts * _seconds_each(connection, model, texts, parameters)
    )


def _seconds_each(
    connection: Connection, model: str, documents: list[Document], parameters: Mapping[str, Any]
) -> float:
    if not documents:
        return 0.0
    endpoint = endpoints.encode_endpoint(model)

    def ask(part: Sequence[Document]) -> DocumentArray:
        return connection.request(endpoint, part, parameters)

    ask_in_parts(ask, documents[:2])  # warm-up
    started = time.perf_counter()
    ask_in_parts(ask, documents)
    return (time.perf_counter() - started) / len(documents)


def half_width(images: int) -> float:
    """Of a 95 % interval of an accuracy of one half, where it is widest."""
    return 1.96 * math.sqrt(0.25 / max(1, images))


def plan_table(extents: Sequence[Extent], plans: Sequence[ModelPlan]) -> Grid:
    """The plan as a table, a line on each data set above it."""
    columns = [Column("model"), Column("time"), Column("memory")]
    columns += [Column("fetched first", prose=True)]
    labels = labels_of([item.dataset for item in extents])
    title = "\n".join(
        _in_words(item, labels[item.dataset.source, item.dataset.id]) for item in extents
    )
    return Grid.of(columns, [_row(plan) for plan in plans], title=title)


def _row(plan: ModelPlan) -> list[str]:
    if plan.problem is not None:
        return [plan.model, "—", "—", f"left out: {plan.problem}"]
    return [
        plan.model,
        _duration(plan.seconds or 0.0),
        _gigabytes(plan.memory_bytes),
        _gigabytes(plan.fetch_bytes) if plan.fetch_bytes else "nothing",
    ]


def labels_of(datasets: Sequence[Dataset]) -> dict[tuple[str, str], str]:
    """The name of each data set by source and id; those of one name have a folder of their path."""
    keys = [DataKey(d.task, d.id, d.split, None, os.path.abspath(d.source), None) for d in datasets]
    apart = data_labels((key, key.data_sha256) for key in keys)
    return {
        (d.source, d.id): f"{d.id} ({apart[key]})" if key in apart else d.id
        for d, key in zip(datasets, keys, strict=True)
    }


def _in_words(item: Extent, label: str) -> str:
    texts = f"{item.texts:,} prompts" if item.dataset.classnames else f"about {item.texts:,} texts"
    labelled = f"{item.labelled:,} labelled images to learn from, " if item.labelled else ""
    return (
        f"{label}: {item.images:,} images, {labelled}{texts}; "
        f"a 95 % interval is ±{half_width(item.images):.3f} at most"
    )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"


def _gigabytes(size: int | None) -> str:
    return "unknown" if size is None else f"{size / GIB:.2f} GB"
