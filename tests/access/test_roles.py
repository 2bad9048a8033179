"""Who may do what through a Flow that asks for tokens, over gRPC and over HTTP."""

from __future__ import annotations

import json

import grpc
import httpx
import pytest
from clip_client import Client
from docarray import Document

from clipbench.client.connection import Connection
from clipbench.config import Settings
from clipbench.contract.documents import image_document
from clipbench.errors import InvalidRequest, JobConflict, Unauthorized
from clipbench.preflight import check_gateway
from tests.conftest import MODEL
from tests.flow.flow_server import FlowServer
from tests.flow.jobs import SmallJob
from tests.flow.pictures import png
from tests.flow.raw import raw_request
from tests.security.certificate import write

TOKENS = {
    "encode": "encode-token-0123456789",
    "submit": "submit-token-0123456789",
    "other": "another-token-0123456789",
    "admin": "admin-token-0123456789",
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A Flow with a token file."""
    folder = tmp_path_factory.mktemp("guarded")
    file = folder / "tokens"
    lines = [f"{'submit' if role == 'other' else role}:{t}" for role, t in TOKENS.items()]
    file.write_text("# role:token\n\n" + "\n".join(lines) + "\n")
    with FlowServer(folder / "state", {"CLIPBENCH_TOKEN_FILE": str(file)}) as server:
        yield server


@pytest.fixture
def as_(guarded):
    """A connection with the token of a role."""
    opened = []

    def connect(role):
        opened.append(Connection(guarded.address, TOKENS[role], retry_seconds=30))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


def shown(role):
    return {"Authorization": TOKENS[role]}


def post(guarded, endpoint, headers):
    body = {"execEndpoint": endpoint, "data": [{"text": "a cat"}], "parameters": {"job": "x"}}
    return httpx.post(f"{guarded.http}/post", json=body, headers=headers, timeout=120)


@pytest.mark.parametrize("token", [None, "wrong-token-0123456789", "", "encode-token-012345678"])
def test_grpc_without_a_right_token_is_unauthenticated(guarded, token):
    with pytest.raises(grpc.RpcError) as caught:
        raw_request(guarded.address, "/encode", [Document(text="a cat")], token=token)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("token", [None, "wrong-token-0123456789", "", "encode-token-012345678"])
def test_http_without_a_right_token_is_401(guarded, token):
    headers = {} if token is None else {"Authorization": token}
    assert post(guarded, "/encode", headers).status_code == 401
    for path in ("/docs", "/openapi.json", "/status", "/dry_run"):
        assert httpx.get(guarded.http + path, headers=headers).status_code == 401


def test_health_is_open_to_all(guarded):
    assert httpx.get(guarded.http).status_code == 200


@pytest.mark.parametrize("role", ["encode", "submit", "admin"])
def test_the_public_client_s_credential_is_the_token(guarded, role):
    client = Client(guarded.address, credential=shown(role))
    assert client.encode(["a cat"]).shape[0] == 1


def test_the_public_client_without_a_credential_fails(guarded, monkeypatch):
    monkeypatch.delenv("CLIP_AUTH_TOKEN", raising=False)
    with pytest.raises(Exception, match=r"(?i)token|unauthenticated"):
        Client(guarded.address).encode(["a cat"])


def test_the_public_client_s_credential_works_over_http(guarded):
    answers = []
    client = Client(guarded.http, credential=shown("encode"))
    client.encode(["a cat"], on_done=lambda response: answers.extend(response.docs))
    assert answers[0].embedding is not None
    with pytest.raises(Exception, match="token"):
        Client(guarded.http, credential={"Authorization": "x" * 20}).encode(["a cat"])


def test_a_bearer_prefix_is_accepted(guarded):
    headers = {"Authorization": f"Bearer {TOKENS['encode']}"}
    assert post(guarded, "/encode", headers).status_code == 200
    answer = raw_request(
        guarded.address, "/encode", [Document(text="a")], token=headers.popitem()[1]
    )
    assert answer.docs[0].embedding is not None


JOB_ENDPOINTS = ("/jobs", "/retrieval/result", "/classification/open", "/retrieval/delete")


@pytest.mark.parametrize("endpoint", [*JOB_ENDPOINTS, "/profile"])
def test_encode_may_not_submit(as_, guarded, endpoint):
    with pytest.raises(Unauthorized, match="role"):
        as_("encode").request(endpoint, (), {"job": "x"})
    assert "role" in post(guarded, endpoint, shown("encode")).text


def test_only_an_admin_sees_the_profile(as_):
    with pytest.raises(Unauthorized, match="admin"):
        as_("submit").request("/profile")
    assert json.loads(as_("admin").request("/profile")[0].text)


def test_a_job_belongs_to_its_token(as_, job_id):
    mine = SmallJob(as_("submit"), "retrieval", job_id)
    owner = mine.open()["owner"]
    assert owner not in TOKENS.values()
    theirs = SmallJob(as_("other"), "retrieval", job_id)
    with pytest.raises(JobConflict, match="someone else"):
        theirs.open()
    for act in (
        lambda: theirs.result(),
        lambda: theirs.result(owner=owner),
        lambda: theirs.result(all_owners=True),
        lambda: theirs.records("image"),
        lambda: theirs.delete(),
        lambda: theirs.send("images", [image_document("a", 0, png(1), None)]),
    ):
        with pytest.raises(InvalidRequest, match="unknown retrieval job") as caught:
            act()
        assert job_id not in str(caught.value).replace(f"job {job_id!r}", "")
    assert mine.open()["images"] == 0


def listed(connection, **parameters):
    return {
        json.loads(document.text)["job"] for document in connection.request("/jobs", (), parameters)
    }


def test_only_an_admin_lists_everybody_s_jobs(as_, job_id):
    SmallJob(as_("submit"), "retrieval", job_id).open()
    assert job_id in listed(as_("submit"))
    assert job_id not in listed(as_("other"), all_owners=True)
    assert job_id not in listed(as_("admin"))
    assert job_id in listed(as_("admin"), all_owners=True)
    as_("admin").request("/retrieval/delete", (), {"job": job_id, "all_owners": True})
    assert job_id not in listed(as_("submit"))


def test_callers_at_the_same_time_are_not_confused(as_):
    """Many requests interleave in the gateway; each has the owner of its own token."""
    from concurrent.futures import ThreadPoolExecutor

    connections = [as_(role) for role in ("submit", "other")]
    owners = [
        SmallJob(connection, "retrieval", f"whose-{i}").open()["owner"]
        for i, connection in enumerate(connections)
    ]
    assert len(set(owners)) == 2

    def found(turn):
        states = connections[turn % 2].request("/jobs")
        return {json.loads(document.text)["owner"] for document in states} == {owners[turn % 2]}

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(found, range(40)))


@pytest.fixture
def opens(tmp_path):
    """Whether the gateway would listen there. Raises InvalidRequest when it refuses."""
    certificate, key = map(str, write(tmp_path))
    tls = {"tls_certificate": certificate, "tls_key": key}
    (tmp_path / "tokens").write_text(f"admin:{TOKENS['admin']}")

    def check(host, *, with_tls=False, with_token=False, insecure=False):
        settings = Settings(
            token_file=str(tmp_path / "tokens") if with_token else "",
            insecure=insecure,
            **(tls if with_tls else {}),
        )
        return bool(check_gateway(settings, host)) is with_token

    return check


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_this_machine_needs_neither_tls_nor_a_token(opens, host):
    assert opens(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.org", ""])
def test_beyond_this_machine_both_are_needed(opens, host):
    for given in ({}, {"with_tls": True}, {"with_token": True}):
        with pytest.raises(InvalidRequest, match="CLIPBENCH_INSECURE"):
            opens(host, **given)
    assert opens(host, with_tls=True, with_token=True)
    assert opens(host, insecure=True)


def test_the_refusal_says_what_is_missing(opens):
    with pytest.raises(InvalidRequest, match="without TLS and without a token"):
        opens("0.0.0.0")
    with pytest.raises(InvalidRequest, match=r"0\.0\.0\.0 without TLS\."):
        opens("0.0.0.0", with_token=True)


@pytest.mark.slow
def test_a_flow_that_would_be_open_to_all_does_not_start(tmp_path):
    server = FlowServer(tmp_path / "state", {"CLIPBENCH_HOST": "0.0.0.0"})
    with pytest.raises(RuntimeError, match="CLIPBENCH_TLS_CERTIFICATE"):
        server.start()


def test_the_role_of_a_model_is_needed_for_its_endpoint(guarded):
    assert post(guarded, f"/encode/{MODEL}", shown("encode")).status_code == 200
    assert post(guarded, f"/encode/{MODEL}", {}).status_code == 401
