"""The accuracy of a linear probe."""

from __future__ import annotations

from dataclasses import dataclass

from clipbench.metrics.measures.few_labels import FewLabelMeasure


@dataclass(frozen=True)
class LinearProbe(FewLabelMeasure):
    """Top-1 accuracy of logistic regression that is fitted to so many labelled images a class.

    Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021.
    """

    name = "linear_probe"
