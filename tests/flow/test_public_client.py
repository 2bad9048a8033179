"""The public clip_client, unchanged, against our Flow over gRPC."""

from __future__ import annotations

import asyncio
import base64

import numpy as np
import pytest
from clip_client import Client
from docarray import Document, DocumentArray

from tests.conftest import MODEL
from tests.flow.pictures import jpeg, png


@pytest.fixture(scope="module")
def client(flow):
    return Client(flow.address)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A PNG and a JPEG on disk."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "a.png").write_bytes(png(1))
    (folder / "b.jpg").write_bytes(jpeg(2))
    return [str(folder / "a.png"), str(folder / "b.jpg")]


def data_uri(data, kind="png"):
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def close(first, second):
    np.testing.assert_allclose(first, second, atol=2e-5)


def test_texts_become_an_array(client):
    embeddings = client.encode(["a cat", "a dog", "two birds on a wire"])
    assert embeddings.shape[0] == 3
    assert embeddings.dtype == np.float32
    assert np.isfinite(embeddings).all()
    assert not np.allclose(embeddings[0], embeddings[1])


def test_paths_data_uris_and_texts_may_be_mixed(client, files):
    mixed = client.encode([files[0], "a cat", files[1], data_uri(png(1))])
    assert mixed.shape[0] == 4
    close(mixed[0], mixed[3])
    close(mixed[1], client.encode(["a cat"])[0])


def test_documents_may_hold_text_blob_tensor_or_uri(client, files):
    documents = DocumentArray(
        [
            Document(text="a cat"),
            Document(blob=png(1)),
            Document(uri=files[0]).load_uri_to_image_tensor(),
            Document(uri=files[0]),
            Document(uri=data_uri(png(1))),
        ]
    )
    for document in documents[2:3]:
        document.uri = ""
    answer = client.encode(documents)
    assert [document.id for document in answer] == [document.id for document in documents]
    for document in answer[2:]:
        close(document.embedding, answer[1].embedding)


def test_image_content_is_dropped_unless_asked_for(flow):
    from tests.flow.raw import raw_request

    documents = [Document(blob=png(1)), Document(text="a cat")]
    kept = raw_request(flow.address, "/encode", documents).docs
    assert kept[0].blob == png(1)
    dropped = raw_request(flow.address, "/encode", documents, {"drop_image_content": True}).docs
    assert not dropped[0].blob
    assert dropped[1].text == "a cat"
    assert dropped[0].embedding is not None


@pytest.mark.parametrize("batch_size", [1, 3, 50])
def test_a_generator_of_any_batch_size_keeps_its_order(client, batch_size):
    texts = [f"picture number {i}" for i in range(20)]
    documents = (Document(text=text) for text in texts)
    answer = client.encode(documents, batch_size=batch_size)
    assert answer.texts == texts
    close(answer.embeddings, client.encode(texts, batch_size=8))


def test_an_empty_input_is_answered_without_the_server(client):
    assert client.encode([]) == []
    assert len(client.encode(DocumentArray())) == 0


def test_a_model_may_be_named(client):
    default = client.encode(["a cat"])
    nano = client.encode(["a cat"], parameters={"model_name": MODEL})
    assert nano.shape[1] != default.shape[1]


def test_a_precision_and_a_runtime_may_be_named(client):
    def encoded(**how):
        return client.encode(["a cat"], parameters={"model_name": MODEL, **how})

    plain = encoded()
    close(encoded(runtime="onnx"), plain)
    # whether int8 is faster on this machine is not what is asked here
    eight = encoded(runtime="onnx", precision="int8", forced=True)
    np.testing.assert_allclose(eight, plain, atol=0.1)
    assert not np.array_equal(eight, plain)
    with pytest.raises(Exception, match="float32, float16, bfloat16, int8"):
        encoded(precision="int4")


def test_an_unknown_model_is_an_error_that_names_near_ones(client):
    with pytest.raises(Exception, match="ViT-nano-16-64::embedded"):
        client.encode(["a cat"], parameters={"model_name": "ViT-nano-16-46::embedded"})
    assert client.encode(["a cat"]).shape[0] == 1


def test_encoding_asynchronously_gives_the_same(client):
    async def both():
        return await asyncio.gather(
            client.aencode(["a cat", "a dog"]),
            client.aencode([Document(text="a cat"), Document(blob=png(1))]),
        )

    texts, documents = asyncio.run(both())
    close(texts, client.encode(["a cat", "a dog"]))
    close(documents[0].embedding, texts[0])


def nested():
    return DocumentArray(
        [
            Document(
                text="root",
                chunks=[Document(text="chunk"), Document(blob=png(1))],
                matches=[Document(text="match")],
            )
        ]
    )


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ("@r", {"root"}),
        ("@c", {"chunk", "blob"}),
        ("@m", {"match"}),
        ("@r,m", {"root", "match"}),
        ("@r,c,m", {"root", "chunk", "blob", "match"}),
    ],
)
@pytest.mark.parametrize("name", ["access_paths", "traversal_paths"])
def test_access_paths_choose_what_is_encoded(client, paths, expected, name):
    answers = []
    client.encode(
        nested(),
        parameters={name: paths, "drop_image_content": False},
        on_done=lambda response: answers.extend(response.docs),
    )
    found = {
        document.text or "blob"
        for document in DocumentArray(answers)["@r,c,m"]
        if document.embedding is not None
    }
    assert found == expected


def test_access_paths_that_are_none_are_an_error(client):
    with pytest.raises(Exception, match="access_paths"):
        client.encode(["a cat"], parameters={"access_paths": "@!"})


def queries():
    return DocumentArray(
        [
            Document(blob=png(1), matches=[Document(text=text) for text in ("cat", "dog", "cow")]),
            Document(text="a dog", matches=[Document(blob=png(i)) for i in (1, 2)]),
        ]
    )


def assert_ranked(answer):
    for query in answer:
        shares = [match.scores["clip_score"].value for match in query.matches]
        cosines = [match.scores["clip_score_cosine"].value for match in query.matches]
        assert shares == sorted(shares, reverse=True)
        assert cosines == sorted(cosines, reverse=True)
        assert sum(shares) == pytest.approx(1, abs=1e-5)
        assert all(-1 <= cosine <= 1 for cosine in cosines)


def test_rank_sorts_the_matches(client):
    assert_ranked(client.rank(queries()))


def test_ranking_asynchronously_gives_the_same(client):
    answer = asyncio.run(client.arank(queries()))
    assert_ranked(answer)
    expected = client.rank(queries())
    assert [[m.content for m in q.matches] for q in answer] == [
        [m.content for m in q.matches] for q in expected
    ]


def test_a_match_that_cannot_be_encoded_comes_last(client):
    query = Document(
        text="a dog",
        matches=[Document(blob=b"no image"), Document(blob=png(1)), Document(blob=png(2))],
    )
    (answer,) = client.rank([query], parameters={"on_refused": "tag"})
    assert answer.matches[2].tags["refused"]["reason"] == "not_an_image"
    assert "clip_score" not in answer.matches[2].scores


def test_profile_measures_the_way(client):
    for content in ("", "a cat"):
        report = client.profile(content)
        assert report["Roundtrip"] > 0
        assert report["CLIP model"] >= 0


def test_index_and_search_are_refused(client):
    with pytest.raises(Exception, match="unknown endpoint"):
        client.index([Document(text="a cat")])
    with pytest.raises(Exception, match="unknown endpoint"):
        client.search([Document(text="a cat")])


def test_a_message_over_the_limit_fails_and_the_flow_answers(client):
    huge = [Document(blob=bytes(1_500_000)) for _ in range(8)]
    with pytest.raises(Exception, match=r"(?i)larger than max|resource.exhausted"):
        client.encode(huge, batch_size=8)
    assert client.encode(["a cat"]).shape[0] == 1
