"""The bodies of answers, and the errors, in the API's shape."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any, Final

import numpy as np

from clipbench.metrics.vectors import Float32Array, invalid_rows, normalise

PREFIX: Final = "/v1/"  # of every path of the API

_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


class ApiError(Exception):
    """An answer of an HTTP status from 400: the parameter at fault, and a code for programs."""

    def __init__(
        self, status: int, message: str, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(f"{param}: {message}" if param and param not in message else message)
        self.status, self.param, self.code = status, param, code

    @property
    def body(self) -> bytes:
        """The answer's body."""
        return error_body(self.status, str(self), self.param, self.code)


def error_body(
    status: int, message: str, param: str | None = None, code: str | None = None
) -> bytes:
    """`{"error": {message, type, param, code}}`."""
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    return _json({"error": {"message": message, "type": kind, "param": param, "code": code}})


def answer_body(
    model: str, rows: Float32Array, *, base64_: bool, dimensions: int | None, tokens: int
) -> bytes:
    """The embeddings (n, d), each divided by its length, as this API's clients expect them.

    dimensions: keep the first so many of each row before that. Raises ApiError past d, and for a
    row that is zero or not finite.
    """
    if dimensions and dimensions > rows.shape[1]:
        what = f"this model has {rows.shape[1]}, not {dimensions}"
        raise ApiError(400, what, "dimensions")
    kept = rows[:, :dimensions]
    if (invalid := invalid_rows(kept)).any():
        place = f"input[{int(np.argmax(invalid))}]"
        raise ApiError(
            400, f"{place}: its embedding is zero or not finite", "input", "embedding_invalid"
        )
    data = [
        {"object": "embedding", "index": index, "embedding": _numbers(row, base64_)}
        for index, row in enumerate(normalise(kept))
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return _json({"object": "list", "data": data, "model": model, "usage": usage})


def models_body(names: Iterable[str], only: str | None = None) -> bytes:
    """The list of models, or `only` the one of that name. Raises ApiError (404) without it."""
    listed = [
        {"id": name, "object": "model", "created": 0, "owned_by": "clipbench"} for name in names
    ]
    if only is None:
        return _json({"object": "list", "data": listed})
    for model in listed:
        if model["id"] == only:
            return _json(model)
    raise ApiError(404, f"no model {only!r:.200}: GET /v1/models", "model", "model_not_found")


def _numbers(row: Float32Array, base64_: bool) -> Any:
    return base64.b64encode(row.astype("<f4").tobytes()).decode() if base64_ else row.tolist()


def _json(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
