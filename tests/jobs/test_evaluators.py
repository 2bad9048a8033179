"""Both evaluators against brute force over the same arrays."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from clipbench.contract.endpoints import Kind
from tests.distributed import evaluations as made
from tests.metrics import oracle


def unit(rows):
    wide = rows.astype(np.float64)
    return (wide / np.linalg.norm(wide, axis=1, keepdims=True)).astype(np.float32)


def in_order(parts):
    """Items and embeddings of several batches in the order of position and id."""
    pairs = [
        (item, row)
        for part in parts
        for item, row in zip(part.items, unit(part.embeddings), strict=True)
    ]
    pairs.sort(key=lambda pair: (pair[0].index, pair[0].id.encode()))
    return [item for item, _ in pairs], np.stack([row for _, row in pairs])


@pytest.fixture
def retrieval(url):
    evaluator = made.retrieval(url)
    made.fill_retrieval(evaluator)
    return evaluator


def test_retrieval_counts_as_brute_force_does(retrieval):
    image_items, images = in_order(made.images())
    text_items, texts = in_order(made.texts())
    row_of = {item.id: row for row, item in enumerate(image_items)}
    paired = [i for i, item in enumerate(text_items) if item.image_id in row_of]
    owner = np.array([row_of[text_items[i].image_id] for i in paired])
    to_image = oracle.text_to_image(images, texts[paired], owner)
    to_text = oracle.image_to_text(images, texts[paired], owner)
    result = retrieval.result("job", made.OWNER)
    for k in (1, 5, 10):
        assert result["counts"][f"text_to_image_recall@{k}"] == [
            int((to_image <= k).sum()),
            len(paired),
        ]
        asked = to_text > 0
        assert result["counts"][f"image_to_text_recall@{k}"] == [
            int((to_text[asked] <= k).sum()),
            int(asked.sum()),
        ]
    records = made.everything(retrieval)
    ranks = [row["rank"] for row in records[Kind.TEXT] if row["rank"] is not None]
    assert ranks == to_image.tolist()
    assert [row["rank"] for row in records[Kind.IMAGE]] == to_text.tolist()
    assert result["images_without_text"] == int((to_text == 0).sum())


def test_a_retrieval_job_that_asks_for_it_says_what_smaller_vectors_cost(url):
    results = []
    for index in (False, True):
        evaluator = made.retrieval(url)
        spec = replace(made.spec(made.Task.RETRIEVAL, f"index-{index}"), index=index)
        evaluator.open(spec, made.OWNER, made.MODEL, ())
        for part in (*made.images(), *made.texts()):
            evaluator.add(spec.job, made.OWNER, part)
        results.append(evaluator.result(spec.job, made.OWNER))
    without, asked = results
    assert "index" not in without
    whole, *others = asked["index"]
    assert whole["bytes"] == 4 * made.DIM
    assert whole["metrics"] == {n: v for n, v in asked["metrics"].items() if "recall" in n}
    assert {row["name"]: row["bytes"] for row in others}["binary"] == made.DIM // 8
    assert all(len(row["differences"]["mean_recall@5"]) == 3 for row in others)


def test_a_classification_job_that_asks_for_it_says_the_accuracy_of_smaller_vectors(url):
    evaluator = made.classification(url)
    spec = replace(made.spec(made.Task.CLASSIFICATION), index=True)
    evaluator.open(spec, made.OWNER, made.MODEL, [f"class {i}" for i in range(made.CLASSES)])
    evaluator.add_prompts("job", made.OWNER, made.prompts())
    for part in made.images(labelled=True):
        evaluator.add("job", made.OWNER, part)
    result = evaluator.result("job", made.OWNER)
    whole, *others = result["index"]
    assert whole["bytes"] == 4 * made.DIM
    assert whole["metrics"] == {n: result["metrics"][n] for n in ("acc1", "acc5")}
    assert {row["name"]: row["bytes"] for row in others}["binary"] == made.DIM // 8
    assert all(len(row["differences"]["acc1"]) == 3 for row in others)


def test_texts_without_their_image_are_refused_in_the_result(retrieval):
    result = retrieval.result("job", made.OWNER)
    named = [item.image_id for part in made.texts() for item in part.items]
    reasons = result["documents"]["refused_by_reason"]
    assert reasons["image_missing"] == named.count("never")
    assert reasons["image_refused"] == named.count("x0")
    refused = retrieval.refused_records("job", made.OWNER)
    assert len(refused) == result["documents"]["refused"]


def test_an_image_that_comes_late_completes_its_text(retrieval):
    before = retrieval.result("job", made.OWNER)["documents"]["refused_by_reason"]
    late = made.batch(Kind.IMAGE, [made.Item("never", 9_999)], 8)
    retrieval.add("job", made.OWNER, late)
    after = retrieval.result("job", made.OWNER)["documents"]["refused_by_reason"]
    assert before["image_missing"] > 0
    assert "image_missing" not in after


def test_classification_counts_as_brute_force_does(url):
    evaluator = made.classification(url)
    made.fill_classification(evaluator)
    items, images = in_order(made.images(labelled=True))
    prompts = unit(made.prompts().embeddings).astype(np.float64)
    classes = unit(prompts.reshape(made.CLASSES, 2, -1).mean(axis=1))
    labels = np.array([item.labels[0] for item in items])
    order = oracle.class_order(images, classes)
    ranks = 1 + np.argmax(order == labels[:, None], axis=1)
    result = evaluator.result("job", made.OWNER)
    assert result["counts"]["acc1"] == [int((ranks == 1).sum()), len(items)]
    assert result["counts"]["acc5"] == [int((ranks <= 5).sum()), len(items)]
    recalls = [np.mean(ranks[labels == c] == 1) for c in range(made.CLASSES)]
    assert result["metrics"]["mean_per_class_recall"] == pytest.approx(np.mean(recalls))
    records = made.everything(evaluator)[Kind.IMAGE]
    assert [row["rank"] for row in records] == ranks.tolist()
    assert [row["best"] for row in records] == order[:, :5].tolist()


def test_the_result_of_a_job_without_documents_has_no_score(url):
    evaluator = made.classification(url)
    names = [f"class {i}" for i in range(made.CLASSES)]
    evaluator.open(made.spec(made.Task.CLASSIFICATION), made.OWNER, made.MODEL, names)
    empty = evaluator.result("job", made.OWNER)
    retrieval = made.retrieval(url)
    retrieval.open(made.spec(made.Task.RETRIEVAL), made.OWNER, made.MODEL, ())
    for result in (empty, retrieval.result("job", made.OWNER)):
        assert result["metrics"] == result["counts"] == result["intervals"] == {}
        assert result["documents"]["counted"] == result["documents"]["refused"] == 0


def test_a_result_is_plain_json_and_the_same_when_asked_twice(retrieval):
    first = retrieval.result("job", made.OWNER)
    assert json.loads(json.dumps(first)) == json.loads(
        json.dumps(retrieval.result("job", made.OWNER))
    )


def test_the_digest_of_the_data_sees_content_labels_and_order(url, tmp_path):
    def digest(number, parts):
        evaluator = made.retrieval(f"sqlite:///{tmp_path / str(number)}.sqlite")
        evaluator.open(made.spec(made.Task.RETRIEVAL), made.OWNER, made.MODEL, ())
        for part in [*parts, *made.texts()]:
            evaluator.add("job", made.OWNER, part)
        return evaluator.result("job", made.OWNER)["data"]["data_sha256"]

    whole = made.images()
    assert digest(0, whole) == digest(1, reversed(whole))
    assert digest(0, whole) != digest(2, whole[1:])


def test_classes_of_the_same_name_tie_whatever_batch_their_prompts_came_in(url):
    evaluator = made.classification(url)
    names = ["crane", "crane", *(f"class {i}" for i in range(2, made.CLASSES))]
    evaluator.open(made.spec(made.Task.CLASSIFICATION, "job"), made.OWNER, made.MODEL, names)
    prompts = made.prompts()
    rows = prompts.embeddings.copy()
    rows[2:4] = np.nextafter(rows[0:2], 2)  # the same texts, rounded in another batch
    digests = (*prompts.digests[:2], *prompts.digests[:2], *prompts.digests[4:])
    evaluator.add_prompts(
        "job", made.OWNER, replace(prompts, embeddings=rows, digests=tuple(digests))
    )
    both = [made.Item("a", 0, labels=(0,)), made.Item("b", 1, labels=(1,))]
    images = made.batch(Kind.IMAGE, both, 9)
    images.embeddings[1] = images.embeddings[0]
    evaluator.add("job", made.OWNER, images)
    evaluator.result("job", made.OWNER)
    first, second = evaluator.records("job", made.OWNER, Kind.IMAGE, None, 10)
    assert second["rank"] == first["rank"] + 1
