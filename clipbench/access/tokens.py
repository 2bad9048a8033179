"""Bearer tokens with a role, read from a file or the environment, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from clipbench.contract import endpoints
from clipbench.errors import InvalidRequest, Unauthorized

TOKEN_VARIABLE = "CLIPBENCH_TOKEN"
_SHORTEST = 16


class Role(IntEnum):
    """The rights of a token; each role includes the ones before it."""

    ENCODE = 1  # /, /encode, /rank, /models
    SUBMIT = 2  # benchmark jobs of its own
    ADMIN = 3  # every job, and /profile


@dataclass(frozen=True)
class Caller:
    """The sender of a request. `owner` is a digest of the token, so that no log holds a token."""

    owner: str
    role: Role


ANYBODY = Caller("anonymous", Role.ADMIN)


class AccessTokens:
    """The accepted tokens. Without any, requests need no token."""

    def __init__(self, roles: dict[str, Role]) -> None:
        for token in roles:
            if len(token) < _SHORTEST or any(sign.isspace() for sign in token):
                raise InvalidRequest(
                    f"a token has at least {_SHORTEST} characters and no white space"
                )
        self._callers = [
            (token.encode(), Caller(hashlib.sha256(token.encode()).hexdigest()[:16], role))
            for token, role in roles.items()
        ]

    def __bool__(self) -> bool:
        return bool(self._callers)

    @classmethod
    def load(cls, file: str) -> AccessTokens:
        """From `file` (one `role:token` a line) and from CLIPBENCH_TOKEN (an admin's).

        Raises InvalidRequest for a file that cannot be read or a line that is not `role:token`.
        """
        roles: dict[str, Role] = {}
        if from_environment := os.environ.get(TOKEN_VARIABLE):
            roles[from_environment] = Role.ADMIN
        if not file:
            return cls(roles)
        try:
            lines = Path(file).read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise InvalidRequest(f"token file {file}: {error.strerror}") from error
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            role, colon, token = line.partition(":")
            if not colon or role.strip().upper() not in Role.__members__:
                raise InvalidRequest(
                    f"token file {file}, line {number}: expected encode:TOKEN, submit:TOKEN "
                    "or admin:TOKEN"
                )
            roles[token.strip()] = Role[role.strip().upper()]
        if not roles:
            raise InvalidRequest(f"token file {file} holds no token")
        return cls(roles)

    def caller(self, authorization: str | None) -> Caller:
        """The caller with this `authorization` (`TOKEN` or `Bearer TOKEN`). Raises Unauthorized."""
        if not self._callers:
            return ANYBODY
        if not authorization:
            raise Unauthorized("a token is needed: send it as `authorization` metadata or header")
        shown = authorization.removeprefix("Bearer ").encode()
        found = None
        for token, caller in self._callers:  # all of them, so that the time tells nothing
            if hmac.compare_digest(token, shown):
                found = caller
        if found is None:
            raise Unauthorized("the token is not accepted")
        return found


def role_for(endpoint: str) -> Role:
    """The role that an endpoint of the Flow requires."""
    if endpoint == endpoints.PROFILE:
        return Role.ADMIN
    if endpoint.startswith(("/classification/", "/retrieval/")) or endpoint == endpoints.JOBS:
        return Role.SUBMIT
    return Role.ENCODE
