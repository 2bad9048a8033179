"""What users of the public clip_client expect of what goes in and what comes back."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from clip_client import Client
from docarray import Document, DocumentArray

from tests.flow.pictures import jpeg, png

ENCODING = ("encode", "rank", "index", "search")


@pytest.fixture(scope="module")
def client(flow):
    return Client(flow.address)


def called(client, method, content, **options):
    """The answer of a method of the client, awaited where it has to be."""
    answer = getattr(client, method)(content, **options)
    return asyncio.run(answer) if method.startswith("a") else answer


def ranked(**query):
    return Document(**query, matches=[Document(text="a cat"), Document(text="a dog")])


@pytest.mark.parametrize("make", [list, tuple, iter])
def test_texts_may_come_in_any_iterable(client, make):
    answer = client.encode(make(["a cat", "a dog", "a cow"]))
    embeddings = answer.embeddings if isinstance(answer, DocumentArray) else answer
    assert embeddings.shape[0] == 3


def test_more_texts_than_fit_in_the_requests_under_way_come_back(client):
    with pytest.warns(UserWarning, match="ensure all the inputs are valid"):
        assert client.encode(["hello"] * 600).shape[0] == 600


@pytest.mark.parametrize("method", ["encode", "aencode"])
@pytest.mark.parametrize("batch_size", [1, 8])
def test_the_documents_that_were_sent_are_those_that_come_back(client, method, batch_size):
    sent = [Document(id=str(i), text=f"text {i}") for i in range(10)]
    sent += [Document(id=str(10 + i), blob=png(i)) for i in range(3)]
    contents = [document.content for document in sent]
    answer = called(client, method, sent, batch_size=batch_size)
    assert isinstance(answer, DocumentArray)
    assert all(mine is theirs for mine, theirs in zip(sent, answer, strict=True))
    assert [document.content for document in answer] == contents
    assert all(document.tensor is None for document in answer)
    assert np.isfinite(answer.embeddings).all()


@pytest.mark.parametrize("method", ["rank", "arank"])
def test_the_queries_that_were_sent_come_back_in_their_order(client, method):
    sent = [ranked(id=str(i), text="an animal") for i in range(10)] + [ranked(id="p", blob=png(1))]
    answer = called(client, method, sent, batch_size=1)
    assert all(mine is theirs for mine, theirs in zip(sent, answer, strict=True))
    for query in answer:
        shares = [match.scores["clip_score"].value for match in query.matches]
        assert sum(shares) == pytest.approx(1, abs=1e-5)
        assert shares == sorted(shares, reverse=True)
        assert all(match.tensor is None and match.embedding is None for match in query.matches)


def test_files_of_a_folder_may_be_sent(client, tmp_path):
    (tmp_path / "a.png").write_bytes(png(1))
    (tmp_path / "b.jpg").write_bytes(jpeg(2))
    answer = client.encode(DocumentArray.from_files(f"{tmp_path}/*.*"))
    assert answer.embeddings.shape[0] == 2


@pytest.mark.parametrize("method", [*ENCODING, *(f"a{name}" for name in ENCODING)])
def test_nothing_sent_is_nothing_answered(client, method):
    for empty in ([], DocumentArray()):
        answer = called(client, method, empty)
        assert len(answer) == 0


@pytest.mark.parametrize("method", ["encode", "rank", "aencode", "arank"])
def test_a_bare_text_is_no_list_of_texts(client, method):
    with pytest.raises(TypeError):
        called(client, method, "hello")


@pytest.mark.parametrize("method", ["encode", "rank", "aencode", "arank"])
def test_callbacks_are_called_and_nothing_is_returned(client, method):
    for query, done in ((ranked(text="hello"), 1), (ranked(blob=b"no image"), 0)):
        calls = {"on_done": [], "on_error": [], "on_always": []}
        told = {name: heard.append for name, heard in calls.items()}
        assert called(client, method, DocumentArray([query]), **told) is None
        heard = [len(calls[name]) for name in ("on_done", "on_error", "on_always")]
        assert heard == [done, 1 - done, 1]


@pytest.mark.parametrize("method", ["index", "search", "aindex", "asearch"])
def test_no_index_is_an_error_that_says_so(client, method):
    failed = []
    called(client, method, [Document(text="a")], on_error=failed.append, on_done=print)
    assert "unknown endpoint" in failed[0].header.status.description


def test_a_websocket_is_closed(flow):
    with pytest.raises(ConnectionError):
        Client(flow.http.replace("http", "ws")).profile()
