"""Jobs with thresholds and groups: results, records, repeats, and what arrives in any order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from clipbench.contract.batches import EncodedBatch
from clipbench.contract.documents import Item, Refused, image_document, read_item
from clipbench.contract.endpoints import Kind, Task
from clipbench.contract.limits import Limits
from clipbench.contract.parameters import JobSpec
from clipbench.errors import InvalidRequest
from clipbench.jobs.store import JobStore
from clipbench.metrics import normalise
from clipbench.results import Thresholds
from clipbench.results.codec import decode
from tests.distributed import evaluations as made

SCALED = {**made.MODEL, "logit_scale": 12.0, "logit_bias": -3.0}
IMAGES = 200


def images(several=False):
    regions = ("Africa", "Asia", "Europe")
    items = [
        Item(
            *(f"i{i}", i, (i % 12, (i * 5) % 12) if several else (i % 12,)),
            groups=(("region", regions[i % 3]), ("slide", str(i)))[: 1 + (i > 5)],
        )
        for i in range(IMAGES)
    ]
    items = [replace(item, labels=tuple(sorted(set(item.labels)))) for item in items]
    return made.batch(Kind.IMAGE, items, 5)


def prompts():
    return made.batch(
        Kind.PROMPT, [Item(f"{c}/{t}", c, template_index=t) for c in range(12) for t in (0, 1)], 6
    )


def class_vectors():
    of_class = prompts().embeddings.reshape(12, 2, -1)
    return normalise(np.stack([normalise(two).mean(axis=0) for two in of_class])).astype(float)


def job(url, batches, *, several=False, model=SCALED, thresholds=True):
    evaluator = made.classification(url)
    spec = replace(made.spec(Task.CLASSIFICATION), thresholds=thresholds, multilabel=several)
    evaluator.open(spec, made.OWNER, model, tuple("abcdefghijkl"))
    evaluator.add_prompts("job", made.OWNER, prompts())
    for batch in batches:
        evaluator.add("job", made.OWNER, EncodedBatch.unpack(batch.pack()))
    return evaluator


def test_confidence_is_the_softmax_of_the_models_own_logits(url):
    batch = images()
    evaluator = job(url, [batch, batch])
    result = evaluator.result("job", made.OWNER)
    found = decode(Thresholds, result["thresholds"])
    assert (found.probability, found.scale, found.bias) == ("softmax", 12.0, -3.0)
    logits = normalise(batch.embeddings).astype(float) @ class_vectors().T * 12.0
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    records = evaluator.records("job", made.OWNER, Kind.IMAGE, None, 1000)
    for row, record in enumerate(records):
        before, after = record["confidence"]
        assert before == pytest.approx(shares[row, record["best"][0]], abs=1e-5)
        assert 0 < after <= 1
        assert record["hits"][0] == 1
    assert sum(b.pairs for b in found.before) == sum(b.pairs for b in found.after) == IMAGES
    assert len(found.temperatures) == 2
    assert [of.name for of in found.classes] == list("abcdefghijkl")
    assert {"ece", "ece_scaled", "f1_sigmoid", "f1_softmax"} <= set(result["intervals"])


def test_several_labels_have_sigmoids_with_the_models_bias(url):
    batch = images(several=True)
    result = job(url, [batch], several=True).result("job", made.OWNER)
    found = decode(Thresholds, result["thresholds"])
    assert found.probability == "sigmoid"
    assert sum(b.pairs for b in found.before) == IMAGES * 12
    logits = normalise(batch.embeddings).astype(float) @ class_vectors().T * 12.0 - 3.0
    total = sum(b.pairs * (b.confidence or 0) for b in found.before)
    assert total == pytest.approx((1 / (1 + np.exp(-logits))).sum())
    assert result["metrics"]["ece_scaled"] < result["metrics"]["ece"]
    assert set(result["metrics"]) == {"map", "ece", "ece_scaled", "f1_sigmoid", "f1_softmax"}


def test_a_model_without_a_stated_scale_has_the_usual_one(url):
    result = job(url, [images()], model=made.MODEL).result("job", made.OWNER)
    assert result["thresholds"]["scale"] == 100
    assert not result["thresholds"]["scale_known"]


def test_nothing_is_kept_or_computed_unless_it_is_asked_for(url):
    evaluator = job(url, [images()], thresholds=False)
    result = evaluator.result("job", made.OWNER)
    assert "thresholds" not in result
    rows = evaluator.store.documents(
        evaluator.store.get("job", made.OWNER), Kind.IMAGE, "embedding"
    )
    assert all(row.embedding is None for row in rows)
    with pytest.raises(InvalidRequest, match="of classification"):
        JobSpec.read(Task.RETRIEVAL, made.spec(Task.RETRIEVAL).parameters() | {"thresholds": True})


def test_groups_are_counted_with_the_worst_of_each_column(url):
    evaluator = job(url, [images()], thresholds=False)
    result = evaluator.result("job", made.OWNER)
    records = evaluator.records("job", made.OWNER, Kind.IMAGE, None, 1000)
    by_region = {}
    for record in records:
        region = next(g.partition("=")[2] for g in record["groups"] if g.startswith("region="))
        by_region.setdefault(region, []).append(record["rank"])
    rows = {row["group"]: row for row in result["groups"] if row["column"] == "region"}
    for region, ranks in by_region.items():
        assert rows[region]["images"] == len(ranks)
        assert rows[region]["top1"] == sum(rank == 1 for rank in ranks)
        assert rows[region]["top5"] == sum(rank <= 5 for rank in ranks)
        low, high = rows[region]["interval"]
        assert low <= rows[region]["top1"] / len(ranks) <= high
    worst = min(sum(rank == 1 for rank in ranks) / len(ranks) for ranks in by_region.values())
    assert result["metrics"]["worst_region_acc1"] == worst
    assert "worst_region_acc5" in result["intervals"]
    assert sum(row["images"] for row in result["groups"] if row["column"] == "slide") == 194
    assert "macro_f1" in result["metrics"]


def test_a_column_with_a_group_for_each_image_is_left_out_and_named(url, monkeypatch):
    monkeypatch.setattr("clipbench.jobs.groups.MOST_GROUPS", 100)
    result = job(url, [images()], thresholds=False).result("job", made.OWNER)
    assert result["groups_left_out"] == {"slide": 194}
    assert {row["column"] for row in result["groups"]} == {"region"}


def test_other_groups_are_other_data_and_none_change_nothing(tmp_path):
    def digest(name, batch):
        evaluator = job(f"sqlite:///{tmp_path / name}", [batch], thresholds=False)
        assert isinstance(evaluator.store, JobStore)
        return evaluator.result("job", made.OWNER)["data"]["data_sha256"]

    batch = images()
    bare = replace(batch, items=tuple(replace(item, groups=()) for item in batch.items))
    moved = replace(
        batch,
        items=(replace(batch.items[0], groups=(("region", "Mars"),)), *batch.items[1:]),
    )
    assert len({digest("a", batch), digest("b", bare), digest("c", moved)}) == 3


@pytest.mark.parametrize(
    "groups",
    [
        *("Asia", {"Region!": "Asia"}, {"region": ""}, {"region": 7}, {"region": "a" * 101}),
        *({"region": "a\nb"}, {"region": "\ud800"}, {f"c{i}": "x" for i in range(9)}, [["a"]]),
    ],
)
def test_a_tag_that_is_no_group_is_refused_with_its_reason(groups):
    document = image_document("a", 0, b"x", (1,))
    document = replace(document, tags={**document.tags, "groups": groups})
    with pytest.raises(Refused) as refused:
        read_item(document, Kind.IMAGE, labelled=True, limits=Limits())
    assert refused.value.reason == "group_invalid"
