"""Pages for the browser tests, made of simulated results with sidecars."""

import base64
import dataclasses
from collections import Counter
from functools import cache

import numpy as np

from clipbench import figures, results
from clipbench.encode_settings import EncodeSettings
from clipbench.report import build, observations_in
from clipbench.report.html import render_html
from clipbench.report.mistakes import collect
from clipbench.results import Confused, PerClass, Run, Statistics

from ..compare import simulate
from ..figures import tables
from . import samples

NAMES = ["shirt", "trouser", "pullover", "dress", "coat", "sandal", "bag", "boot", "", "sneaker"]
PIXEL = base64.b64encode(
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\x88\x00\x00\x00\x00!\xf9\x04\x00\x00\x00\x00\x00,"
    b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
).decode()


def look(_set, documents):
    return {d.id: (f"data:image/gif;base64,{PIXEL}", f"caption {d.index}") for d in documents}


@cache
def published():
    return render_html(build())


def elsewhere(folder):
    """The published tables beside those of another source, with nothing measured."""
    for path in tables.write(folder):
        figures.import_file(path, folder / "figures")
    return render_html(build(unmeasured=True, figures=figures.load(folder / "figures")))


def measured(folder, names=("mini", "nano"), classes=NAMES, dataset="garments"):
    """The page of two models on one classification and one retrieval data set."""
    random = np.random.default_rng(0)
    for model, error in zip(names, (0.2, 0.5), strict=True):
        ranks = np.where(random.random(400) < error, random.integers(2, 11, 400), 1)
        result, sidecar = simulate.classification(ranks, model=model, dataset=dataset)
        simulate.save(with_classes(result, sidecar, classes), sidecar, folder)
        texts = np.where(random.random(300) < error, random.integers(2, 100, 300), 1)
        images = np.where(random.random(100) < error, random.integers(2, 100, 100), 1)
        simulate.save(*simulate.retrieval(texts, images, 3, model), folder)
        statistics = Statistics(
            results.Model(model), EncodeSettings(), Run("cpu"), "2026", 10**7, 10**8, None,
            1000 * error, 500 * error,
        )  # fmt: skip
        results.write_statistics(statistics, folder)
    found = results.load_all(folder)
    report = build(
        found,
        results.load_all_statistics(folder),
        unmeasured=True,
        observations=observations_in(folder),
    )
    return render_html(report, mistakes=collect(found, folder, look=look))


def with_classes(result, sidecar, names):
    images = sidecar.images
    labels = np.array([labels[0] for labels in images.labels])
    rows = [
        PerClass(
            i,
            name,
            int((labels == i).sum()),
            int((images.rank[labels == i] == 1).sum()),
            int((images.rank[labels == i] <= 5).sum()),
        )
        for i, name in enumerate(names)
    ]
    pairs = Counter(zip(labels.tolist(), images.predicted.tolist(), strict=True))
    confused = [Confused(a, b, n) for (a, b), n in pairs.most_common() if a != b][:20]
    return dataclasses.replace(result, per_class=tuple(rows), confused=tuple(confused))


def thresholds():
    """One result with several labels an image and thresholds, and no statistics."""
    bins = (results.Bin(8, 0.7, 0.5),)
    best = results.Threshold(0.25, 0.9, 0.8, 0.85, (0.8, 1.0), (0.7, 0.9))
    strict = results.Threshold(0.31)
    found = results.Thresholds(
        *("sigmoid", 100.0, 0.0, True, 0.9, 0.24, 0.2, (1.5, 1.4), (-20.0, -21.0), bins, bins),
        classes=(results.ClassThreshold(0, "cat", 4, best, strict),),
    )
    own = samples.classification("ViT-nano-16-64::embedded", "mine", 0.5)
    metrics = {"map": 0.5, "ece": 0.2, "ece_scaled": 0.02, "f1_sigmoid": 0.6, "f1_softmax": 0.5}
    own = dataclasses.replace(own, thresholds=found, metrics=metrics, intervals={})
    return render_html(build([own]))
