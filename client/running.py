"""The state of a job while it runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from clipbench.client.batches import BATCH_IMAGES, Batch
from clipbench.client.connection import Connection
from clipbench.client.given.source import Source, embedded
from clipbench.client.journal import Journal
from clipbench.client.stage_timer import StageTimer
from clipbench.client.streaming import SentBatch, stream
from clipbench.contract.parameters import JobSpec
from clipbench.datasets import Inventory, Unreadable


@dataclass
class Run:
    """The state of a running job."""

    spec: JobSpec
    journal: Journal | None
    source: Source | None = None
    timer: StageTimer = field(default_factory=StageTimer)
    unreadable: list[Unreadable] = field(default_factory=list)
    too_large: dict[tuple[str, str], Unreadable] = field(default_factory=dict)  # by kind and id
    inventory: Inventory = field(default_factory=Inventory)
    of_train: Inventory = field(default_factory=Inventory)
    repeated: int = 0
    request_images: int = BATCH_IMAGES

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of every request with the job's documents."""
        return {"job": self.spec.job, **self.spec.options.parameters()}

    def answers(
        self, batches: Iterable[Batch], connection: Connection, in_flight: int
    ) -> Iterator[SentBatch]:
        """The outcome of each batch; those of a source are embedded before they are sent."""
        if self.source is None:
            return stream(connection, batches, self.parameters, in_flight=in_flight)
        prepare = partial(embedded, source=self.source)
        at_a_time = self.source.concurrency
        return stream(connection, batches, self.parameters, in_flight=at_a_time, prepare=prepare)

    def note_too_large(self, items: Iterable[Unreadable]) -> None:
        """Documents that no request holds: the server does not know of them."""
        self.too_large |= {(item.kind, item.id): item for item in items}

    @property
    def refused_here(self) -> list[Unreadable]:
        """The documents that never reached the server, which therefore does not list them."""
        return [*self.unreadable, *self.too_large.values()]
