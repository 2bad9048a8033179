"""Writes any data set in the wds layout, with the same bytes each time."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np

from clipbench.contract.formats import kind_of
from clipbench.datasets import composition
from clipbench.datasets.dataset import Dataset
from clipbench.datasets.entries import documents
from clipbench.datasets.layouts import groups, wds
from clipbench.datasets.tarstream import BLOCK
from clipbench.datasets.types import Document, Entry, Image, Task, Text
from clipbench.errors import DataError, InvalidRequest

SHARD_SIZE = 10_000
_MAX_SHARD_BYTES = 1_000_000_000


@dataclass(frozen=True)
class Converted:
    """The written data set, and the number of documents that were refused and left out."""

    folder: Path
    images: int
    captions: int
    shards: int
    refused: int


def convert(dataset: Dataset, out: Path, shard_size: int = SHARD_SIZE) -> Converted:
    """Writes the data set to `out` in shards of at most `shard_size` images and 1 GB.

    Bytes of images are not touched; the key of an image is its number among those written. Other
    splits that `out` holds stay, and must have the same classes. The split appears when it is
    whole. Raises InvalidRequest when it is there already, DataError when nothing is readable.
    """
    if dataset.judged:
        raise InvalidRequest("shards have no place for judgements: keep the data as they are")
    if shard_size < 1:
        raise InvalidRequest(f"{shard_size} images a shard: at least 1")
    target = out / dataset.split
    if target.exists():
        raise InvalidRequest(f"{target} is there already: choose another folder, or remove it")
    partial = out / f".{dataset.split}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    _write_metadata(dataset, out)
    writer = _Writer(partial, shard_size, dataset)
    for sample in _samples(dataset.documents()):
        writer.add(sample)
    writer.close()
    if not writer.images:
        shutil.rmtree(partial)
        raise DataError(f"{dataset.source}: none of its documents is readable")
    (partial / wds.SHARDS).write_text(f"{writer.shards}\n")
    partial.rename(target)
    return Converted(out, writer.images, writer.captions, writer.shards, writer.refused)


@dataclass
class _Sample:
    """An image with its captions, or neither; `refused` counts what is not there."""

    image: Image | None = None
    captions: list[str] = field(default_factory=list)
    refused: int = 0


def _samples(documents: Iterator[Document]) -> Iterator[_Sample]:
    sample = _Sample()
    for document in documents:
        if isinstance(document, Image):
            yield sample
            sample = _Sample(document)
        elif isinstance(document, Text):
            sample.captions.append(_one_line(document.text))
        else:
            sample.refused += 1
    yield sample


class _Writer:
    """Writes samples into numbered shards."""

    def __init__(self, folder: Path, shard_size: int, dataset: Dataset) -> None:
        self.images = self.captions = self.refused = self.shards = 0
        self._folder = folder
        self._shard_size = shard_size
        self._dataset = dataset
        self._shard: BinaryIO | None = None
        self._in_shard = 0
        self._group = ""
        self._texts = _texts(dataset) if dataset.composed else {}
        self._columns = _group_columns(dataset)

    def add(self, sample: _Sample) -> None:
        self.refused += sample.refused
        if sample.image is None:
            return
        label = self._label(sample)
        if label is None:
            self.refused += 1
            return
        group = composition.group_of(sample.image) if self._dataset.composed else ""
        shard = self._room(joined=bool(group) and group == self._group)
        self._group = group
        key = f"s{self.images:07d}"
        _add(shard, f"{key}.{kind_of(sample.image.data) or 'jpg'}", sample.image.data)
        _add(shard, f"{key}.{label[0]}", label[1])
        if self._columns:
            groups = dict(sample.image.groups)
            values = np.array([groups.get(column, "") for column in self._columns])
            _add(shard, f"{key}.npy", _array(values))
        self.images += 1
        self.captions += len(sample.captions)
        self._in_shard += 1

    def close(self) -> None:
        if self._shard is not None:
            self._shard.write(bytes(2 * BLOCK))
            self._shard.close()
            self._shard = None

    def _room(self, *, joined: bool) -> BinaryIO:
        """The shard to write to. joined: the image is of the group of the last one."""
        if (
            self._shard is not None
            and not joined
            and (self._in_shard >= self._shard_size or self._shard.tell() >= _MAX_SHARD_BYTES)
        ):
            self.close()
        if self._shard is None:
            self._shard = (self._folder / f"{self.shards}.tar").open("wb")
            self._in_shard = 0
            self.shards += 1
        return self._shard

    def _label(self, sample: _Sample) -> tuple[str, bytes] | None:
        """Suffix and bytes of the second member; None when the label has no place in it."""
        assert sample.image is not None
        if self._dataset.composed:
            lines = composition.lines_of(sample.image, self._texts, self._dataset.subsets)
            return None if lines is None else ("jsonl", lines.encode())
        if self._dataset.task is Task.RETRIEVAL:
            return "txt", "\n".join(sample.captions).encode()
        labels = sample.image.labels or ()
        if not self._dataset.multilabel:
            return ("cls", str(labels[0]).encode()) if len(labels) == 1 else None
        vector = np.zeros(len(self._dataset.classnames), np.float32)
        if any(not 0 <= label < len(vector) for label in labels):
            return None
        vector[list(labels)] = 1
        return "npy", _array(vector)


def _array(values: np.ndarray) -> bytes:
    array = BytesIO()
    np.save(array, values, allow_pickle=False)
    return array.getvalue()


def _group_columns(dataset: Dataset) -> list[str]:
    """Columns of the groups that images are in, where they have one label each."""
    if dataset.task is not Task.CLASSIFICATION or dataset.multilabel:
        return []
    found = (item.groups for item in dataset.read(False) if isinstance(item, Entry))
    return sorted({column for groups in found for column, _ in groups})


def _texts(dataset: Dataset) -> dict[str, str]:
    """Every text by its id."""
    found = documents(dataset.read(False), dataset.chosen)
    return {document.id: document.text for document in found if isinstance(document, Text)}


def _add(shard: BinaryIO, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)  # mode 644, owner 0, time 0: nothing of this machine or day
    info.size = len(data)
    shard.write(info.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % BLOCK))


def _write_metadata(dataset: Dataset, out: Path) -> None:
    kind = "multilabel" if dataset.multilabel else str(dataset.task)
    texts = {wds.TYPE: f"{wds.COMPOSED if dataset.composed else kind}\n"}
    if dataset.language and dataset.task is Task.RETRIEVAL:
        texts[wds.LANGUAGE] = f"{dataset.language}\n"
    if dataset.subsets:
        texts[wds.SUBSETS] = _lines(dataset.subsets)
    if dataset.task is Task.CLASSIFICATION:
        texts[wds.CLASSNAMES] = _lines(dataset.classnames)
        texts[wds.TEMPLATES] = _lines(dataset.templates)
        if columns := _group_columns(dataset):
            texts[groups.FILE] = _lines(tuple(columns))
    for name, text in texts.items():
        path = out / name
        if path.exists() and path.read_text(encoding="utf-8") != text:
            raise InvalidRequest(f"{path} is there already and says something else")
        path.write_text(text, encoding="utf-8")


def _lines(values: tuple[str, ...]) -> str:
    return "".join(f"{_one_line(value)}\n" for value in values)


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())
