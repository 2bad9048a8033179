"""Jobs with comparisons: what counts, what is left out, and what the records say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clipbench.contract import Reason, Refusal
from clipbench.contract.batches import EncodedBatch
from clipbench.contract.documents import Item
from clipbench.contract.endpoints import Kind, Task
from clipbench.metrics import normalise
from tests.distributed import evaluations as made

GROUPS = 40


def images(groups=GROUPS):
    """Two images a group, that choose among each other's texts; parts 0 and 1 in turn."""
    items = [
        Item(f"{g}/{i}", 2 * g + i, judgements=((f"t{g}/{i}", n), (f"t{g}/{1 - i}", -n)))
        for g in range(groups)
        for i in (0, 1)
        for n in [1 + g % 2]
    ]
    return made.batch(
        Kind.IMAGE, [replace(i, judgements=tuple(sorted(i.judgements))) for i in items], 1
    )


def texts(groups=GROUPS, *, lost=()):
    items = [
        Item(f"t{g}/{i}", 2 * g + i, image_id=f"{g}/{i}")
        for g in range(groups)
        for i in (0, 1)
        if f"t{g}/{i}" not in lost
    ]
    refused = [(999, Refusal(id_, Reason.EMPTY, "empty")) for id_ in lost]
    return made.batch(Kind.TEXT, items, 2, refused)


@pytest.fixture
def job(url):
    def filled(*batches, composed=True):
        evaluator = made.retrieval(url)
        spec = replace(made.spec(Task.RETRIEVAL), composed=composed, classes=2)
        evaluator.open(spec, made.OWNER, made.MODEL, ("odd", "even"))
        for batch in batches:
            evaluator.add("job", made.OWNER, EncodedBatch.unpack(batch.pack()))
        return evaluator

    return filled


def test_scores_are_those_of_the_embeddings_in_any_order_of_arrival(job):
    one, two = images(), texts()
    result = job(two, one, two).result("job", made.OWNER)
    score = normalise(one.embeddings).astype(float) @ normalise(two.embeddings).astype(float).T
    right = [
        score[2 * g, 2 * g] > score[2 * g, 2 * g + 1] + 1e-9
        and score[2 * g + 1, 2 * g + 1] > score[2 * g + 1, 2 * g] + 1e-9
        for g in range(GROUPS)
    ]
    assert result["counts"]["text_score"] == [sum(right), GROUPS]
    assert result["data"]["comparisons"] == 2 * GROUPS
    assert [(row["index"], row["images"]) for row in result["per_class"]] == [(0, 20), (1, 20)]
    assert result["class_names"] == ["odd", "even"]


def test_a_group_without_one_of_its_texts_is_left_out_and_its_records_say_so(job):
    evaluator = job(images(), texts(lost=("t3/1",)))
    result = evaluator.result("job", made.OWNER)
    assert result["counts"]["group_score"][1] == GROUPS - 1
    assert result["data"]["comparisons_missing"] == 2
    records = evaluator.records("job", made.OWNER, Kind.IMAGE, None, 1000)
    of = {record["id"]: record for record in records}
    assert of["3/0"]["judged"] == ["t3/0", "t3/1"]
    assert of["3/0"]["ranks"] == [None, None]
    assert sorted(of["4/0"]["ranks"]) == [1, 2]
    assert of["4/0"]["grades"] in ([1, -1], [2, -2])
    assert of["4/0"]["image_id"] == ""


def test_a_job_without_a_whole_group_has_no_score(job):
    result = job(images(1)).result("job", made.OWNER)
    assert result["metrics"] == {}
    assert result["data"]["comparisons_missing"] == 2


def test_comparisons_of_another_job_are_refused(job):
    evaluator = job(images(1), composed=False)
    (refused, _) = evaluator.refused_records("job", made.OWNER)
    assert refused["reason"] == Reason.JUDGEMENT_INVALID
