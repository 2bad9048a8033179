"""Results of published and own models that the report's tests start from."""

import dataclasses

from clipbench.encode_settings import EncodeSettings, setting_choices
from clipbench.results import (
    Documents,
    MeasuredData,
    Model,
    Result,
    Run,
    Statistics,
    Task,
)

HAND = {"vtab/cifar100": (10000, 100), "vtab/kitti_closest_vehicle_distance": (711, 4)}


def settings(**options):
    """Settings as a run resolves them, of the options that name one."""
    named = {name: options[name] for name in setting_choices() if name in options}
    return EncodeSettings(**{"activation": "quickgelu", "interpolation": "bicubic", **named})


def classification(model, dataset="vtab/cifar100", acc1=0.8, width=0.01, **changes):
    images, classes = HAND.get(dataset, (1000, 10))
    options = {"split": "test", "precision": "float32", "runtime": "torch", "created": "2026-01-01"}
    options |= changes
    return Result(
        model=Model(model, checkpoint_sha256=options.get("checkpoint")),
        settings=settings(**options),
        run=Run("cpu", "EPYC"),
        dataset=MeasuredData(
            dataset,
            options["split"],
            Task.CLASSIFICATION,
            images=options.get("images", images),
            classes=classes,
            data_sha256=options.get("data", "aa" * 32),
            prompts_sha256=options.get("prompts", "bb" * 32),
            source=options.get("source"),
            sample=options.get("sample"),
        ),
        documents=options.get("documents", Documents(images)),
        metrics={"acc1": acc1, "acc5": min(1.0, acc1 + 0.1), "chance": 1 / classes},
        intervals={"acc1": (acc1 - width, acc1 + width)},
        created=options["created"],
    )


def retrieval(model, dataset="flickr8k", split="all", recall=0.5, k=5, **changes):
    return Result(
        model=Model(model),
        settings=settings(**changes),
        run=Run("cpu", "EPYC"),
        dataset=MeasuredData(dataset, split, Task.RETRIEVAL, images=8091, texts=40455),
        documents=Documents(8091 + 40455),
        metrics={
            f"text_to_image_recall@{k}": recall,
            f"image_to_text_recall@{k}": recall + 0.1,
            f"mean_recall@{k}": recall + 0.05,
        },
        created="2026-01-01",
    )


def statistics(model, precision="float32", device="EPYC", **changes):
    base = Statistics(
        Model(model), EncodeSettings(precision), Run("cuda:0", device), "2026-01-01",
        disk_bytes=353_976_522, peak_ram_bytes=2**31, text_qps=900.4, image_qps=310.6,
        concurrency=1, batch_size=8,
    )  # fmt: skip
    return dataclasses.replace(base, **changes)
