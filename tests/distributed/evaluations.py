"""Jobs without a Flow: batches as the encoder would hand them to an evaluator."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from clipbench.contract import Reason, Refusal
from clipbench.contract.batches import EncodedBatch
from clipbench.contract.documents import Item
from clipbench.contract.endpoints import Kind, Task
from clipbench.contract.parameters import JobSpec, ModelOptions
from clipbench.jobs.classification import ClassificationEvaluator
from clipbench.jobs.retrieval import RetrievalEvaluator
from clipbench.jobs.store import JobStore

IMAGES, TEXTS, DIM, CLASSES = 300, 900, 32, 12
MODEL = {"name": "made up", "digest": "m"}
OWNER = "somebody"


def spec(task: Task, job: str = "job") -> JobSpec:
    sizes = {"classes": CLASSES, "templates": 2} if task is Task.CLASSIFICATION else {}
    return JobSpec(job, task, ModelOptions("made up"), "made/up", "test", **sizes)


def retrieval(url: str) -> RetrievalEvaluator:
    return RetrievalEvaluator(JobStore(url, Task.RETRIEVAL))


def classification(url: str) -> ClassificationEvaluator:
    return ClassificationEvaluator(JobStore(url, Task.CLASSIFICATION))


def batch(
    kind: Kind, items: Sequence[Item], seed: int, refused: Sequence[tuple[int, Refusal]] = ()
) -> EncodedBatch:
    # few distinct directions, so that scores are often equal and order decides
    rng = np.random.default_rng(seed)
    rows = rng.integers(-1, 2, (len(items), DIM)).astype(np.float32)
    rows[:, 0] = 1
    digests = tuple(hashlib.sha256(f"{kind}{item.id}".encode()).hexdigest() for item in items)
    return EncodedBatch(kind, "m", tuple(items), digests, rows, tuple(refused))


def images(labelled: bool = False) -> list[EncodedBatch]:
    """Ids whose order differs between languages; every second position is shared by two."""
    names = [f"{'aBÄz_'[i % 5]}{i}" for i in range(IMAGES)]
    items = [
        Item(name, i // 2, labels=((i * 7) % CLASSES,) if labelled else ())
        for i, name in enumerate(names)
    ]
    broken = [(IMAGES + i, Refusal(f"x{i}", Reason.IMAGE_DAMAGED, "cut off")) for i in range(5)]
    cut = range(0, IMAGES, 64)
    return [
        batch(Kind.IMAGE, items[start : start + 64], start, broken[:1] if start else broken)
        for start in cut
    ]


def texts() -> list[EncodedBatch]:
    """Three texts an image; some of refused images, some of images that never come."""
    named = [item.id for part in images() for item in part.items] + ["x0", "never"]
    items = [Item(f"t{i}", i, image_id=named[(i * 11) % len(named)]) for i in range(TEXTS)]
    return [
        batch(Kind.TEXT, items[start : start + 128], 1000 + start) for start in range(0, TEXTS, 128)
    ]


def prompts() -> EncodedBatch:
    items = [Item(f"{c}/{t}", c, template_index=t) for c in range(CLASSES) for t in range(2)]
    return batch(Kind.PROMPT, items, 5)


def fill_retrieval(evaluator: RetrievalEvaluator, job: str = "job") -> None:
    """The whole corpus, some batches twice."""
    evaluator.open(spec(Task.RETRIEVAL, job), OWNER, MODEL, ())
    for part in [*images(), *texts(), *images()[:2], *texts()[-2:]]:
        evaluator.add(job, OWNER, part)


def fill_classification(evaluator: ClassificationEvaluator, job: str = "job") -> None:
    names = [f"class {i}" for i in range(CLASSES)]
    evaluator.open(spec(Task.CLASSIFICATION, job), OWNER, MODEL, names)
    evaluator.add_prompts(job, OWNER, prompts())
    for part in [*images(labelled=True), *images(labelled=True)[:3]]:
        evaluator.add(job, OWNER, part)


def everything(evaluator: Any, job: str = "job") -> dict[str, Any]:
    """The result, and what became of each document."""
    result = evaluator.result(job, OWNER)
    pages: dict[str, Any] = {"refused": evaluator.refused_records(job, OWNER)}
    for kind in (Kind.IMAGE, Kind.TEXT):
        rows: list[dict[str, Any]] = []
        after = None
        while page := evaluator.records(job, OWNER, kind, after, 77):
            rows += page
            after = (page[-1]["index"], page[-1]["id"])
        pages[kind] = rows
    return {"result": result, **pages}
