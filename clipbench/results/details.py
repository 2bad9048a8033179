"""Parts of a result beyond its measures: calibration, thresholds, and groups of images."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bin:
    """Pairs whose confidence lies in one of 15 bins of width 1/15; None where there is none."""

    pairs: int  # of an image and its prediction; with several labels, of an image and a class
    confidence: float | None  # mean
    right: float | None  # share


@dataclass(frozen=True)
class Threshold:
    """A cosine from which on a class is said to be in the picture, chosen on all images.

    The others are of the thresholds that each half of the images chose for the other. None: no
    threshold reaches what was asked, in all images or in a half.
    """

    cosine: float | None
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    precision_interval: tuple[float, float] | None = None  # 95 %
    f1_interval: tuple[float, float] | None = None  # 95 %


@dataclass(frozen=True)
class ClassThreshold:
    """best: of the highest F1. precise: of the highest recall at the precision that was asked."""

    index: int
    name: str
    images: int  # that have the class
    best: Threshold
    precise: Threshold


@dataclass(frozen=True)
class Thresholds:
    """Calibration and thresholds. docs/thresholds.md says how they are computed."""

    probability: str  # softmax, or sigmoid where images have several labels
    scale: float  # of cosines to logits
    bias: float
    scale_known: bool  # False: the usual 100, of embeddings of an unknown model
    at_precision: float
    cosine: float  # one threshold for all classes
    share: float  # one threshold on the softmax for all classes
    temperatures: tuple[float, ...] = ()  # fitted on each half; none where a half is empty
    offsets: tuple[float, ...] = ()  # of logits after the temperature
    before: tuple[Bin, ...] = ()
    after: tuple[Bin, ...] = ()  # with what was fitted on the other half
    classes: tuple[ClassThreshold, ...] = ()


@dataclass(frozen=True)
class GroupScore:
    """The images of one group; `top5` is None where there are fewer than five classes."""

    column: str  # what says the group: region, income, hospital
    group: str
    images: int
    top1: int
    top5: int | None
    interval: tuple[float, float]  # 95 %, of top-1 accuracy
