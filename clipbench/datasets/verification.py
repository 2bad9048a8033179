"""Counts a data set against what is known of it, and names what is short or damaged."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

from PIL import Image as Pixels
from PIL import UnidentifiedImageError

from clipbench.contract import Reason
from clipbench.contract.formats import kind_of
from clipbench.datasets import registry
from clipbench.datasets.dataset import Dataset
from clipbench.datasets.fingerprint import Fingerprint
from clipbench.datasets.types import Document, Image, Task, Unreadable

MAX_FAULTS = 1000
"""How many faults are kept one by one; all of them are counted."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of one data set; None where a number is not known or does not apply."""

    images: int | None = None
    captions: int | None = None
    classes: int | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """One document or shard that cannot be used, and why."""

    source: str
    reason: Reason
    detail: str

    def __str__(self) -> str:
        return f"{self.source}: {self.reason} ({self.detail})"


@dataclass(frozen=True)
class Verification:
    """What was found in a data set beside what was expected.

    `empty_classes` are indices of classes without an image. `faults` are the first of them,
    `faults_by_reason` counts all. `sha256` is the digest of the readable data.
    """

    id: str
    split: str
    found: Counts
    expected: Counts
    faults: tuple[Fault, ...]
    faults_by_reason: dict[Reason, int]
    empty_classes: tuple[int, ...]
    duplicate_images: int
    duplicate_texts: int
    sha256: str

    @property
    def short(self) -> tuple[str, ...]:
        """Counts that are not the expected ones, in words."""
        pairs = (
            ("images", self.found.images, self.expected.images),
            ("captions", self.found.captions, self.expected.captions),
            ("classes", self.found.classes, self.expected.classes),
        )
        return tuple(
            f"{found:,} {name} instead of {expected:,}"
            for name, found, expected in pairs
            if expected is not None and found is not None and found != expected
        )

    @property
    def ok(self) -> bool:
        """Whether all counts are right and nothing is damaged."""
        return not self.short and not self.faults_by_reason

    def __str__(self) -> str:
        state = "ok" if self.ok else "; ".join((*self.short, *self._faults_in_words()))
        return f"{self.id} ({self.split}): {state}\n{', '.join(self._found_in_words())}"

    def _faults_in_words(self) -> Iterator[str]:
        for reason, count in self.faults_by_reason.items():
            yield f"{count:,} × {reason}"

    def _found_in_words(self) -> Iterator[str]:
        yield f"{self.found.images:,} images"
        if self.found.captions is not None:
            yield f"{self.found.captions:,} captions"
        if self.found.classes is not None:
            yield f"{self.found.classes:,} classes"
        if self.duplicate_images or self.duplicate_texts:
            yield f"{self.duplicate_images:,} images and {self.duplicate_texts:,} texts again"
        yield f"content {self.sha256}"


def verify(dataset: Dataset, *, deep: bool = False, expected: Counts | None = None) -> Verification:
    """Reads the whole data set once and counts it.

    Looks at the header of each image, and decodes its pixels when `deep`. The expected counts are
    those given, else the registry's for a registered id, else what the layout itself declares.
    """
    fingerprint = Fingerprint()
    faults: list[Fault] = []
    reasons: Counter[Reason] = Counter()
    labelled: Counter[int] = Counter()
    for document in dataset.documents():
        fingerprint.add(document)
        if isinstance(document, Image):
            labelled.update(document.labels or ())
        fault = _fault(document, dataset, deep=deep)
        if fault is not None:
            reasons[fault.reason] += 1
            if len(faults) < MAX_FAULTS:
                faults.append(fault)
    retrieval = dataset.task is Task.RETRIEVAL
    classes = range(len(dataset.classnames))
    return Verification(
        id=dataset.id,
        split=dataset.split,
        found=Counts(
            images=fingerprint.images,
            captions=fingerprint.texts if retrieval else None,
            classes=None if retrieval else len(classes),
        ),
        expected=expected or _expected(dataset),
        faults=tuple(faults),
        faults_by_reason=dict(reasons),
        empty_classes=tuple(index for index in classes if not labelled[index]),
        duplicate_images=fingerprint.duplicate_images,
        duplicate_texts=fingerprint.duplicate_texts,
        sha256=fingerprint.sha256,
    )


def _expected(dataset: Dataset) -> Counts:
    if dataset.sample is not None or not registry.is_registered(dataset.id):
        return Counts(images=dataset.images)
    info = registry.find(dataset.id)
    split = info.splits.get(dataset.split, registry.Split())
    return Counts(split.images, split.captions, info.classes)


def _fault(document: Document, dataset: Dataset, *, deep: bool) -> Fault | None:
    if isinstance(document, Unreadable):
        return Fault(document.source, document.reason, document.detail)
    if not isinstance(document, Image):
        return None
    classes = len(dataset.classnames)
    outside = [label for label in document.labels or () if not 0 <= label < classes]
    if outside:
        detail = f"label {outside[0]} of {classes} classes"
        return Fault(document.id, Reason.LABEL_OUT_OF_RANGE, detail)
    return _image_fault(document, deep=deep)


def _image_fault(document: Image, *, deep: bool) -> Fault | None:
    if not document.data:
        return Fault(document.id, Reason.EMPTY, "the image has no bytes")
    try:
        with Pixels.open(BytesIO(document.data)) as image:
            if deep:
                image.load()
    except UnidentifiedImageError:
        if kind_of(document.data):
            return Fault(document.id, Reason.IMAGE_DAMAGED, "its header is cut off or damaged")
        return Fault(document.id, Reason.NOT_AN_IMAGE, "no decoder knows the bytes")
    except Pixels.DecompressionBombError as error:
        return Fault(document.id, Reason.IMAGE_TOO_LARGE, str(error))
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        return Fault(document.id, Reason.IMAGE_DAMAGED, str(error))
    return None
