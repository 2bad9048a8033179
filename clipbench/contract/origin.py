"""The origin of embeddings that this service's encoder did not make."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from clipbench.errors import InvalidRequest

_LONGEST = 1024  # characters of a place
_DIGEST = re.compile("[0-9a-f]{64}")


class OriginKind(StrEnum):
    """What gave the embeddings."""

    ENDPOINT = "endpoint"
    FILE = "file"


@dataclass(frozen=True)
class Origin:
    """place: the endpoint's address without user, key and query, or the file's name.

    api: how the endpoint was asked. sha256: of the file. Raises InvalidRequest.
    """

    kind: OriginKind
    place: str
    api: str | None = None
    sha256: str | None = None

    def __post_init__(self) -> None:
        if not self.place or len(self.place) > _LONGEST or not self.place.isprintable():
            raise InvalidRequest(f"the origin's 'place' has 1 to {_LONGEST} printable characters")
        if (self.kind is OriginKind.FILE) != bool(self.sha256):
            raise InvalidRequest("the origin of a file, and no other, has the file's 'sha256'")
        if self.sha256 and not is_digest(self.sha256):
            raise InvalidRequest("the origin's 'sha256' has 64 hexadecimal digits in small letters")

    def named(self, model: str) -> str:
        """The name of the model in results and tables: one that no model of ours has."""
        return f"{model} @ {self.place}" if self.kind is OriginKind.ENDPOINT else f"{model} (file)"

    @classmethod
    def read(cls, value: Any) -> Origin:
        """Of a request's parameter. Raises InvalidRequest."""
        names = {"kind", "place", "api", "sha256"}
        if not isinstance(value, Mapping) or not {"kind", "place"} <= set(value) <= names:
            raise InvalidRequest("parameter 'origin' has kind and place, and may have api, sha256")
        if not all(isinstance(text, str) for text in value.values()):
            raise InvalidRequest("parameter 'origin' maps names to strings")
        if value["kind"] not in list(OriginKind):
            raise InvalidRequest(f"the origin's 'kind' is one of {', '.join(OriginKind)}")
        return cls(**{**value, "kind": OriginKind(value["kind"])})

    def parameters(self) -> dict[str, str]:
        """As a request's parameter."""
        values = {"kind": self.kind, "place": self.place, "api": self.api, "sha256": self.sha256}
        return {name: str(value) for name, value in values.items() if value is not None}


def is_digest(value: object) -> bool:
    """Whether it is a SHA-256 as this project writes it."""
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None
