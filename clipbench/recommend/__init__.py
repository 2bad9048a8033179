"""Which model to use, for a task, within a budget. Needs NumPy and the shipped figures only."""

from clipbench.recommend.budget import COSTS, Constraints, Cost, parse_size
from clipbench.recommend.candidates import Candidate, Field, Quality
from clipbench.recommend.choice import Recommendation, RunnerUp, dominates, recommend

__all__ = [
    "COSTS",
    "Candidate",
    "Constraints",
    "Cost",
    "Field",
    "Quality",
    "Recommendation",
    "RunnerUp",
    "dominates",
    "parse_size",
    "recommend",
]
