"""Counts a data set, compares it with the expected counts, and lists missing and damaged parts.

A document is a fault exactly when a run would refuse it: the same checks of identity and content,
and with `deep` the encoder's own decoder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from clipbench import config
from clipbench.contract import Reason
from clipbench.contract import documents as contract
from clipbench.contract.endpoints import Kind
from clipbench.contract.limits import Limits
from clipbench.datasets import registry
from clipbench.datasets.dataset import Dataset
from clipbench.datasets.fingerprint import Fingerprint
from clipbench.datasets.inventory import Inventory
from clipbench.datasets.types import Document, Image, Task, Text, Unreadable
from clipbench.pixels.pillow import PillowPixels
from clipbench.pixels.preprocessing import RefusedImage

MAX_FAULTS = 1000
"""How many faults are kept one by one; all of them are counted."""

_PREPROCESSING = PillowPixels(224, mean=(0, 0, 0), std=(1, 1, 1))  # the side of most models


@dataclass(frozen=True, slots=True)
class DatasetCounts:
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
    """The counts of a data set beside the expected ones.

    `found`: the documents that a run would count. `empty_classes`: indices of classes without an
    image. `faults` are the first of them, `faults_by_reason` counts all. `problem`: why a run would
    refuse the whole data set. `sha256`: the digest of the counted documents. `inventory`: the role
    of every file, member and row.
    """

    id: str
    split: str
    found: DatasetCounts
    expected: DatasetCounts
    faults: tuple[Fault, ...]
    faults_by_reason: dict[Reason, int]
    empty_classes: tuple[int, ...]
    duplicate_images: int
    duplicate_texts: int
    sha256: str
    inventory: Inventory
    problem: str | None = None

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
        """Whether a run takes the data, all counts are right and nothing is damaged."""
        return not self.problem and not self.short and not self.faults_by_reason

    def __str__(self) -> str:
        told = (*([self.problem] if self.problem else []), *self.short, *self._faults_in_words())
        state = "ok" if self.ok else "; ".join(told)
        return (
            f"{self.id} ({self.split}): {state}\n{', '.join(self._found_in_words())}\n"
            f"{self.inventory}"
        )

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


def verify(
    dataset: Dataset,
    *,
    deep: bool = False,
    expected: DatasetCounts | None = None,
    limits: Limits | None = None,
) -> Verification:
    """Read the whole data set once and count what a run would count.

    Looks at the header of each image, and decodes its pixels as the encoder does when `deep`. The
    expected counts are those given, else the registry's for a registered id, else what the layout
    itself declares. `limits` are a server's; those of this machine's settings unless given.
    """
    fingerprint, inventory = Fingerprint(), Inventory()
    checks = _Checks(dataset, deep, limits or config.load().limits())
    labelled: Counter[int] = Counter()
    for document in dataset.documents(inventory):
        if checks.take(document):
            continue
        fingerprint.add(document)
        if isinstance(document, Image):
            labelled.update(document.labels or ())
    inventory.refuse_images(checks.refused_images)
    retrieval = dataset.task is Task.RETRIEVAL
    classes = range(len(dataset.classnames))
    return Verification(
        id=dataset.id,
        split=dataset.split,
        found=DatasetCounts(
            images=fingerprint.images,
            captions=fingerprint.texts if retrieval else None,
            classes=None if retrieval else len(classes),
        ),
        expected=expected or _expected(dataset),
        faults=tuple(checks.faults),
        faults_by_reason=dict(checks.by_reason),
        empty_classes=tuple(index for index in classes if not labelled[index]),
        duplicate_images=fingerprint.duplicate_images,
        duplicate_texts=fingerprint.duplicate_texts,
        sha256=fingerprint.sha256,
        inventory=inventory,
        problem=_problem(dataset, fingerprint, checks.queries),
    )


def _expected(dataset: Dataset) -> DatasetCounts:
    if dataset.sample is not None or not registry.is_registered(dataset.id):
        return DatasetCounts(images=dataset.images)
    info = registry.find(dataset.id)
    split = info.splits.get(dataset.split, registry.Split())
    return DatasetCounts(split.images, split.captions, info.classes)


def _problem(dataset: Dataset, found: Fingerprint, queries: int) -> str | None:
    """The reason why a run would give no score; empty where it would give one."""
    if not found.images:
        return "no image can be read: there is nothing to score"
    if dataset.judged and not queries:
        return "no query has a relevant image: there is nothing to score"
    if dataset.composed and not queries:
        return "no image has a caption and a hard negative: there is nothing to score"
    if dataset.task is Task.RETRIEVAL and not dataset.judged and not found.texts:
        return "no caption can be read: there is nothing to score"
    if dataset.task is Task.CLASSIFICATION and len(dataset.classnames) < 2:
        return f"{len(dataset.classnames)} class: a run needs at least 2"
    return None


@dataclass
class _Checks:
    """The server's checks, document by document; an image comes before its texts."""

    dataset: Dataset
    deep: bool
    limits: Limits
    faults: list[Fault] = field(default_factory=list)
    by_reason: Counter[Reason] = field(default_factory=Counter)
    refused_images: Counter[str] = field(default_factory=Counter)
    queries: int = 0  # with judgements, of which at least one is of a relevant image
    _refused_image: str = ""
    _images: dict[str, bool] = field(default_factory=dict)  # of judged data: whether it is accepted

    def take(self, document: Document) -> bool:
        """Whether the document is refused."""
        fault = self._fault(document)
        if isinstance(document, Image) and self.dataset.judged:
            self._images[document.id] = fault is None
        if fault is None:
            if isinstance(document, Image | Text):
                self.queries += any(grade > 0 for _, grade in document.judgements)
            return False
        if isinstance(document, Image):
            self._refused_image = document.id
            self.refused_images[str(fault.reason)] += 1
        self.by_reason[fault.reason] += 1
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(fault)
        return True

    def _fault(self, document: Document) -> Fault | None:
        if isinstance(document, Unreadable):
            return Fault(document.source, document.reason, document.detail)
        if isinstance(document, Text) and document.judgements:
            fault = self._without_images(document)
            if fault is not None:
                return fault
        elif isinstance(document, Text) and document.image_id == self._refused_image:
            detail = f"its image {document.image_id} is refused"
            return Fault(document.id, Reason.IMAGE_REFUSED, detail)
        try:
            self._read(document)
        except contract.Refused as refused:
            return Fault(document.id, refused.reason, refused.detail)
        return self._image_fault(document) if isinstance(document, Image) else None

    def _without_images(self, query: Text) -> Fault | None:
        """The fault of a query of whose relevant images none is there; as the evaluator decides."""
        relevant = [id_ for id_, grade in query.judgements if grade > 0]
        if not relevant or any(self._images.get(id_) for id_ in relevant):
            return None
        refused = any(id_ in self._images for id_ in relevant)
        reason = Reason.IMAGE_REFUSED if refused else Reason.IMAGE_MISSING
        return Fault(query.id, reason, f"none of its {len(relevant)} relevant images is there")

    def _read(self, document: Image | Text) -> None:
        """The checks of every server. Raises contract.Refused."""
        labelled = self.dataset.task is Task.CLASSIFICATION
        if isinstance(document, Image):
            kind, labels = Kind.IMAGE, document.labels if labelled else None
            sent = contract.image_document(
                document.id, document.index, document.data, labels, document.judgements
            )
        elif document.judgements:
            kind = Kind.TEXT
            sent = contract.query_document(
                document.id, document.index, document.text, document.judgements
            )
        else:
            kind = Kind.TEXT
            sent = contract.text_document(
                document.id, document.index, document.text, document.image_id
            )
        contract.read_item(sent, kind, labelled=labelled, limits=self.limits)
        contract.read_content(sent, kind, self.limits)

    def _image_fault(self, image: Image) -> Fault | None:
        look = _PREPROCESSING.decode if self.deep else _PREPROCESSING.refuse
        refused = look(image.data)
        if isinstance(refused, RefusedImage):
            return Fault(image.id, refused.reason, refused.detail)
        classes = len(self.dataset.classnames)
        outside = [label for label in image.labels or () if label >= classes]
        if outside:
            detail = f"label {outside[0]} of {classes} classes"
            return Fault(image.id, Reason.LABEL_OUT_OF_RANGE, detail)
        return None
