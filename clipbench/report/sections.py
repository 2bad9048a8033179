"""The tables of our own questions beside the published ones: titles, and what their values mean.

A measure says which section it stands in; results with such a measure have a row there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clipbench.report.types import OwnTable


@dataclass(frozen=True)
class Section:
    """One table. note: what its values mean; words: how a result's numbers came about, where they
    did in another way than those of its task."""

    name: OwnTable
    title: str
    note: str
    words: str


SECTIONS: Sequence[Section] = (
    Section(
        OwnTable.LANGUAGES,
        "By language",
        "Retrieval is the mean of both recalls, classification top-1. The mean counts every "
        "language alike; the worst language is named. Rows that lack a language have neither.",
        "",
    ),
    Section(
        OwnTable.JUDGEMENTS,
        "Own judgements",
        "Means over the queries that have a relevant image. Every image is a candidate; one that "
        "nobody judged counts as not relevant. Of negatives beaten, half is chance. Jaccard: of "
        "the judged images, as many chosen as are relevant.",
        "Embeddings were normalised and every query compared with every image; an image that "
        "is a query was compared with all others. nDCG@K adds up grade / log2(1 + rank) of the "
        "K best images and divides by the best possible sum; mAP is the mean precision at the "
        "relevant images, R@K the share of them among the K best, MRR that of 1 / the first "
        "one's rank. Images without a judgement count as not relevant. Where images were "
        "judged not relevant, negatives_beaten is the share of pairs in which a relevant one "
        "stands before such a one (half by chance). Intervals draw queries.",
    ),
    Section(
        OwnTable.COMPOSITIONALITY,
        "Compositionality",
        "Text score: the share of groups in which every image scores its caption above the hard "
        "negatives; image score: every caption its image above the other; group score: both. "
        "Equal scores are wrong. Guessing scores 1/2 with one hard negative; of two images and two "
        "captions 1/4, 1/4 and 1/6.",
        "Embeddings were normalised, and each image compared with its caption and with hard "
        "negatives, which look right and are not; where two images are each other's hard "
        "negatives, each caption was compared with both images. The right one has to score "
        "strictly higher: a model that cannot tell two captions apart is wrong. The text score is "
        "the share of groups in which every image finds its caption, the image score that in "
        "which every caption finds its image, the group score that of both. A comparison of which "
        "a document is missing is left out, with those that share its captions. Intervals draw "
        "images, each with all of its comparisons.",
    ),
    Section(
        OwnTable.FEW_LABELS,
        "Few labels",
        "Top-1 accuracy of classifiers that learned from so many labelled images a class: a linear "
        "probe, and the vote of the nearest (knn). Means over several draws; C and k were chosen "
        "within the drawn images. Zero-shot accuracy on the same images stands under "
        "Classification.",
        "",
    ),
    Section(
        OwnTable.THRESHOLDS,
        "Thresholds",
        "ECE: how far confidence is from the share of right ones, in 15 bins of equal width, "
        "before and after a temperature; of few images it is too high. F1: of one threshold for "
        "all classes, on the sigmoid or on the softmax. What is fitted on one half of the images "
        "is judged on the other.",
        "",
    ),
)
"""In print order."""
