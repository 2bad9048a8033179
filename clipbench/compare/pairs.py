"""Pairs the results of one folder with those of another."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from pathlib import Path

from clipbench.compare.differences import Comparison, compare, named
from clipbench.errors import DataError
from clipbench.results import Result, RunKey, load, load_all, sidecar_of

Located = tuple[Result, Path]  # a result and the folder of its sidecar


def compare_paths(
    before: str | Path,
    after: str | Path,
    metrics: Sequence[str] | None = None,
    across: Collection[str] = (),
) -> list[Comparison]:
    """Compare two result files, or all pairs of two folders.

    In folders a result pairs with the one of the same key, else of the same model and settings, on
    comparable data. Data with one result on each side pair whatever the models are called, so that
    a fine-tuned checkpoint can have its own name. Raises DataError when nothing pairs.
    """
    ours, theirs = _located(before), _located(after)
    files = Path(before).is_file() and Path(after).is_file()
    pairs = [(ours[0], theirs[0])] if files else _pairs(ours, theirs, across)
    if not pairs:
        raise DataError(
            f"nothing in {before} and {after} compares: no two results have the same task, data, "
            "prompts and model. `clipbench compare` of two result files names what differs"
        )
    return named([_compare(one, other, metrics, across) for one, other in pairs])


def _compare(
    before: Located, after: Located, metrics: Sequence[str] | None, across: Collection[str]
) -> Comparison:
    first, second = sidecar_of(*before), sidecar_of(*after)
    records = (first, second) if first and second else None
    return compare(before[0], after[0], records, metrics, across)


def _located(path: str | Path) -> list[Located]:
    path = Path(path)
    if path.is_dir():
        return [(result, path) for result in load_all(path)]
    return [(load(path), path.parent)]


def _pairs(
    before: list[Located], after: list[Located], across: Collection[str]
) -> list[tuple[Located, Located]]:
    pairs: list[tuple[Located, Located]] = []
    for data in dict.fromkeys(_data(result, across) for result, _ in before):
        ours, theirs = _newest(before, data, across), _newest(after, data, across)
        if len(ours) == 1 and len(theirs) == 1:
            pairs += zip(ours.values(), theirs.values(), strict=True)
            continue
        for run, item in ours.items():
            same = [other for other in theirs if _way(other) == _way(run)]
            nearest = sorted(same, key=lambda other: _near(other, run))[-1:]
            pairs += [(item, theirs[other]) for other in nearest]
    return pairs


def _data(result: Result, across: Collection[str]) -> Hashable:
    """The parts of the key that must be equal; parts that may differ (`across`) are left out."""
    key = result.key.data
    parts = tuple(value for part, value in key.parts.items() if part not in across)
    return parts + ((key.dataset, key.split, key.sample) if "data" in across else ())


def _newest(found: list[Located], data: Hashable, across: Collection[str]) -> dict[RunKey, Located]:
    """The results on the same data by row, the newest of each; with what was learned, if any is."""
    same = [item for item in found if _data(item[0], across) == data]
    same.sort(key=lambda item: (item[0].few_labels is not None, item[0].created))
    return {item[0].key.run: item for item in same}


def _way(run: RunKey) -> tuple[object, ...]:
    return run.model, run.settings


def _near(one: RunKey, other: RunKey) -> tuple[bool, bool]:
    """The same weights come before the same device."""
    device = (one.device, one.device_name) == (other.device, other.device_name)
    return one.checkpoint == other.checkpoint, device
