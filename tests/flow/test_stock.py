"""The public clip_client against stock clip-server and against our Flow, on one file of weights.

ViT-B-32 with random weights in the format of the published file.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from clip_client import Client
from docarray import Document, DocumentArray

from clipbench import registry
from clipbench.client import Endpoint, evaluate
from clipbench.datasets import open_dataset
from clipbench.networks.architectures import config_of_architecture
from tests.flow.flow_server import FlowServer
from tests.flow.pictures import UNUSABLE, encoded, jpeg, picture, png
from tests.flow.stock_server import stock_server
from tests.networks.files import clip_shapes, state_of
from tests.networks.stock import cosines

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

NAME = "ViT-B-32::laion2b_e16"
TEXTS = ["a cat", "a photo of two dogs, running!", "“quotes” & café", "word " * 100, "x", "😀 face"]


@pytest.fixture(scope="module")
def addresses(tmp_path_factory):
    """(stock, ours)."""
    folder = tmp_path_factory.mktemp("stock")
    info = registry.find(NAME)
    path = folder / info.folder / info.files[0].filenames[0]
    path.parent.mkdir(parents=True)
    shapes = clip_shapes(config_of_architecture(info.architecture))
    torch.save(state_of(shapes), path)
    settings = {"CLIPBENCH_WEIGHTS": str(folder), "CLIPBENCH_MODEL": NAME}
    with stock_server(NAME, path) as stock, FlowServer(folder / "state", settings) as ours:
        yield stock, ours.address


@pytest.fixture(scope="module")
def clients(addresses):
    """Clients of (stock, ours)."""
    return tuple(map(Client, addresses))


def pictures():
    return [
        jpeg(1),
        png(2),
        encoded(picture(3, 300, 500), "JPEG"),
        encoded(picture(4).convert("L")),
        encoded(picture(5).convert("CMYK"), "JPEG"),
        encoded(picture(6, 500, 20)),
    ]


def assert_same(ours, stock):
    assert ours.shape == stock.shape
    assert ours.dtype == stock.dtype
    assert cosines(ours, stock).min() >= 0.99999


def test_texts_have_the_same_embeddings(clients):
    stock, ours = (client.encode(TEXTS) for client in clients)
    assert_same(ours, stock)


def test_images_have_the_same_embeddings(clients):
    stock, ours = (
        client.encode(DocumentArray([Document(blob=data) for data in pictures()]))
        for client in clients
    )
    assert_same(ours.embeddings, stock.embeddings)


def test_tensors_have_the_same_embeddings(clients):
    tensors = [np.asarray(picture(seed)) for seed in (1, 2)]
    stock, ours = (
        client.encode(DocumentArray([Document(tensor=tensor) for tensor in tensors]))
        for client in clients
    )
    assert_same(ours.embeddings, stock.embeddings)


def test_a_mixed_batch_has_the_same_embeddings_in_the_same_order(clients):
    def mixed():
        documents = [Document(text=text) for text in TEXTS[:3]]
        return DocumentArray(documents + [Document(blob=data) for data in pictures()[:3]])[::-1]

    stock, ours = (client.encode(mixed(), batch_size=4) for client in clients)
    assert_same(ours.embeddings, stock.embeddings)
    assert ours.texts == stock.texts


def queries():
    texts = [Document(text=text) for text in TEXTS]
    return DocumentArray(
        [
            Document(blob=jpeg(1), matches=texts),
            Document(text="a cat", matches=[Document(blob=data) for data in pictures()]),
        ]
    )


def test_rank_gives_the_same_order_and_scores(clients):
    stock, ours = (client.rank(queries()) for client in clients)
    for theirs, mine in zip(stock, ours, strict=True):
        assert [match.content for match in mine.matches] == [m.content for m in theirs.matches]
        for score in ("clip_score", "clip_score_cosine"):
            np.testing.assert_allclose(
                [match.scores[score].value for match in mine.matches],
                [match.scores[score].value for match in theirs.matches],
                atol=1e-5,
            )
            assert {match.scores[score].op_name for match in mine.matches} == {
                match.scores[score].op_name for match in theirs.matches
            }


def test_access_paths_reach_the_same_documents(clients):
    def nested():
        return DocumentArray(
            [Document(text="root", chunks=[Document(text="chunk")], matches=[Document(text="m")])]
        )

    found = []
    for client in clients:
        answers = DocumentArray()
        client.encode(
            nested(),
            parameters={"access_paths": "@c,m"},
            on_done=lambda response, into=answers: into.extend(response.docs),
        )
        every = answers["@r,c,m"]
        found.append([(d.text, d.embedding is not None, d.mime_type) for d in every])
    assert found[0] == found[1]


def test_the_fields_that_come_back_are_the_same(clients):
    found = []
    for client in clients:
        answers = DocumentArray()
        documents = DocumentArray([Document(text="a cat"), Document(blob=png(1))])
        client.encode(documents, on_done=lambda response, into=answers: into.extend(response.docs))
        found.append([sorted(document.non_empty_fields) for document in answers])
    assert found[0] == found[1]


def test_stock_clip_server_is_scored_as_an_endpoint(addresses, tmp_path):
    """Six pictures of two captions each, and one that is half a picture."""
    stock, ours = addresses
    for number in range(6):
        (tmp_path / f"{number}.png").write_bytes(png(number))
        (tmp_path / f"{number}.txt").write_text(f"picture {number}\nthe {number}th of them\n")
    (tmp_path / "6.jpg").write_bytes(UNUSABLE["truncated"][0]())
    (tmp_path / "6.txt").write_text("half a picture\n")
    source = Endpoint(stock, "clip-as-service")
    found = evaluate("", open_dataset(tmp_path), source=source, server=ours)
    assert found.model.name == f"clip-server @ {stock}"
    assert found.model.embed_dim == 512
    assert found.documents.counted == 18
    assert found.documents.refused_by_reason == {"embedding_missing": 1, "image_refused": 1}
    assert found.throughput.images == 6
