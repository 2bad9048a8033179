"""Results in a notebook: they show themselves as tables, and turn into pandas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from clipbench.encode_settings import setting_choices
from clipbench.errors import Unsupported
from clipbench.report.build import build
from clipbench.report.compact import compact
from clipbench.report.formats import markdown
from clipbench.report.page_tables import section
from clipbench.report.sources import variants
from clipbench.report.types import Report
from clipbench.results import Result, Statistics, load_all, load_all_statistics, run_labels

if TYPE_CHECKING:
    from pandas import DataFrame


class Collection(Sequence[Result]):
    """Results (a sequence of them) with the statistics of their models."""

    def __init__(self, results: Sequence[Result], statistics: Sequence[Statistics] = ()) -> None:
        self.results, self.statistics = tuple(results), tuple(statistics)

    @classmethod
    def of(cls, folder: str | Path) -> Collection:
        """Everything in a folder of result files."""
        return cls(load_all(folder), load_all_statistics(folder))

    @overload
    def __getitem__(self, index: int) -> Result: ...
    @overload
    def __getitem__(self, index: slice) -> Collection: ...
    def __getitem__(self, index: int | slice) -> Result | Collection:
        if isinstance(index, slice):
            return Collection(self.results[index], self.statistics)
        return self.results[index]

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)

    def report(self) -> Report:
        """The tables."""
        return build(self.results, self.statistics)

    def __repr__(self) -> str:
        return "\n\n".join(markdown.table(table) for table in self._tables()) or "no results"

    def _repr_html_(self) -> str:
        return "\n".join(section(table) for table in self._tables()) or "no results"

    def to_pandas(self) -> DataFrame:
        """One row a metric: model, settings, data set, metric, value, low, high.

        `label` and `variant` tell models and data of one name apart.

        Raises Unsupported without pandas.
        """
        try:
            import pandas
        except ImportError as error:
            raise Unsupported("to_pandas needs the package pandas") from error
        labels = run_labels(result.key.run for result in self.results)
        apart = variants(self.results)
        keys = [result.key for result in self.results]
        return pandas.DataFrame(
            [
                row
                for result, key in zip(self.results, keys, strict=True)
                for row in _rows(result, labels[key.run], apart.get(key.data))
            ]
        )

    def _tables(self) -> list[Any]:
        if not (self.results or self.statistics):
            return []
        return [compact(table) for table in self.report().tables if table.rows]


def _rows(result: Result, row: str, data: str | None) -> Iterator[dict[str, Any]]:
    settings = result.settings.named()
    for metric, value in result.metrics.items():
        low, high = result.intervals.get(metric, (None, None))
        yield {
            "label": row,
            "model": result.model.name,
            "checkpoint_sha256": result.model.checkpoint_sha256,
            **{name: settings.get(name) for name in setting_choices()},
            "device": result.run.device_name or result.run.device,
            "dataset": result.dataset.id,
            "variant": data,
            "split": result.dataset.split,
            "task": str(result.dataset.task),
            "metric": metric,
            "value": value,
            "low": low,
            "high": high,
            "images": result.dataset.images,
            "refused": result.documents.refused,
        }
