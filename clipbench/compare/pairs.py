"""Which result of one folder belongs to which of another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from clipbench.compare.differences import Comparison, compare
from clipbench.errors import DataError
from clipbench.results import Result, load, load_all, sidecar_of

Located = tuple[Result, Path]  # a result and the folder of its sidecar


def compare_paths(
    before: str | Path, after: str | Path, metrics: Sequence[str] | None = None
) -> list[Comparison]:
    """Compare two result files, or all pairs of two folders.

    In folders a result pairs with the one of the same model, data and options; a data set with one
    result on each side pairs whatever the models are called, so that a fine-tuned checkpoint can
    have its own name. Raises DataError when nothing pairs.
    """
    pairs = _pairs(_located(before), _located(after))
    if not pairs:
        raise DataError(f"nothing in {before} and {after} is of the same data set, split and model")
    return [_compare(one, other, metrics) for one, other in pairs]


def _compare(before: Located, after: Located, metrics: Sequence[str] | None) -> Comparison:
    first, second = sidecar_of(*before), sidecar_of(*after)
    records = (first, second) if first and second else None
    return compare(before[0], after[0], records, metrics)


def _located(path: str | Path) -> list[Located]:
    path = Path(path)
    if path.is_dir():
        return [(result, path) for result in load_all(path)]
    return [(load(path), path.parent)]


def _pairs(before: list[Located], after: list[Located]) -> list[tuple[Located, Located]]:
    pairs = []
    for data in dict.fromkeys(_data(result) for result, _ in before):
        ours = [item for item in before if _data(item[0]) == data]
        theirs = [item for item in after if _data(item[0]) == data]
        if len(ours) == 1 and len(theirs) == 1:
            pairs.append((ours[0], theirs[0]))
            continue
        for item in ours:
            same = [other for other in theirs if _options(other[0]) == _options(item[0])]
            pairs += [(item, other) for other in same[-1:]]
    return pairs


def _data(result: Result) -> tuple[object, ...]:
    data = result.dataset
    return data.task, data.id, data.split, data.sample


def _options(result: Result) -> tuple[object, ...]:
    model, run = result.model, result.run
    of_model = (model.name, model.activation, model.interpolation, model.decoding)
    return *of_model, run.precision, run.runtime
