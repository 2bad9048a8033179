"""Footnotes of one table: each sentence gets one number, in the order of first use."""

from __future__ import annotations

from clipbench.contract.origin import Origin, OriginKind
from clipbench.encode_settings import Decoding
from clipbench.reference import Footnote, TableName, footnotes
from clipbench.report.types import OwnTable
from clipbench.results import Result, Statistics

EMBEDDED = ("emoji", "fashion_mnist")
INEXACT_DECODING: dict[Decoding | None, str] = {
    Decoding.SCALED: (
        "Large JPEG files were decoded at a fraction of their size: not comparable with published "
        "figures."
    ),
    Decoding.GPU: (
        "JPEG files were decoded by the GPU, which rounds otherwise: not comparable with published "
        "figures."
    ),
}
"""What is said of results whose pixels are not those of full decoding."""


class Notes:
    """Numbers sentences as they are used."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def mark(self, *texts: str) -> tuple[int, ...]:
        """The numbers of `texts`, ascending."""
        numbers = self._numbers
        return tuple(sorted({numbers.setdefault(text, len(numbers) + 1) for text in texts}))

    @property
    def texts(self) -> tuple[str, ...]:
        """Every sentence; the first is number 1."""
        return tuple(self._numbers)


def of_title(table: TableName | OwnTable) -> list[str]:
    """The notes on the whole published table."""
    return [_sentence(note) for note in _of(table) if not note.columns and not note.models]


def of_column(table: TableName | OwnTable, column: str) -> list[str]:
    """The notes on a published column; `column` is a data set or a statistic's key."""
    return [_sentence(n) for n in _of(table) if column in n.columns and not n.models]


def of_row(table: TableName | OwnTable, model: str) -> list[str]:
    """The notes on a published row."""
    return [_sentence(n) for n in _of(table) if model in n.models and not n.columns]


def of_cell(table: TableName | OwnTable, model: str, column: str) -> list[str]:
    """The notes on one published value."""
    return [_sentence(n) for n in _of(table) if model in n.models and column in n.columns]


def of_result(result: Result) -> list[str]:
    """The reservations on a measured score."""
    documents, said = result.documents, []
    if result.model.origin:
        said.append(of_origin(result.model.origin))
    if documents.refused:
        reasons = ", ".join(f"{n} {reason}" for reason, n in documents.refused_by_reason.items())
        total = documents.counted + documents.refused
        said.append(f"Partly refused: {documents.refused:,} of {total:,} documents ({reasons}).")
    if inexact := INEXACT_DECODING.get(result.settings.decoding):
        said.append(inexact)
    if documents.truncated_texts:
        said.append("Some texts were longer than the model's context and were cut off.")
    if result.dataset.id in EMBEDDED and result.model.name.endswith("::embedded"):
        said.append(
            "The embedded data are in-distribution for the embedded models (their labels and "
            "captions were seen in training, their images not): these are not zero-shot scores."
        )
    return said


def of_origin(origin: Origin) -> str:
    """The reservation on embeddings that were given."""
    if origin.kind is OriginKind.FILE:
        whose = f"the file {origin.place} (SHA-256 {str(origin.sha256)[:12]}…)"
    else:
        whose = f"the endpoint {origin.place}, asked as {origin.api}"
    return (
        f"The embeddings came from {whose}. This service did not make them: the model behind them, "
        "its weights and its settings are what their maker says."
    )


def of_statistics(statistics: Statistics) -> list[str]:
    """The reservations on measured statistics."""
    said = []
    if statistics.model.origin:
        said.append(
            f"Of an endpoint: documents a second over the network, batch size "
            f"{statistics.batch_size}, at most {statistics.concurrency} requests at a time."
        )
    if statistics.run.device_name or statistics.run.device:
        device = statistics.run.device_name or statistics.run.device
        load = [f"batch size {statistics.batch_size}"] if statistics.batch_size else []
        load += [f"{statistics.concurrency} in flight"] if statistics.concurrency else []
        said.append(f"Measured on {', '.join([str(device), *load])}{_saturated(statistics)}.")
    return said


def _saturated(statistics: Statistics) -> str:
    """`; saturated with 16 texts and 8 images…`: the load of the rates at saturation."""
    kinds = {"texts": statistics.text_saturation, "images": statistics.image_saturation}
    parts = [
        f"{kind} {'saturated' if found.reached else 'still grew'} at {found.concurrency}"
        for kind, found in kinds.items()
        if found
    ]
    return f"; {', '.join(parts)}" if parts else ""


def _of(table: TableName | OwnTable) -> list[Footnote]:
    return [note for note in footnotes() if note.table == table]


def _sentence(note: Footnote) -> str:
    return f"{note.text} (inferred)" if note.inferred and "infer" not in note.text else note.text
