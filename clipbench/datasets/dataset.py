"""A data set ready to be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from clipbench.contract.few_labels import FewLabels
from clipbench.datasets.entries import documents
from clipbench.datasets.inventory import Inventory
from clipbench.datasets.types import Document, Read, SampleNote, Task


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set ready to be read; `documents()` starts from the beginning each time.

    `images` is the declared number of images, None where only reading tells. `templates` hold
    `{c}`. `source` is the folder, file or address. `layout` names how it is laid out. `warnings`
    say what a person may have meant otherwise.
    """

    id: str
    split: str
    task: Task
    classnames: tuple[str, ...]
    templates: tuple[str, ...]
    multilabel: bool
    images: int | None
    source: str
    layout: str
    read: Read = field(repr=False, compare=False)
    judged: bool = False  # retrieval: queries with several, graded images
    composed: bool = False  # retrieval: captions are compared with hard negatives
    subsets: tuple[str, ...] = ()  # names of the parts that comparisons belong to
    language: str = ""  # of the captions or class names, where there are several
    few_labels: FewLabels | None = None  # what is learned from the images of `train`
    train: Dataset | None = field(default=None, repr=False)
    sample: SampleNote | None = None
    chosen: frozenset[int] | None = field(default=None, repr=False)  # image positions of a sample
    warnings: tuple[str, ...] = ()

    def documents(self, inventory: Inventory | None = None) -> Iterator[Document]:
        """Every document in order; an image comes before its texts.

        The inventory, if given, is told of every file, member and row that passes by.
        """
        return documents(self.read(True), self.chosen, inventory)
