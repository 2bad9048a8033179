"""The figures of one source: printed values by model and column, and what each model is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from clipbench.reference import Column, TableName

LANGUAGES = "crossmodal3600/"


@dataclass(frozen=True)
class Profile:
    """Size and work of an architecture. Parameters are numbers, gflops 10^9 operations a document;
    None: not stated."""

    image_size: int | None = None  # pixels
    embed_dim: int | None = None
    params: float | None = None
    image_params: float | None = None
    image_gflops: float | None = None
    text_gflops: float | None = None


@dataclass(frozen=True)
class Figures:
    """printed: by (model, column key), as the source prints it. profiles: by architecture.

    models are in the registry's spelling, in the source's order.
    """

    source: str
    columns: tuple[Column, ...] = ()
    models: tuple[str, ...] = ()
    printed: Mapping[tuple[str, str], str] = field(default_factory=dict)
    profiles: Mapping[str, Profile] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.printed)

    def value(self, model: str, key: str) -> float | None:
        """The number of a model in the column of that key, where there is one."""
        text = self.printed.get((model, key))
        return None if text is None else float(text)

    def beside(self, model: str, column: Column) -> str:
        """What the source prints of the same data set, split, images and measure; else empty."""
        keys = (other.key for other in self.columns if _same(other, column))
        return next((self.printed[model, k] for k in keys if (model, k) in self.printed), "")

    def columns_of(self, name: TableName) -> list[Column]:
        """The columns of one task, without those of single languages."""
        retrieval = name is TableName.RETRIEVAL
        return [c for c in self.columns if ("@" in c.metric) is retrieval and not _language(c)]

    @property
    def languages(self) -> dict[str, list[Column]]:
        """Recalls by the language of the captions, of the data set that has the most."""
        found: dict[str, list[Column]] = {}
        for column in self.columns:
            if _language(column) and (column.dataset or "").startswith(LANGUAGES):
                found.setdefault(_language(column), []).append(column)
        return found

    def profile(self, model: str) -> Profile:
        """Of the model's architecture; empty where the source does not state it."""
        return self.profiles.get(model.partition("::")[0], Profile())


NONE = Figures("")


def _language(column: Column) -> str:
    """`de` of `crossmodal3600/de`; empty for a column of no single language."""
    return (column.dataset or "").partition("/")[2] if "@" in column.metric else ""


def _same(one: Column, other: Column) -> bool:
    return (one.dataset, one.split, one.images, one.metric) == (
        other.dataset,
        other.split,
        other.images,
        other.metric,
    )
