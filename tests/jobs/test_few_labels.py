"""Jobs with labelled images: what is drawn, counted, refused and told, whatever the requests."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from clipbench.contract import Reason, Refusal
from clipbench.contract.batches import EncodedBatch
from clipbench.contract.documents import Item
from clipbench.contract.endpoints import Kind, Task
from clipbench.contract.few_labels import ALL, FewLabels
from clipbench.contract.limits import Limits
from clipbench.errors import InvalidRequest, TooLarge
from clipbench.jobs.classification import ClassificationEvaluator
from clipbench.jobs.store import JobStore
from clipbench.metrics import normalise
from clipbench.metrics.vectors import row_dots
from tests.distributed import evaluations as made

CLASSES, DIM = 6, 24
WANTED = FewLabels((1, 4, ALL), draws=2)
RNG = np.random.default_rng(0)
CENTRES = RNG.standard_normal((CLASSES, DIM))


def documents(kind, count, seed, start=0):
    """(items, rows): the last class has two labelled images, the one before it none."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % CLASSES
    if kind is Kind.TRAIN:
        labels = np.where(labels == CLASSES - 2, 0, labels)
        labels[(labels == CLASSES - 1) & (np.arange(count) > 2 * CLASSES)] = 1
    rows = (CENTRES[labels] + 1.2 * rng.standard_normal((count, DIM))).astype(np.float32)
    items = [Item(f"{kind}{i}", start + i, labels=(int(k),)) for i, k in enumerate(labels)]
    return items, rows


TRAIN, IMAGES = documents(Kind.TRAIN, 60, 1), documents(Kind.IMAGE, 90, 2)


def batch(kind, items, rows, refused=()):
    digests = tuple(hashlib.sha256(row.tobytes()).hexdigest() for row in rows)
    return EncodedBatch(kind, "m", tuple(items), digests, rows, tuple(refused))


def batches(kind, documents, size):
    items, rows = documents
    return [
        batch(kind, items[a : a + size], rows[a : a + size]) for a in range(0, len(items), size)
    ]


def opened(folder, wanted=WANTED, limits=None):
    store = JobStore(f"sqlite:///{folder / 'state.sqlite'}", Task.CLASSIFICATION)
    evaluator = ClassificationEvaluator(store, limits)
    spec = replace(made.spec(Task.CLASSIFICATION), classes=CLASSES, templates=1, few_labels=wanted)
    evaluator.open(spec, made.OWNER, made.MODEL, [f"class {i}" for i in range(CLASSES)])
    prompts = [Item(f"{i}/0", i) for i in range(CLASSES)]
    evaluator.add_prompts(
        "job", made.OWNER, batch(Kind.PROMPT, prompts, CENTRES.astype(np.float32))
    )
    return evaluator


def answer(folder, parts):
    evaluator = opened(folder)
    for part in parts:
        evaluator.add("job", made.OWNER, part)
    return evaluator.result("job", made.OWNER), evaluator


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    parts = batches(Kind.IMAGE, IMAGES, 32) + batches(Kind.TRAIN, TRAIN, 32)
    return answer(tmp_path_factory.mktemp("learned"), parts)


def test_the_result_does_not_depend_on_requests_and_their_order(learned, tmp_path):
    parts = batches(Kind.TRAIN, TRAIN, 7) + batches(Kind.IMAGE, IMAGES, 11)
    order = np.random.default_rng(4).permutation(len(parts)).tolist()
    other, _ = answer(tmp_path, [parts[i] for i in [*order, *order[:3]]])
    assert other == learned[0]


def test_every_figure_is_the_mean_of_its_draws_and_stands_in_the_records(learned):
    result, evaluator = learned
    report = result["few_labels"]
    names = [f"{name}@{shots}" for shots in (1, 4, "all") for name in ("linear_probe", "knn")]
    assert [probe["name"] for probe in report["probes"]] == names
    records = evaluator.records("job", made.OWNER, Kind.IMAGE, None, 1000)
    shares = np.array([record["shares"] for record in records])
    assert shares.shape == (90, 6)
    for probe, column in zip(report["probes"], shares.T, strict=True):
        name, draws = probe["name"], probe["draws"]
        hits = sum(draw["right"] for draw in draws)
        assert len(draws) == (1 if name.endswith("all") else 2)
        assert result["counts"][name] == [hits, 90 * len(draws)]
        assert result["metrics"][name] == hits / (90 * len(draws))
        assert column.mean() == pytest.approx(result["metrics"][name], abs=1e-8)
        low, high = result["intervals"][name]
        assert low < result["metrics"][name] < high
    assert "acc1" in result["metrics"]
    assert result["metrics"]["linear_probe@all"] > result["metrics"]["linear_probe@1"]


def test_one_shot_is_the_nearest_labelled_image_by_hand(learned, tmp_path):
    result, _ = learned
    items, rows = TRAIN
    numbers = {
        item.index: hashlib.blake2b(f"1 {item.index}".encode(), digest_size=8).digest()
        for item in items
    }
    picked = {}
    for item in sorted(items, key=lambda item: numbers[item.index]):
        picked.setdefault(item.labels[0], item.index)
    of_train, of_images = normalise(rows), normalise(IMAGES[1])
    right = 0
    for item, row in zip(IMAGES[0], of_images, strict=True):
        near = max(picked, key=lambda k: row_dots(of_train[picked[k]][None], row)[0])
        right += near == item.labels[0]
    probe = next(p for p in result["few_labels"]["probes"] if p["name"] == "knn@1")
    assert probe["draws"][1]["right"] == right
    assert probe["draws"][1]["chosen"] == 1


def test_classes_with_too_few_and_without_images_are_told(learned):
    one, four, every = learned[0]["few_labels"]["probes"][::2]
    assert (one["fewest"], one["most"], one["short"], one["absent"]) == (1, 1, 0, 1)
    assert (four["fewest"], four["most"], four["short"], four["absent"]) == (2, 4, 1, 1)
    assert (every["shots"], every["short"], every["draws"][0]["images"]) == (None, 0, 60)
    assert one["draws"][0]["folds"] == 0 < four["draws"][0]["folds"]


def test_labelled_images_are_counted_refused_and_compared_with_the_scored_ones(tmp_path):
    items, rows = TRAIN
    same = batch(Kind.TRAIN, [replace(items[0], id="copy", index=500)], IMAGES[1][:1])
    wrong = batch(Kind.TRAIN, [Item("wrong", 501, labels=(9,))], rows[:1])
    damaged = (502, Refusal("cut", Reason.IMAGE_DAMAGED, "cut off"))
    parts = batches(Kind.IMAGE, IMAGES, 90) + batches(Kind.TRAIN, TRAIN, 60)
    more = [same, replace(wrong, refused=(damaged,))]
    result, evaluator = answer(tmp_path, parts + more)
    assert result["documents"]["counted"] == 151
    assert result["documents"]["refused_images"] == {}
    assert result["documents"]["refused_train"] == {"image_damaged": 1, "label_out_of_range": 1}
    assert result["few_labels"]["images"] == 61
    assert result["few_labels"]["among_scored"] == 1
    assert result["data"]["images"] == 90
    assert {row["kind"] for row in evaluator.refused_records("job", made.OWNER)} == {"train"}
    assert evaluator.states(made.OWNER)[0]["train"] == 61


def test_without_labelled_images_there_is_the_zero_shot_score_alone(tmp_path):
    result, _ = answer(tmp_path, batches(Kind.IMAGE, IMAGES, 90))
    assert result["few_labels"]["probes"] == []
    assert "acc1" in result["metrics"]


def test_labelled_images_need_a_job_that_learns_and_room(tmp_path):
    part = batches(Kind.TRAIN, TRAIN, 60)[0]
    with pytest.raises(InvalidRequest, match="few_labels"):
        opened(tmp_path / "a", None).add("job", made.OWNER, part)
    limits = Limits(fit_bytes=20_000)
    with pytest.raises(TooLarge, match="FIT_BYTES"):
        opened(tmp_path / "b", limits=limits).add("job", made.OWNER, part)
