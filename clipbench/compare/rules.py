"""Rules that fail a build on a comparison: `recall@5=0.5`, or in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from clipbench.compare.differences import Change, Comparison
from clipbench.errors import InvalidRequest
from clipbench.metrics import measure_of

NUMBER = r"(\d+(?:\.\d+)?)"
SHORT = re.compile(rf"\s*([\w@]+)\s*=\s*{NUMBER}\s*")
WORDS = re.compile(
    rf"\s*([\w@]+)\s+(?:drops|falls|worsens|rises)\s+by\s+more\s+than\s+{NUMBER}"
    r"\s*(?:points?|%|ranks?)?\s*"
)


@dataclass(frozen=True)
class Rule:
    """`metric` may be worse by `allowed`: points (hundredths) of a share, ranks of a rank."""

    metric: str
    allowed: float

    def __str__(self) -> str:
        return f"{self.metric}={self.allowed:g}"


@dataclass(frozen=True)
class Verdict:
    """One rule on one change. `failed`: too much worse, and really so.

    `uncertain`: worse than allowed, but no more than noise would be.
    """

    rule: Rule
    comparison: Comparison
    change: Change
    failed: bool
    uncertain: bool

    def __str__(self) -> str:
        change, comparison = self.change, self.comparison
        word = "FAIL" if self.failed else "noise?" if self.uncertain else "ok"
        low, high = change.interval or (float("nan"), float("nan"))
        unit = scale(change.metric)
        return (
            f"{word}: {comparison.names[1]} on {comparison.data}, {change.metric}: "
            f"{change.difference * unit:+.2f} [{low * unit:+.2f}, {high * unit:+.2f}], "
            f"allowed -{self.rule.allowed:g}"
        )


def parse_rule(text: str) -> Rule:
    """`recall@5=0.5` or `recall@5 drops by more than 0.5 points`. Raises InvalidRequest."""
    found = SHORT.fullmatch(text) or WORDS.fullmatch(text)
    if found is None:
        raise InvalidRequest(
            f"cannot read the rule {text!r}; write recall@5=0.5, or "
            "'recall@5 drops by more than 0.5 points'"
        )
    return Rule(found[1], float(found[2]))


def judge(
    comparisons: Iterable[Comparison], rules: Sequence[Rule], *, strict: bool = False
) -> list[Verdict]:
    """Every rule on every change that it names.

    A rule fails when the measure is worse by more than allowed and the difference is real; with
    `strict` the first is enough. `recall@5` names the mean of both directions. Raises
    InvalidRequest for a rule that names no compared measure, so that a typo cannot pass a build.
    """
    comparisons = list(comparisons)
    verdicts = []
    for rule in rules:
        found = [(c, ch) for c in comparisons for ch in c.changes if _names(rule, ch.metric)]
        if not found:
            known = sorted({ch.metric for c in comparisons for ch in c.changes})
            raise InvalidRequest(f"no measure {rule.metric!r} was compared; known: {known}")
        for comparison, change in found:
            over = change.worse_by * scale(change.metric) > rule.allowed
            failed = over and (strict or change.real)
            verdicts.append(Verdict(rule, comparison, change, failed, over and not failed))
    return verdicts


def scale(metric: str) -> float:
    """Points per unit: 100 for shares, 1 for ranks."""
    measure = measure_of(metric)
    return 100.0 if measure is None else measure.points


def _names(rule: Rule, metric: str) -> bool:
    return metric in (rule.metric, f"mean_{rule.metric}")
