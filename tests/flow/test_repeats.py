"""Equal content ties exactly; only near-ties depend on batch sizes and threads. By the Flow."""

from __future__ import annotations

import random
import sqlite3
import uuid
from contextlib import closing
from itertools import islice

import numpy as np
import pytest

from clipbench.client.connection import Connection
from clipbench.contract.documents import image_document, text_document
from clipbench.contract.endpoints import Task
from clipbench.datasets import Image, open_dataset
from tests.flow.flow_server import FlowServer
from tests.flow.jobs import SmallJob
from tests.metrics import oracle

PAIRS, REPEATED_TEXTS, REPEATED_IMAGES, NEAR = 785, 111, 40, 1e-6
SIZES = (5, 64, 300)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pairs():
    """(image bytes, caption) of 785 emoji; 111 captions and 40 images are those of other pairs."""
    found, captions = {}, {}
    for document in open_dataset("emoji").documents():
        if isinstance(document, Image):
            found[document.id] = document.data
        else:
            captions.setdefault(document.text, document.image_id)
    chosen = list(islice(captions.items(), PAIRS))
    made = [[found[image], caption] for caption, image in chosen]
    chance = random.Random(3)
    places = chance.sample(range(PAIRS), 2 * (REPEATED_TEXTS + REPEATED_IMAGES))
    for number, (place, other) in enumerate(zip(places[::2], places[1::2], strict=True)):
        column = 1 if number < REPEATED_TEXTS else 0
        made[place][column] = made[other][column]
    return made


def run(server, pairs, size):
    """(result, ranks of the texts, ranks of the images, job) of one job in requests of `size`."""
    images = [image_document(f"i{k}", k, data, None) for k, (data, _) in enumerate(pairs)]
    texts = [text_document(f"t{k}", k, text, f"i{k}") for k, (_, text) in enumerate(pairs)]
    with Connection(server.address, retry_seconds=60) as connection:
        job = SmallJob(connection, Task.RETRIEVAL, f"repeats-{uuid.uuid4().hex}")
        job.open()
        for verb, documents in (("images", images), ("texts", texts)):
            for start in range(0, len(documents), size):
                assert not job.send(verb, documents[start : start + size]).refused
        result = job.result()
        ranks = [np.array([row["rank"] for row in job.records(k)]) for k in ("text", "image")]
    return result, *ranks, job.job


def vectors(server, job, kind):
    """The stored embeddings of a finished job in order, of equal contents the first one's."""
    query = (
        "SELECT digest, embedding FROM documents WHERE kind = ? AND job ="
        " (SELECT key FROM jobs WHERE id = ?) ORDER BY position, id"
    )
    database = sqlite3.connect(f"file:{server.state / 'retrieval.sqlite'}?mode=ro", uri=True)
    with closing(database):
        rows = database.execute(query, (kind, job)).fetchall()
    first: dict[str, bytes] = {}
    kept = [first.setdefault(digest, embedding) for digest, embedding in rows]
    contents = np.unique([digest for digest, _ in rows], return_inverse=True)[1]
    return np.stack([np.frombuffer(row, "<f4") for row in kept]), contents


def undecided(scores, contents):
    """Which rows of (n, n) scores have other content than the right one within the band."""
    near = np.abs(scores - np.diag(scores)[:, None]) <= NEAR
    return (near & (contents[None, :] != contents[:, None])).any(axis=1)


def test_only_near_ties_of_distinct_contents_depend_on_the_requests_and_threads(
    flow, pairs, tmp_path
):
    runs = [run(flow, pairs, size) for size in SIZES]
    images, image_contents = vectors(flow, runs[0][3], "image")
    texts, text_contents = vectors(flow, runs[0][3], "text")
    with FlowServer(tmp_path / "state", {"CLIPBENCH_THREADS": "1"}) as other:
        runs += [run(other, pairs, size) for size in SIZES]

    scores = oracle.scores(texts, images)
    open_texts = undecided(scores, image_contents)
    open_images = undecided(scores.T, text_contents)
    assert open_texts.mean() < 0.05
    owner = np.arange(PAIRS)
    to_image = oracle.text_to_image(images, texts, owner)
    to_text = oracle.image_to_text(images, texts, owner)
    for _, of_texts, of_images, _ in runs:
        np.testing.assert_array_equal(of_texts[~open_texts], to_image[~open_texts])
        np.testing.assert_array_equal(of_images[~open_images], to_text[~open_images])

    allowed = min(result["near_ties"] for result, *_ in runs)
    for name in runs[0][0]["counts"]:
        hits = [result["counts"][name][0] for result, *_ in runs]
        assert max(hits) - min(hits) <= min(allowed, open_texts.sum() + open_images.sum())
    assert all(result["data"]["duplicate_texts"] == REPEATED_TEXTS for result, *_ in runs)
    assert all(result["data"]["duplicate_images"] >= REPEATED_IMAGES for result, *_ in runs)
