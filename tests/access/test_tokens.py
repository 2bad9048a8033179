"""Tokens, roles and rates by themselves."""

from __future__ import annotations

import pytest

from clipbench.access.rate_limit import RateLimit
from clipbench.access.tokens import ANYBODY, AccessTokens, Role, role_for
from clipbench.contract import endpoints
from clipbench.errors import InvalidRequest, Unauthorized

ENCODE, SUBMIT, ADMIN = "e" * 16, "s" * 16, "a" * 16


@pytest.fixture(autouse=True)
def no_token_in_the_environment(monkeypatch):
    monkeypatch.delenv("CLIPBENCH_TOKEN", raising=False)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tokens"
    path.write_text(f"# a comment\n\nencode:{ENCODE}\nSubmit : {SUBMIT} \nadmin:{ADMIN}\n")
    return str(path)


def test_a_file_gives_each_token_its_role(file):
    tokens = AccessTokens.load(file)
    assert [tokens.caller(t).role for t in (ENCODE, SUBMIT, ADMIN)] == list(Role)


def test_the_environment_s_token_is_an_admin_s(monkeypatch, file):
    monkeypatch.setenv("CLIPBENCH_TOKEN", "x" * 20)
    assert AccessTokens.load(file).caller("x" * 20).role is Role.ADMIN
    assert AccessTokens.load("").caller("Bearer " + "x" * 20).role is Role.ADMIN


def test_without_tokens_anybody_is_an_admin():
    tokens = AccessTokens.load("")
    assert not tokens
    assert tokens.caller(None) is ANYBODY


@pytest.mark.parametrize("shown", [None, "", "e" * 15, "e" * 17, "Bearer", "Bearer ", "é" * 16])
def test_anything_else_is_unauthorized(file, shown):
    with pytest.raises(Unauthorized):
        AccessTokens.load(file).caller(shown)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no token"),
        ("# nothing\n", "holds no token"),
        ("root:" + ADMIN, "line 1"),
        ("\n" + ADMIN, "line 2"),
        ("admin:short", "at least 16"),
        ("admin:with a space in it", "white space"),
    ],
)
def test_a_file_that_is_wrong_is_refused(tmp_path, content, message):
    path = tmp_path / "tokens"
    path.write_text(content)
    with pytest.raises(InvalidRequest, match=message):
        AccessTokens.load(str(path))


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path):
    with pytest.raises(InvalidRequest, match="nothing-here"):
        AccessTokens.load(str(tmp_path / "nothing-here"))


def test_the_owner_does_not_tell_the_token(file):
    caller = AccessTokens.load(file).caller(SUBMIT)
    assert SUBMIT not in caller.owner
    assert caller.owner == AccessTokens.load(file).caller(SUBMIT).owner


def test_every_endpoint_has_a_role():
    roles = {endpoint: role_for(endpoint) for endpoint in endpoints.FIXED}
    assert {e for e, role in roles.items() if role is Role.ADMIN} == {"/profile"}
    assert {e for e, role in roles.items() if role is Role.SUBMIT} == {
        endpoint
        for endpoint in endpoints.FIXED
        if endpoint == "/jobs" or endpoint.startswith(("/classification/", "/retrieval/"))
    }
    assert role_for("/encode/anything") is Role.ENCODE


def test_a_rate_limit_refills_with_time():
    now = [0.0]
    rates = RateLimit(2.0, lambda: now[0])
    assert [rates.allows("a") for _ in range(5)] == [True] * 4 + [False]
    assert rates.allows("b")
    now[0] = 0.5
    assert [rates.allows("a") for _ in range(2)] == [True, False]
    now[0] = 1000.0
    assert [rates.allows("a") for _ in range(5)] == [True] * 4 + [False]


def test_a_rate_of_nothing_limits_nothing():
    assert all(RateLimit(0.0).allows("a") for _ in range(1000))


def test_a_slow_rate_still_allows_one():
    now = [0.0]
    rates = RateLimit(0.1, lambda: now[0])
    assert [rates.allows("a") for _ in range(2)] == [True, False]
    now[0] = 10.0
    assert rates.allows("a")
