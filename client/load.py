"""Measures rates and latencies with documents of one kind: many at once, or one after another."""

from __future__ import annotations

import itertools
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from docarray import Document

from clipbench.client.connection import Connection
from clipbench.contract import endpoints

if TYPE_CHECKING:
    from clip_client import Client

BATCH = 8  # documents in a request, as in the published run
IN_FLIGHT = 4  # requests; the published run does not state its own
REPEATS = 3
SINGLES = 100  # requests of one document
_FEWEST_SINGLES = 20  # of a model that is slow
_WARM_UP = 5


class Load:
    """One model's texts or images through the public client, `BATCH` in a request.

    The first requests allocate: they are sent here, and in no rate.
    """

    def __init__(
        self,
        client: Client,
        model: str,
        parameters: Mapping[str, Any],
        documents: Sequence[Document],
    ) -> None:
        self._client, self._model, self._parameters = client, model, parameters
        self._documents = documents
        self._rate(IN_FLIGHT * BATCH, IN_FLIGHT)
        self._expected = self._rate(2 * IN_FLIGHT * BATCH, IN_FLIGHT)

    def rates(self, in_flight: int, seconds: float) -> list[float]:
        """Documents a second of each repetition with so many requests in flight.

        A repetition takes about `seconds`, and longer where it takes that to have them in flight.
        """
        count = max(2 * in_flight * BATCH, int(self._expected * seconds))
        found = [self._rate(count, in_flight) for _ in range(REPEATS)]
        self._expected = median(found)
        return found

    def _rate(self, count: int, in_flight: int) -> float:
        documents = list(itertools.islice(self._fresh(), count))
        asked = {"model_name": self._model, **self._parameters}  # the client takes the name out
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there are more than 500 documents
            started = time.perf_counter()
            self._client.encode(documents, batch_size=BATCH, parameters=asked, prefetch=in_flight)
            return count / (time.perf_counter() - started)

    def latencies(self, connection: Connection, seconds: float) -> list[float]:
        """Seconds of each of 100 single-document requests, one after another.

        They go over one open connection. A slow model has fewer, when 20 took over `seconds`.
        """
        endpoint = endpoints.encode_endpoint(self._model)
        measured: list[float] = []
        for number, document in enumerate(itertools.islice(self._fresh(), _WARM_UP + SINGLES)):
            started = time.perf_counter()
            connection.request(endpoint, [document], self._parameters)
            if number >= _WARM_UP:
                measured.append(time.perf_counter() - started)
            if len(measured) >= _FEWEST_SINGLES and sum(measured) > seconds:
                break
        return measured

    def _fresh(self) -> Iterator[Document]:
        """The documents again and again, as copies: the client writes into what it sends."""
        for document in itertools.cycle(self._documents):
            yield Document(text=document.text) if document.text else Document(blob=document.blob)
