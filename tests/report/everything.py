"""The largest page there is: every published model measured on every published data set."""

import dataclasses

from clipbench.encode_settings import EncodeSettings
from clipbench.reference import TableName, published
from clipbench.registry import all_models
from clipbench.report import build
from clipbench.report.html import render_html
from clipbench.results import Confused, Documents, MeasuredData, Model, PerClass, Result, Run, Task

from .samples import classification, retrieval, statistics


def page():
    """29 models × 24 data sets, with the classes and confused pairs of each."""
    models = published(TableName.STATISTICS).models
    retrieval = {c.dataset: c for c in published(TableName.RETRIEVAL).columns}
    results = [_retrieval(m, c, i) for i, m in enumerate(models) for c in retrieval.values()]
    columns = published(TableName.CLASSIFICATION).columns
    results += [_classification(m, c, i) for i, m in enumerate(models) for c in columns]
    report = build(results, [statistics(model) for model in models], unmeasured=True)
    return render_html(report)


def large(models=200, columns=60):
    """Models of the registry, and own ones, measured on one's own data: so many rows and columns of
    scores."""
    names = [info.name for info in all_models()][:models]
    names += [f"own-model-{i:03}" for i in range(models - len(names))]
    scores = [(d, d % 5 == 0) for d in range(columns * 5 // 7)]  # three columns in each fifth
    results = [
        (retrieval if pairs else classification)(
            name, f"own/set-{d:02}", **{"recall" if pairs else "acc1": _score(m, d)}
        )
        for m, name in enumerate(names)
        for d, pairs in scores
    ]
    speeds = [
        statistics(n, text_qps=900 - 3.7 * i, image_qps=310 - 1.4 * i) for i, n in enumerate(names)
    ]
    return render_html(build(results, speeds, unmeasured=True))


def _score(model, dataset):
    return 0.3 + (model * 37 + dataset * 11) % 500 / 1000


def _retrieval(model, column, i):
    names = ("text_to_image", "image_to_text", "mean")
    metrics = {f"{name}_recall@5": 0.4 + i / 100 for name in names}
    return _result(model, column, Task.RETRIEVAL, metrics)


def _classification(model, column, i):
    metrics = {"acc1": 0.4 + i / 100, "acc5": 0.6 + i / 100, "chance": 1 / column.classes}
    result = _result(model, column, Task.CLASSIFICATION, metrics)
    rows = tuple(PerClass(k, f"class {k}", 50, 20, 40) for k in range(column.classes))
    confused = tuple(Confused(k % column.classes, 0, 9) for k in range(1, 21))
    return dataclasses.replace(result, per_class=rows, confused=confused)


def _result(model, column, task, metrics):
    return Result(
        model=Model(model),
        settings=EncodeSettings(activation="gelu"),
        run=Run("cuda:0", "TITAN RTX"),
        dataset=MeasuredData(
            column.dataset, column.split, task, column.images, column.texts or 0,
            column.classes or 0, templates=("a photo of a {c}.",) * 80,
        ),
        documents=Documents(column.images),
        metrics=metrics,
        intervals={name: (value - 0.01, value + 0.01) for name, value in metrics.items()},
        created="2026-01-01",
    )  # fmt: skip
