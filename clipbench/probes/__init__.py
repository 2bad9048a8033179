"""Classifiers that are fitted to a few labelled images: which are drawn, how they are fitted."""

from clipbench.probes.draws import drawn, folds_of
from clipbench.probes.fitted import Fitted
from clipbench.probes.linear import linear_probe
from clipbench.probes.nearest import nearest_neighbours

__all__ = ["Fitted", "drawn", "folds_of", "linear_probe", "nearest_neighbours"]
