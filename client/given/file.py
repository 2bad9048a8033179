"""Embeddings of a file as the source of a job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clipbench.client.given import arrays
from clipbench.client.given.source import Row, Source
from clipbench.contract.documents import JobDocument
from clipbench.contract.endpoints import Kind
from clipbench.contract.origin import Origin, OriginKind
from clipbench.datasets import Dataset
from clipbench.errors import DataError
from clipbench.results import Throughput


@dataclass(frozen=True)
class EmbeddingFile:
    """A file or folder of embeddings, as docs/endpoint.md describes it."""

    path: Path | str

    def __str__(self) -> str:
        return self.model

    @property
    def model(self) -> str:
        """The name of its model where nobody gives another: the file's."""
        return Path(self.path).name

    @contextmanager
    def open(self, model: str, data: Dataset) -> Iterator[Source]:
        """Read it. Raises DataError for another file, and where the prompts are not the data's."""
        yield OpenFile(Path(self.path), model or self.model, data)


class OpenFile:
    """The rows of a file, by a document's id or its place in the data."""

    concurrency, batch_size = 4, 0

    def __init__(self, path: Path, model: str, data: Dataset) -> None:
        self.model, self._path = model, path
        self._templates = len(data.templates)
        self._rows = arrays.read(path)
        self._used = {name: np.zeros(len(r.values), bool) for name, r in self._rows.items()}
        self.dimension = next(iter(self._rows.values())).values.shape[1]
        self.origin = Origin(OriginKind.FILE, path.name, sha256=arrays.digest(path))
        prompts, wanted = self._rows.get("prompts"), len(data.classnames) * self._templates
        if data.classnames and (prompts is None or len(prompts.values) != wanted):
            has = 0 if prompts is None else len(prompts.values)
            raise DataError(
                f"{path}: prompts has {has} rows, and {data.id} has {wanted}: {self._templates} "
                f"templates of {len(data.classnames)} classes, class by class"
            )

    def embed(self, kind: Kind, documents: Sequence[JobDocument]) -> list[Row]:
        """The row of each document."""
        return [self._row(kind, document) for document in documents]

    def _row(self, kind: Kind, document: JobDocument) -> Row:
        name = arrays.NAMES[kind]
        if name not in self._rows:
            return f"{self._path.name} has no array {name}"
        found = self._rows[name]
        if found.row_of is not None:
            row = found.row_of.get(document.id, -1)
        elif kind is Kind.PROMPT:
            place = document.tags
            row = place["class_index"] * self._templates + place["template_index"]
        else:
            row = document.tags["index"]
        if not 0 <= row < len(found.values):
            return f"{self._path.name} has no row of it in {name}"
        self._used[name][row] = True
        return np.asarray(found.values[row])

    def throughput(self) -> Throughput | None:
        """Nothing was computed."""
        return None

    def notes(self) -> Sequence[str]:
        """Rows that belong to no document."""
        return [
            f"{self._path.name}: {int((~used).sum()):,} of the {len(used):,} rows of {name} belong "
            "to no document of the data that was sent"
            for name, used in self._used.items()
            if not used.all()
        ]
