"""Judged jobs: what counts, what is left out, and what the records say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from clipbench.contract import Reason, Refusal
from clipbench.contract.batches import EncodedBatch
from clipbench.contract.documents import (
    Item,
    JobDocument,
    Refused,
    image_document,
    query_document,
    read_item,
)
from clipbench.contract.endpoints import Kind, Task
from clipbench.contract.limits import Limits
from clipbench.metrics.measures import NegativesBeaten
from tests.distributed import evaluations as made
from tests.metrics import oracle

IMAGES = 60


def images(queries):
    """Image number i has the id `i`; some are queries as well."""
    items = [Item(str(i), i, judgements=queries.get(i, ())) for i in range(IMAGES)]
    lost = [(90, Refusal("bad", Reason.IMAGE_DAMAGED, "cut off"))]
    return [made.batch(Kind.IMAGE, items[:40], 1, lost), made.batch(Kind.IMAGE, items[40:], 2)]


def texts(judgements):
    items = [Item(f"t{i}", i, judgements=pairs) for i, pairs in enumerate(judgements)]
    return made.batch(Kind.TEXT, items, 3)


@pytest.fixture
def job(url):
    def filled(batches):
        evaluator = made.retrieval(url)
        spec = replace(made.spec(Task.RETRIEVAL), judged=True)
        evaluator.open(spec, made.OWNER, made.MODEL, ())
        for batch in batches:
            evaluator.add("job", made.OWNER, EncodedBatch.unpack(batch.pack()))
        return evaluator

    return filled


def test_ranks_and_measures_are_those_of_brute_force(job):
    rng = np.random.default_rng(5)

    def pairs():
        chosen = rng.choice(IMAGES, 6, replace=False)
        return tuple(sorted((str(i), int(rng.integers(0, 3))) for i in chosen))

    given = [pairs() for _ in range(20)]
    asking = {7: tuple(pair for pair in pairs() if pair[0] != "7"), 41: (("8", 2), ("9", 0))}
    batches = [*images(asking), texts(given)]
    records = made.everything(job([*batches[::-1], batches[0]]))
    unit = [made_unit(part.embeddings) for part in batches]
    pictures = np.concatenate(unit[:2])
    for kind, rows, queries in (
        (Kind.TEXT, unit[2], dict(enumerate(given))),
        (Kind.IMAGE, pictures, asking),
    ):
        table = oracle.scores(rows, pictures)
        for query, judged in queries.items():
            candidates = np.arange(IMAGES)
            if kind is Kind.IMAGE:
                candidates = candidates[candidates != query]
            order = candidates[np.lexsort((candidates, -table[query][candidates]))]
            expected = [1 + int(np.flatnonzero(order == int(id_))[0]) for id_, _ in judged]
            (record,) = [r for r in records[kind] if r["index"] == query]
            assert record["ranks"] == expected
            assert record["judged"] == [id_ for id_, _ in judged]
            relevant = [r for r, (_, g) in zip(expected, judged, strict=True) if g > 0]
            assert record["rank"] == min(relevant, default=0)
    metrics = records["result"]["metrics"]
    best = [r["rank"] for r in records[Kind.TEXT] if r["rank"]]
    assert metrics["text_to_image_rr"] == pytest.approx(np.mean(1 / np.array(best)))
    assert "image_to_image_ndcg@10" in metrics
    assert "image_to_text_rr" not in metrics
    assert set(records["result"]["intervals"]) == set(metrics)


def made_unit(rows):
    wide = rows.astype(np.float64)
    return (wide / np.linalg.norm(wide, axis=1, keepdims=True)).astype(np.float32)


def test_judgements_of_images_that_are_not_there_are_left_out_and_counted(job):
    given = [
        (("1", 1), ("bad", 2), ("gone", 0)),  # one of its relevant images is there
        (("bad", 1), ("2", 0)),  # refused
        (("gone", 3),),  # never came
        (("3", 0),),  # nothing relevant: no measure counts it
    ]
    evaluator = job([*images({}), texts(given)])
    result = evaluator.result("job", made.OWNER)
    assert result["data"]["judgements"] == 2
    assert result["data"]["judgements_missing"] == 2
    assert result["documents"]["refused_by_reason"] == {
        Reason.IMAGE_DAMAGED: 1,
        Reason.IMAGE_MISSING: 1,
        Reason.IMAGE_REFUSED: 1,
    }
    rank = made.everything(evaluator)[Kind.TEXT][0]["rank"]
    assert result["metrics"]["text_to_image_ap"] == pytest.approx(1 / rank)
    assert f"text_to_image_{NegativesBeaten()}" not in result["metrics"]


def test_other_judgements_are_other_data(job, url):
    digests = set()
    for grade in (1, 2):
        evaluator = job([*images({}), texts([(("1", grade),)])])
        digests.add(evaluator.result("job", made.OWNER)["data"]["data_sha256"])
        evaluator.delete("job", made.OWNER)
    assert len(digests) == 2


def test_a_judged_job_without_queries_has_no_score(job):
    result = job(images({})).result("job", made.OWNER)
    assert result["metrics"] == {}
    assert result["documents"]["counted"] == IMAGES


def test_judgements_and_the_kind_of_job_must_agree(job, url):
    plain = made.batch(Kind.TEXT, [Item("t", 0, image_id="1")], 3)
    outcome = job(images({})).add("job", made.OWNER, plain)
    assert [refusal.reason for refusal in outcome.refused] == [Reason.JUDGEMENT_INVALID]
    other = made.retrieval(url)
    other.open(made.spec(Task.RETRIEVAL, "other"), made.OWNER, made.MODEL, ())
    outcome = other.add("other", made.OWNER, texts([(("1", 1),)]))
    assert [refusal.reason for refusal in outcome.refused] == [Reason.JUDGEMENT_INVALID]


def test_judgements_survive_the_wire():
    pairs = (("a", 2), ("b", -1))
    text = read_item(query_document("q", 3, "x", pairs), Kind.TEXT, labelled=False, limits=Limits())
    image = image_document("i", 0, b"x", None, pairs)
    assert text.judgements == pairs
    found = read_item(image, Kind.IMAGE, labelled=False, limits=Limits())
    assert found.judgements == pairs


@pytest.mark.parametrize(
    "judgements",
    [{}, {"a": 0.5}, {"a": "high"}, {"a": True}, {"a": 2**40}, {"": 1}, {"x" * 600: 1}, "a", ["a"]],
)
def test_judgements_that_are_none_are_refused(judgements):
    document = JobDocument("q", b"x", {"index": 0, "judgements": judgements})
    with pytest.raises(Refused) as refused:
        read_item(document, Kind.TEXT, labelled=False, limits=Limits())
    assert refused.value.reason is Reason.JUDGEMENT_INVALID
