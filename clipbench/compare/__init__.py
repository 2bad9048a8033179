"""Paired differences between results, with intervals, and rules that gate a build on them."""

from clipbench.compare.differences import Change, Comparison, compare
from clipbench.compare.observations import observations_of
from clipbench.compare.pairs import compare_paths
from clipbench.compare.rules import Rule, Verdict, judge, parse_rule

__all__ = [
    "Change",
    "Comparison",
    "Rule",
    "Verdict",
    "compare",
    "compare_paths",
    "judge",
    "observations_of",
    "parse_rule",
]
