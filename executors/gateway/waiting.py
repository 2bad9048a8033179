"""How the gateway waits when a client's stream has as many requests in flight as it asked for."""

from __future__ import annotations

import asyncio
from typing import Any

from jina.serve import stream
from jina.serve.stream.helper import AsyncRequestsIterator

_PAUSE_SECONDS = 0.002


class PatientRequests(AsyncRequestsIterator):
    """Jina's own waits in a loop without a pause: a whole processor, taken from the encoder."""

    def __init__(self, iterator: Any, prefetch: int = 0, **options: Any) -> None:
        super().__init__(iterator, prefetch=0, **options)
        self._most = prefetch

    async def __anext__(self) -> Any:
        request = await super().__anext__()
        while 0 < self._most <= self._request_counter.count:
            await asyncio.sleep(_PAUSE_SECONDS)
        return request


def install() -> None:
    """For every stream of this process from now on."""
    stream.AsyncRequestsIterator = PatientRequests
