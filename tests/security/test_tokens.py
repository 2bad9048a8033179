"""Who gets in, and what a role allows: over gRPC and over HTTP alike."""

from __future__ import annotations

import subprocess

import grpc
import pytest
from docarray import Document
from jina.proto import jina_pb2, jina_pb2_grpc

from clipbench.access.tokens import AccessTokens, Caller, Role
from clipbench.client.connection import Connection
from clipbench.contract.documents import image_document
from clipbench.errors import ClipbenchError, InvalidRequest, JobConflict, Unauthorized, Unavailable
from tests.flow.flow_server import FlowServer
from tests.flow.jobs import SmallJob
from tests.flow.pictures import png
from tests.security.conftest import TOKENS

WRONG = [
    "",
    "wrong",
    TOKENS["encode"][:-1],
    TOKENS["encode"] + "x",
    TOKENS["encode"].upper(),
    f"Bearer {'x' * 4000}",
    f"Basic {TOKENS['encode']}",
]


@pytest.mark.parametrize("shown", WRONG)
def test_without_its_token_nobody_gets_in(guarded, shown):
    with guarded.connect(shown) as connection, pytest.raises(Unauthorized, match="token"):
        connection.request("/encode", [Document(text="a")])
    with guarded.http(shown or None) as http:
        answer = http.post("/post", json={"execEndpoint": "/encode", "data": [{"text": "a"}]})
        assert (answer.status_code, "token" in answer.json()["detail"]) == (401, True)


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/status", "/dry_run", "/nothing"])
def test_no_page_of_http_is_open(guarded, path):
    with guarded.http(None) as http:
        assert http.get(path).status_code == 401


def test_no_other_service_of_grpc_is_open_but_health(guarded):
    with guarded.connect("nobody") as connection:
        channel = connection._channel
        with pytest.raises(grpc.RpcError) as refused:
            jina_pb2_grpc.JinaInfoRPCStub(channel)._status(jina_pb2.StatusProto(), timeout=20)
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        with pytest.raises(grpc.RpcError) as refused:
            list(jina_pb2_grpc.JinaRPCStub(channel).Call(iter(()), timeout=20))
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_both_forms_of_the_header_are_accepted(guarded):
    for shown in (TOKENS["encode"], f"Bearer {TOKENS['encode']}"):
        with guarded.connect(shown) as connection:
            assert connection.request("/encode", [Document(text="a")])[0].embedding is not None
    with guarded.http("encode") as http:
        answer = http.post("/post", json={"execEndpoint": "/encode", "data": [{"text": "a"}]})
        assert answer.status_code == 200


@pytest.mark.parametrize(
    ("role", "endpoint"),
    [
        ("encode", "/retrieval/open"),
        ("encode", "/classification/result"),
        ("encode", "/retrieval/delete"),
        ("encode", "/jobs"),
        ("encode", "/profile"),
        ("submit", "/profile"),
    ],
)
def test_a_role_allows_no_more_than_it_says(guarded, as_, role, endpoint):
    with pytest.raises(Unauthorized, match="needs a token with the role"):
        as_(role).request(endpoint, (), {"job": "any"})
    with guarded.http(role) as http:
        answer = http.post("/post", json={"execEndpoint": endpoint, "parameters": {"job": "any"}})
        assert "needs a token with the role" in answer.text


def test_a_job_belongs_to_the_token_that_made_it(as_, job_id):
    mine = SmallJob(as_("submit"), "retrieval", job_id)
    mine.open()
    mine.send("images", [image_document("a", 0, png(1), None)])
    theirs = SmallJob(as_("other"), "retrieval", job_id)
    for steal in (
        theirs.result,
        theirs.delete,
        lambda: theirs.records("image"),
        lambda: theirs.send("images", [image_document("b", 1, png(2), None)]),
        lambda: theirs.result(owner="*", all_owners=True),
    ):
        with pytest.raises(InvalidRequest, match="unknown retrieval job"):
            steal()
    with pytest.raises(JobConflict, match="someone else"):
        theirs.open()
    assert job_id not in str(as_("other").request("/jobs", (), {"all_owners": True}).texts)
    assert job_id in str(as_("submit").request("/jobs").texts)
    assert job_id not in str(as_("admin").request("/jobs").texts)
    assert job_id in str(as_("admin").request("/jobs", (), {"all_owners": True}).texts)
    mine.delete()


def test_plain_text_does_not_reach_a_server_with_tls(guarded):
    plain = guarded.server.address.replace("grpcs", "grpc")
    with (
        Connection(plain, TOKENS["admin"], retry_seconds=1) as connection,
        pytest.raises(Unavailable),
    ):
        connection.request("/models", deadline=5)


def test_a_certificate_that_nobody_trusts_is_not_talked_to(guarded):
    with (
        Connection(guarded.server.address, TOKENS["admin"], retry_seconds=1) as connection,
        pytest.raises(Unavailable),
    ):
        connection.request("/models", deadline=5)


@pytest.mark.slow
def test_the_gateway_does_not_listen_beyond_this_machine_without_tls_and_token(tmp_path):
    server = FlowServer(tmp_path / "state", {"CLIPBENCH_HOST": "0.0.0.0"})
    try:
        with pytest.raises(RuntimeError, match="without TLS and without a token"):
            server.start()
    finally:
        if server.process.poll() is None:
            try:
                server.kill()
            except subprocess.TimeoutExpired:
                pytest.fail("the server does not end")


# the file of tokens


def load(tmp_path, text):
    path = tmp_path / "tokens"
    path.write_text(text)
    return AccessTokens.load(str(path))


def test_a_file_gives_each_token_its_role(tmp_path, monkeypatch):
    monkeypatch.setenv("CLIPBENCH_TOKEN", "from-the-environment")
    text = "# team\n\nencode:aaaaaaaaaaaaaaaa\nADMIN: bbbbbbbbbbbbbbbb\n"
    tokens = load(tmp_path, text)
    roles = {
        shown: tokens.caller(shown).role
        for shown in ("aaaaaaaaaaaaaaaa", "Bearer bbbbbbbbbbbbbbbb", "from-the-environment")
    }
    assert list(roles.values()) == [Role.ENCODE, Role.ADMIN, Role.ADMIN]
    assert "aaaaaaaaaaaaaaaa" not in repr(tokens.caller("aaaaaaaaaaaaaaaa"))


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "root:aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa", "encode:short"]
)
def test_a_file_that_is_wrong_stops_the_server_and_is_not_an_open_door(tmp_path, text):
    with pytest.raises(InvalidRequest, match="token"):
        load(tmp_path, text)
    with pytest.raises(InvalidRequest, match="token file"):
        AccessTokens.load(str(tmp_path / "missing"))


def test_every_token_is_compared_and_none_by_its_first_difference(monkeypatch):
    from clipbench.access import tokens as module

    compared = []

    def compare(one, other):
        compared.append(one)
        return one == other

    monkeypatch.setattr(module.hmac, "compare_digest", compare)
    tokens = AccessTokens({f"{i}" * 16: Role.ENCODE for i in range(5)})
    assert isinstance(tokens.caller("0" * 16), Caller)
    assert len(compared) == 5
    with pytest.raises(ClipbenchError):
        tokens.caller("9" * 16)
    assert len(compared) == 10
