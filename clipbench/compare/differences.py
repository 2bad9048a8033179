"""The differences between two results on the same data, and whether each is real."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

from clipbench.compare.observations import common, observations_of
from clipbench.errors import InvalidRequest
from clipbench.metrics import found_in, holm, measure_of, paired_difference
from clipbench.results import DataKey, Result, Sidecar, data_labels, picks, run_labels


@dataclass(frozen=True)
class Change:
    """One measure: `difference` is after - before, `interval` its 95 % interval.

    p is corrected for the number of measures compared (Holm). paired: from the same images in both,
    by their records; otherwise from both results' own intervals, as if they were independent, which
    is wider. Without either, interval and p are None and nothing is called real.
    """

    metric: str
    before: float
    after: float
    difference: float
    interval: tuple[float, float] | None
    p: float | None
    paired: bool

    @property
    def worse_by(self) -> float:
        """The loss from `before` to `after` in the measure's unit; negative where it is better."""
        measure = measure_of(self.metric)
        lower_is_better = measure is not None and measure.lower_is_better
        return self.difference if lower_is_better else -self.difference

    @property
    def real(self) -> bool:
        """The interval excludes 0, corrected for the number of measures."""
        return self.p is not None and self.p < 0.05


@dataclass(frozen=True)
class Comparison:
    """Two results on the same data. `notes` say what else differs."""

    before: Result
    after: Result
    changes: tuple[Change, ...]
    notes: tuple[str, ...]
    names: tuple[str, str]  # of both rows, with what sets them apart
    data: str  # the data set, with what sets it apart


def compare(
    before: Result,
    after: Result,
    records: tuple[Sidecar, Sidecar] | None = None,
    metrics: Sequence[str] | None = None,
    across: Collection[str] = (),
) -> Comparison:
    """The differences of two results on the same data with the same prompts.

    records: the sidecars of both, for paired intervals. metrics: names to compare; when left out,
    every compared measure that both have. across: `data` or `prompts` that may differ all the same;
    of different data the images that both counted are paired. Raises InvalidRequest where results
    do not compare.
    """
    _require_comparable(before, after, across)
    names = list(metrics or _compared(before, after))
    others = unlike(before, after)
    for name in names:
        if name in others:
            raise InvalidRequest(f"{name} does not compare: {OTHER_IMAGES}")
        if not (name in before.metrics and name in after.metrics):
            known = ", ".join(sorted(set(before.metrics) & set(after.metrics)))
            raise InvalidRequest(f"measure {name!r} is not in both results; both have: {known}")
    shared = common(*records) if records else None
    found = [_change(name, before, after, shared) for name in names]
    made = Comparison(
        before, after, _corrected(found), tuple(_notes(before, after, shared)), ("", ""), ""
    )
    return named([made])[0]


def named(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons with names that tell all of their models and data apart."""
    pairs = [(c.before, c.after) for c in comparisons]
    rows = run_labels(result.key.run for pair in pairs for result in pair)
    apart = data_labels((r.key.data, r.dataset.source) for pair in pairs for r in pair)
    found = []
    for comparison in comparisons:
        before, after = comparison.before.key, comparison.after.key
        label = apart.get(after.data)
        data = f"{after.data.dataset} ({label})" if label else after.data.dataset
        found.append(replace(comparison, names=(rows[before.run], rows[after.run]), data=data))
    return found


OTHER_IMAGES = "both learned from different labelled images"


def unlike(before: Result, after: Result) -> list[str]:
    """The measures of both that were learned from different labelled images."""
    one, other = picks(before.few_labels), picks(after.few_labels)
    return [name for name, images in one.items() if other.get(name, images) != images]


def _compared(before: Result, after: Result) -> list[str]:
    others = unlike(before, after)
    both = [name for name in before.metrics if name in after.metrics and name not in others]
    found = found_in(both, before.dataset.task)
    return [str(figure) for figure in found if figure.measure.compared]


def _change(name: str, before: Result, after: Result, shared: tuple[Sidecar, Sidecar] | None
) -> Change:  # fmt: skip
    a, b = before.metrics[name], after.metrics[name]
    observed = [observations_of(name, records) for records in shared] if shared else [None, None]
    if observed[0] is not None and observed[1] is not None:
        found = paired_difference(observed[1], observed[0])
        interval = found.interval.low, found.interval.high
        return Change(name, a, b, b - a, interval, found.p, paired=True)
    if name in before.intervals and name in after.intervals:
        return _independent(name, a, b, before.intervals[name], after.intervals[name])
    return Change(name, a, b, b - a, None, None, paired=False)


def _independent(
    name: str, a: float, b: float, first: tuple[float, float], second: tuple[float, float]
) -> Change:
    normal = NormalDist()
    z = normal.inv_cdf(0.975)
    error = math.hypot(first[1] - first[0], second[1] - second[0]) / (2 * z)
    difference = b - a
    p = 2 * normal.cdf(-abs(difference) / error) if error else float(difference == 0)
    interval = difference - z * error, difference + z * error
    return Change(name, a, b, difference, interval, p, paired=False)


def _corrected(changes: Sequence[Change]) -> tuple[Change, ...]:
    known = [change.p for change in changes if change.p is not None]
    adjusted = iter(holm(known))
    return tuple(
        Change(c.metric, c.before, c.after, c.difference, c.interval,
               None if c.p is None else next(adjusted), c.paired)
        for c in changes
    )  # fmt: skip


def _require_comparable(before: Result, after: Result, across: Collection[str]) -> None:
    one, other = before.key.data, after.key.data
    differing = [part for part in one.differing(other) if part not in across]
    if differing:
        described = " and ".join(
            f"{part} ({_part(one, part)} before, {_part(other, part)} after)" for part in differing
        )
        raise InvalidRequest(
            f"the results do not compare: different {described}. Run both models on the same data "
            f"with the same prompts"
            + (
                ""
                if "task" in differing
                else f", or compare --across {' --across '.join(differing)}"
            )
        )


def _part(key: DataKey, part: str) -> str:
    if part == "task":
        return key.task
    if part == "prompts":
        return _short(key.prompts_sha256)
    return f"{key.dataset} {key.split} {_short(key.data_sha256)}"


def _notes(before: Result, after: Result, shared: tuple[Sidecar, Sidecar] | None) -> list[str]:
    said = []
    one_key, other_key = before.key, after.key
    pairs: dict[str, tuple[str | None, str | None]] = {
        part: (_part(one_key.data, part), _part(other_key.data, part))
        for part in one_key.data.differing(other_key.data)
    }
    for name in before.settings.differing(after.settings):
        pairs[name] = getattr(before.settings, name), getattr(after.settings, name)
    pairs["device"] = before.run.device_name, after.run.device_name
    if before.model.name == after.model.name:
        pairs["weights"] = one_key.run.checkpoint, other_key.run.checkpoint
    for what, (one, other) in pairs.items():
        if one != other:
            said.append(f"Different {what}: {_short(one)} before, {_short(other)} after.")
    if others := unlike(before, after):
        said.append(f"Not compared: {', '.join(others)}; {OTHER_IMAGES}.")
    if shared is None:
        said.append(
            "No records of both results: intervals are not paired, and wider than they need be."
        )
    elif len(shared[0].images) < max(before.dataset.images, after.dataset.images):
        said.append(f"Paired on the {len(shared[0].images):,} images that both counted.")
    return said


def _short(value: str | None) -> str:
    return "not stated" if value is None else value[:12] if len(value) == 64 else value
