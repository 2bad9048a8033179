"""The choice of a model: the Pareto front, the pick within a budget, and the alternatives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from clipbench.errors import InvalidRequest
from clipbench.figures import NONE, Figures
from clipbench.recommend.budget import COST, COSTS, Constraints, Cost
from clipbench.recommend.candidates import (
    Candidate,
    Field,
    measured_field,
    published_field,
)
from clipbench.recommend.elsewhere import elsewhere
from clipbench.recommend.estimates import anchor_factor, scaled, with_estimates
from clipbench.recommend.facts import FACTS, licence_problem, with_facts
from clipbench.recommend.imported import imported_field
from clipbench.recommend.warnings import observations, warnings
from clipbench.recommend.workload import Workload
from clipbench.report.best import Entry, leaders
from clipbench.results import Result, Statistics, Task


@dataclass(frozen=True)
class RunnerUp:
    """Another model of the front, and the costs and gains of choosing it, in words."""

    candidate: Candidate
    costs: str


@dataclass(frozen=True)
class Recommendation:
    """The answer. `pick` is None where nothing fits; `reason` is one sentence in any case.

    tied: models that fit and whose quality cannot be told from the pick's; with any, there is no
    clear winner. front: what fits and no other that fits beats in everything. excluded: why each
    of the others does not fit.
    """

    field: Field
    constraints: Constraints
    pick: Candidate | None
    reason: str
    tied: tuple[Candidate, ...]
    front: tuple[Candidate, ...]
    runners_up: tuple[RunnerUp, ...]
    excluded: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def better(self) -> list[tuple[Candidate, str]]:
        """What is better than the pick and was excluded, the best first, with the reason."""
        why = dict(self.excluded)
        floor = self.pick.quality.value if self.pick else -1.0
        found = [c for c in self.field.candidates if c.model in why and c.quality.value > floor]
        return [(c, why[c.model]) for c in sorted(found, key=lambda c: -c.quality.value)]

    @property
    def clear(self) -> bool:
        """Whether one model is really the best."""
        return self.pick is not None and not self.tied


def recommend(
    task: Task | str,
    constraints: Constraints | None = None,
    results: Sequence[Result] | None = None,
    like: str | None = None,
    *,
    statistics: Sequence[Statistics] = (),
    scale: float | str | None = None,
    figures: Figures = NONE,
    published: bool = False,
    languages: Sequence[str] = (),
    workload: Workload | None = None,
    estimates: bool = False,
) -> Recommendation:
    """The best model for `task` within `constraints`.

    results, statistics: the user's own; the published figures without them, never both mixed.
    like: a data set that the user's data resemble; otherwise the mean of all published ones.
    scale: a factor for the published QPS, or "auto" from the user's own statistics of a published
    model; the outcome is marked as an estimate.
    figures: of another source; without results quality is theirs, speeds those of `statistics`,
    unless `published` asks for CLIP-as-service's tables. Parameters and GFLOPs are theirs always.
    languages: of the captions, of which `figures` has recalls.
    workload: what is to be encoded, which gives hours and, with a price, money. estimates: models
    without a measured speed get one from GFLOPs, and are ranked with the others.
    Raises UnknownName for a data set without figures, DataError where results say nothing.
    """
    task, constraints = Task(task), constraints or Constraints()
    _check(task, constraints, NONE if published or results else figures, languages, workload)
    if results:
        found = measured_field(task, results, statistics, like)
    elif figures.printed and not published:
        found = imported_field(task, figures, statistics, like, languages)
    else:
        found = published_field(task, like)
    found = with_facts(found, figures)
    if scale is not None:
        found = scaled(found, anchor_factor(statistics) if scale == "auto" else _factor(scale))
    if estimates:
        found = with_estimates(found, figures)
    if workload:
        found = _with_workload(found, workload)
    fitting, excluded = _fit(found.candidates, constraints)
    if not fitting:
        return _nothing(found, constraints, excluded)
    ranked = sorted(fitting, key=lambda c: (-c.quality.value, c.model))
    pick = ranked[0]
    entries = [Entry(c.quality.value, c.quality.interval) for c in ranked]
    tied = tuple(ranked[i] for i in sorted(leaders(entries)) if ranked[i] is not pick)
    front = tuple(c for c in ranked if not any(dominates(o, c) for o in ranked))
    runners = tuple(RunnerUp(c, _trade(c, pick)) for c in front if c is not pick)
    return Recommendation(
        field=found,
        constraints=constraints,
        pick=pick,
        reason=_reason(pick, tied, found, constraints, len(fitting)),
        tied=tied,
        front=front,
        runners_up=runners,
        excluded=excluded,
        warnings=warnings(found, pick),
        notes=(
            *found.notes,
            *elsewhere(task, found, pick, figures),
            *observations(found, pick),
        ),
    )


def dominates(one: Candidate, other: Candidate) -> bool:
    """At least as good in quality and in every cost that both know, and better in one of them."""
    if set(one.costs) < set(other.costs):
        return False
    pairs = [(one.quality.value, other.quality.value)]
    for key in set(one.costs) & set(other.costs):
        sign = -1 if COST[key].lower_is_better else 1
        pairs.append((sign * one.costs[key], sign * other.costs[key]))
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def _fit(
    candidates: Sequence[Candidate], constraints: Constraints
) -> tuple[list[Candidate], tuple[tuple[str, str], ...]]:
    fitting, excluded = [], []
    for candidate in candidates:
        reasons = [
            reason
            for cost, limit in constraints.limits()
            if (reason := _breach(candidate, cost, limit))
        ]
        wanted = constraints.licence
        if wanted and (problem := licence_problem(candidate, wanted)):
            reasons.append(problem)
        if reasons:
            excluded.append((candidate.model, "; ".join(reasons)))
        else:
            fitting.append(candidate)
    return fitting, tuple(excluded)


def _breach(candidate: Candidate, cost: Cost, limit: float) -> str:
    value = candidate.amount(cost.key)
    if value is None:
        return f"{cost.title} {'is unknown' if cost.key in FACTS else 'was not measured'}"
    if value > limit if cost.lower_is_better else value < limit:
        return f"{cost.title} is {cost.text(value)}"
    return ""


def _reason(
    pick: Candidate, tied: Sequence[Candidate], found: Field, constraints: Constraints, fitting: int
) -> str:
    limits = f" with {constraints}" if constraints != Constraints() else ""
    among = f"of the {fitting} models{limits}" if fitting > 1 else f"as the only model{limits}"
    best = f"{pick.model} has the highest {found.quality} ({pick.quality.value:.3f}) {among}"
    if not tied:
        return f"{best}."
    names = [candidate.model for candidate in tied]
    others = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return (
        f"No clear winner: {best}, but the data cannot tell it from {others}; "
        f"{_lightest(pick, tied)}."
    )


def _lightest(pick: Candidate, tied: Sequence[Candidate]) -> str:
    group = (pick, *tied)
    if not all("image_qps" in candidate.costs for candidate in group):
        return "choose among them by what else matters to you"
    fastest = max(group, key=lambda c: (c.costs["image_qps"], c.quality.value))
    speed = COST["image_qps"].text(fastest.costs["image_qps"])
    return f"of these {fastest.model} encodes the most images ({speed})"


def _trade(other: Candidate, pick: Candidate) -> str:
    parts = [f"quality {other.quality.value - pick.quality.value:+.3f}"]
    for cost in COSTS:
        if cost.key in other.costs and cost.key in pick.costs:
            change = other.costs[cost.key] - pick.costs[cost.key]
            if change:
                sign = "+" if change > 0 else "-"
                parts.append(f"{cost.title} {sign}{cost.text(abs(change))}")
    return ", ".join(parts)


def _nothing(
    found: Field, constraints: Constraints, excluded: tuple[tuple[str, str], ...]
) -> Recommendation:
    def misses(candidate: Candidate) -> tuple[int, float]:
        limits = constraints.limits()
        broken = [(c, limit) for c, limit in limits if _breach(candidate, c, limit)]
        return len(broken), sum(_excess(candidate, c, limit) for c, limit in broken)

    why_not = dict(excluded)
    nearest = min(found.candidates, key=misses)
    why = why_not[nearest.model]
    reason = f"No model fits {constraints}; the nearest is {nearest.model}, whose {why}."
    return Recommendation(found, constraints, None, reason, (), (), (), excluded, (), found.notes)


def _excess(candidate: Candidate, cost: Cost, limit: float) -> float:
    """The factor by which a limit is missed; unknown costs miss it by far."""
    value = candidate.amount(cost.key)
    if not value:
        return 1e9
    return value / limit if cost.lower_is_better else limit / value


def _check(
    task: Task,
    constraints: Constraints,
    figures: Figures,
    languages: Sequence[str],
    workload: Workload | None,
) -> None:
    """Raises InvalidRequest for what nothing can answer."""
    if languages and (task is not Task.RETRIEVAL or not figures.printed):
        raise InvalidRequest(
            "languages are those of captions, so of retrieval, and need figures of them: "
            "`clipbench figures pull openclip`"
        )
    if constraints.max_price is not None and not (workload and workload.price_per_hour):
        raise InvalidRequest("a limit in money needs a price: --price-per-hour and --images")


def _with_workload(found: Field, workload: Workload) -> Field:
    candidates = tuple(
        replace(c, costs={**c.costs, **workload.costs(c.costs)}) for c in found.candidates
    )
    priced = f" and price ({workload.price_per_hour:g} an hour" if workload.price_per_hour else ""
    if priced:
        priced += f" of {workload.instance})" if workload.instance else ")"
    say = (
        f"Hours{priced} are of {workload.images:,.0f} "
        f"images and {workload.texts:,.0f} texts at the rate of one machine, and come again when "
        "the model changes: every vector is encoded anew."
    )
    return replace(found, candidates=candidates, notes=(*found.notes, say))


def _factor(text: float | str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0 < factor < math.inf:
        raise InvalidRequest(f"scale must be auto or a number above 0, not {text!r}")
    return factor
