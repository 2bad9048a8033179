"""Jobs of embeddings that the client brings."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from docarray import Document, DocumentArray

from clipbench.contract.batches import BatchOutcome
from clipbench.contract.documents import JobDocument
from clipbench.contract.endpoints import Kind, Task
from clipbench.contract.origin import Origin, OriginKind
from clipbench.contract.packing import pack
from clipbench.contract.parameters import JobSpec, ModelOptions
from clipbench.errors import InvalidRequest, JobConflict
from clipbench.jobs.classification import ClassificationEvaluator
from clipbench.jobs.handler import Handler
from clipbench.jobs.retrieval import RetrievalEvaluator
from clipbench.jobs.store import JobStore
from clipbench.profiling import Metrics

FILE = Origin(OriginKind.FILE, "features.npz", sha256="ab" * 32)
ENDPOINT = Origin(OriginKind.ENDPOINT, "http://host:7997/v1", api="infinity")
DIM = 8


@pytest.fixture
def handlers(tmp_path):
    url = f"sqlite:///{tmp_path / 'state.sqlite'}"
    kinds = {Task.RETRIEVAL: RetrievalEvaluator, Task.CLASSIFICATION: ClassificationEvaluator}
    return {task: Handler(kind(JobStore(url, task)), Metrics("x")) for task, kind in kinds.items()}


def spec(task, origin=ENDPOINT, **changes):
    sizes = {"classes": 2, "templates": 1} if task is Task.CLASSIFICATION else {}
    return JobSpec(
        **{"job": "j", "task": task, "options": ModelOptions("m"), "dataset": "d", "split": "s"}
        | sizes
        | {"origin": origin, "dimension": DIM}
        | changes
    )


def opened(handlers, task, **changes):
    handler, declared = handlers[task], spec(task, **changes)
    names = DocumentArray.empty(declared.classes)
    return handler, answer(handler.open_given(names, declared.parameters()))


def answer(documents):
    return json.loads(documents[0].text)


def vectors(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, DIM)).astype(np.float32)


def documents(rows, name, **tags):
    return [
        JobDocument(
            f"{name}{i}",
            row.tobytes(),
            {
                "index": i,
                "sha256": hashlib.sha256(f"{name}{i}".encode()).hexdigest(),
                "dtype": str(row.dtype),
                **{key: values[i] for key, values in tags.items()},
            },
        )
        for i, row in enumerate(rows)
    ]


def send(handler, kind, sent, job="j"):
    return BatchOutcome.unpack(handler.given(DocumentArray([pack(sent)]), {"job": job}, kind))


def test_given_embeddings_are_scored_and_the_result_says_whose_they_are(handlers):
    handler, state = opened(handlers, Task.RETRIEVAL)
    rows = vectors(20)
    assert state["state"] == "open"
    assert state["model"] == "m @ http://host:7997/v1"
    assert send(handler, Kind.IMAGE, documents(rows, "i")).counted == 20
    pairs = [f"i{i}" for i in range(20)]
    assert send(handler, Kind.TEXT, documents(rows, "t", image_id=pairs)).counted == 20
    result = answer(handler.result({"job": "j"}))
    assert result["metrics"]["mean_recall@1"] == 1
    assert result["model"]["name"] == "m @ http://host:7997/v1"
    assert result["model"]["settings"]["precision"] is None
    assert result["model"]["origin"]["api"] == "infinity"
    assert len(result["data"]["embeddings_sha256"]) == 64


def test_prompts_and_images_of_a_classification(handlers):
    handler, _ = opened(handlers, Task.CLASSIFICATION, origin=FILE)
    rows = vectors(2)
    prompts = [
        JobDocument(f"{i}/0", row.tobytes(), {"class_index": i, "template_index": 0, **tags.tags})
        for i, (row, tags) in enumerate(zip(rows, documents(rows, "p"), strict=True))
    ]
    assert send(handler, Kind.PROMPT, prompts).counted == 2
    images = documents(rows[[0, 1, 1]].astype(np.float16), "i", label=[0, 1, 0])
    assert send(handler, Kind.IMAGE, images).counted == 3
    result = answer(handler.result({"job": "j"}))
    assert result["counts"]["acc1"] == [2, 3]
    assert result["model"]["name"] == "m (file)"
    assert "embeddings_sha256" in result["data"]


def broken():
    """Documents that are refused, each with its reason."""
    (good,) = documents(vectors(1), "g", image_id=["x"])

    def changed(content=good.content, **tags):
        return JobDocument("b", content, {**good.tags, "index": 1, **tags})

    yield changed(b""), "embedding_missing"
    yield changed(b"", detail="the endpoint answered 400"), "embedding_missing"
    yield changed(good.content[:-4]), "embedding_invalid"
    yield changed(good.content[:-1]), "embedding_invalid"
    yield changed(good.content * 2), "embedding_invalid"
    yield changed(b"", detail="a zero \0 in it"), "embedding_missing"
    yield changed(dtype="float64"), "embedding_invalid"
    yield changed(dtype="object"), "embedding_invalid"
    yield changed(dtype=["float32"]), "embedding_invalid"
    yield changed(bytes(4 * DIM)), "embedding_invalid"  # all zero
    yield changed(np.full(DIM, np.nan, np.float32).tobytes()), "embedding_invalid"
    yield changed(np.full(DIM, 1e300).tobytes(), dtype="float64"), "embedding_invalid"
    yield changed(sha256=None), "digest_invalid"
    yield changed(sha256="AB" * 32), "digest_invalid"
    yield changed(index=-1), "index_invalid"


@pytest.mark.parametrize(("document", "reason"), broken())
def test_a_given_embedding_that_is_none_is_refused_and_the_others_count(handlers, document, reason):
    handler, _ = opened(handlers, Task.RETRIEVAL)
    outcome = send(handler, Kind.IMAGE, [*documents(vectors(1), "g"), document])
    assert outcome.counted == 1
    assert [(r.id, str(r.reason)) for r in outcome.refused] == [("b", reason)]
    detail = document.tags.get("detail", "")
    assert outcome.refused[0].detail.startswith(detail[:5])


def test_a_prompt_without_an_embedding_is_an_error(handlers):
    handler, _ = opened(handlers, Task.CLASSIFICATION)
    sent = [JobDocument("0/0", b"", {"class_index": 0, "template_index": 0, "detail": "why"})]
    with pytest.raises(InvalidRequest, match="why"):
        send(handler, Kind.PROMPT, sent)


def test_another_file_is_another_job(handlers):
    opened(handlers, Task.RETRIEVAL, origin=FILE)
    other = Origin(OriginKind.FILE, FILE.place, sha256="cd" * 32)
    with pytest.raises(JobConflict, match="origin"):
        opened(handlers, Task.RETRIEVAL, origin=other)
    with pytest.raises(JobConflict, match="dimension"):
        opened(handlers, Task.RETRIEVAL, origin=FILE, dimension=DIM + 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": None, "dimension": 8},
        {"dimension": 0},
        {"dimension": 10**9},
        {"origin": "file"},
        {"origin": {"kind": "file", "place": "a.npz"}},
        {"origin": {"kind": "endpoint", "place": ""}},
        {"origin": {"kind": "endpoint", "place": "x", "key": "secret"}},
        {"origin": {"kind": "magic", "place": "x"}},
        {"origin": {"kind": "endpoint", "place": "a\nb"}},
    ],
)
def test_an_origin_that_is_none_opens_no_job(handlers, changes):
    declared = spec(Task.RETRIEVAL).parameters() | changes
    with pytest.raises(InvalidRequest):
        handlers[Task.RETRIEVAL].open_given(DocumentArray(), declared)


def test_embeddings_do_not_enter_a_job_of_our_encoder(handlers):
    handler = handlers[Task.RETRIEVAL]
    ours = spec(Task.RETRIEVAL, origin=None, dimension=0)
    handler.evaluator.open(ours, "anonymous", {"name": "m", "digest": "d"}, ())
    with pytest.raises(InvalidRequest, match="model of this server"):
        send(handler, Kind.IMAGE, documents(vectors(1), "i"))
    model = DocumentArray([Document(id="model", text='{"digest": "d"}')])
    with pytest.raises(InvalidRequest, match="embeddings/open"):
        handler.open(model, spec(Task.RETRIEVAL).parameters())
