"""Paired differences between results, with intervals, and rules that gate a build on them."""

from clipbench.compare.differences import Change, Comparison, compare
from clipbench.compare.pairs import compare_paths
from clipbench.compare.rules import Rule, Verdict, judge, parse_rule
from clipbench.compare.samples import sample_of

__all__ = [
    "Change",
    "Comparison",
    "Rule",
    "Verdict",
    "compare",
    "compare_paths",
    "judge",
    "parse_rule",
    "sample_of",
]
