"""F1 of one threshold on the softmax over the classes."""

from __future__ import annotations

from dataclasses import dataclass

from clipbench.metrics.measures.sigmoid_f1 import SigmoidF1


@dataclass(frozen=True)
class SoftmaxF1(SigmoidF1):
    """As `f1_sigmoid`, of a threshold on the softmax of the logits: a class's share among all."""

    said = 3

    name = "f1_softmax"

    @property
    def heading(self) -> str:
        return "F1, softmax"
