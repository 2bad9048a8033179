"""Recommends a model for a task within a budget. Needs NumPy and the shipped figures only."""

from clipbench.recommend.budget import COSTS, Constraints, Cost, parse_size
from clipbench.recommend.candidates import Candidate, Field, Quality
from clipbench.recommend.choice import Recommendation, RunnerUp, dominates, recommend
from clipbench.recommend.workload import BITS, Workload, parse_count

__all__ = [
    "BITS",
    "COSTS",
    "Candidate",
    "Constraints",
    "Cost",
    "Field",
    "Quality",
    "Recommendation",
    "RunnerUp",
    "Workload",
    "dominates",
    "parse_count",
    "parse_size",
    "recommend",
]
