"""A served model that is not ours as the source of a job, and the rate at which it answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from clipbench.client.connection import Connection, retry_budget
from clipbench.client.given.apis import Api, Asker, ClipAsService, Infinity, OpenAI, only_model
from clipbench.client.given.source import Row, Source
from clipbench.client.given.web import Refused, Web, place_of
from clipbench.contract.documents import JobDocument
from clipbench.contract.endpoints import Kind
from clipbench.contract.origin import Origin, OriginKind
from clipbench.datasets import Dataset
from clipbench.errors import InvalidRequest, Unsupported
from clipbench.results import Throughput

CONCURRENCY = 4
TIMEOUT = 120.0  # seconds
_SCHEMES = (("http", "https"), ("grpc", "grpcs"))  # the second of clip-as-service


@dataclass(frozen=True)
class Endpoint:
    """An address and how to ask it; the key is in no text that this makes.

    address: what `/embeddings` follows (`http://HOST:PORT/v1`), or grpc://HOST:PORT. concurrency:
    requests at a time. timeout: seconds of a request. retry_seconds: how long one is sent again;
    None is CLIPBENCH_RETRY_SECONDS, else 120.
    """

    address: str
    api: Api | str = Api.OPENAI
    key: str | None = field(default=None, repr=False)
    concurrency: int = CONCURRENCY
    timeout: float = TIMEOUT
    retry_seconds: float | None = None

    def __post_init__(self) -> None:
        if self.api not in list(Api):
            raise InvalidRequest(f"the API of an endpoint is one of {', '.join(Api)}")
        if self.key and not (self.key.isascii() and self.key.isprintable()):
            raise InvalidRequest("an endpoint's key is one line of printable ASCII characters")
        if not 1 <= self.concurrency <= 256 or self.timeout <= 0:
            raise InvalidRequest("an endpoint is asked 1 to 256 requests at a time, with a timeout")
        str(self)  # refuses an address that is none

    def __str__(self) -> str:
        return place_of(self.address, _SCHEMES[self.api == Api.CLIP_AS_SERVICE])

    @contextmanager
    def open(self, model: str, data: Dataset | None = None) -> Iterator[Source]:
        """Ask it for one text, which tells the dimension. model: empty is the only one it serves.

        Raises InvalidRequest, Unauthorized, Unavailable, and Unsupported where no embedding comes.
        """
        asker, name, place = self._asker(model)
        try:
            yield OpenEndpoint(asker, name, Origin(OriginKind.ENDPOINT, place, self.api), self)
        finally:
            asker.close()

    def _asker(self, model: str) -> tuple[Asker, str, str]:
        if self.api == Api.CLIP_AS_SERVICE:
            seconds = self.retry_seconds
            connection = Connection(self.address, self.key, retry_seconds=seconds, own_token=False)
            asker = ClipAsService(connection, model, self.key, self.timeout)
            return asker, model or "clip-server", str(self)
        budget = retry_budget() if self.retry_seconds is None else self.retry_seconds
        web = Web(self.address, self.key, self.timeout, budget)
        try:
            name = model or only_model(web)
        except BaseException:
            web.close()
            raise
        return (Infinity if self.api == Api.INFINITY else OpenAI)(web, name), name, web.place


class OpenEndpoint:
    """Asks in requests as large as the API takes; a request that is refused is asked in halves."""

    def __init__(self, asker: Asker, model: str, origin: Origin, endpoint: Endpoint) -> None:
        self._asker, self.model, self.origin = asker, model, origin
        self.concurrency = endpoint.concurrency
        self.batch_size = asker.most(Kind.TEXT)
        self._rates = {name: _Rate() for name in ("image", "text")}
        (row,) = self._in_parts(Kind.TEXT, [JobDocument("probe", b"a photo", {})])
        if isinstance(row, str):
            raise Unsupported(f"{origin.place} gives no embedding of a text: {row}")
        self.dimension = len(row)
        self._rates["text"] = _Rate()

    def embed(self, kind: Kind, documents: Sequence[JobDocument]) -> list[Row]:
        """The row of each document."""
        most = self._asker.most(kind)
        parts = [documents[start : start + most] for start in range(0, len(documents), most)]
        return [row for part in parts for row in self._in_parts(kind, part)]

    def _in_parts(self, kind: Kind, documents: Sequence[JobDocument]) -> list[Row]:
        rate = self._rates["image" if kind.is_image else "text"]
        try:
            with rate.of(len(documents)):
                return self._asker.ask(kind, documents)
        except Refused as error:
            if len(documents) == 1:
                return [str(error)]
        middle = len(documents) // 2
        halves = documents[:middle], documents[middle:]
        return [row for half in halves for row in self._in_parts(kind, half)]

    def throughput(self) -> Throughput:
        """The rates so far."""
        image, text = self._rates["image"], self._rates["text"]
        return Throughput(self.concurrency, image.qps, text.qps, image.documents, text.documents)

    def notes(self) -> Sequence[str]:
        """None."""
        return ()


class _Rate:
    """Documents that were answered, by the time in which at least one request was at work."""

    def __init__(self) -> None:
        self.documents, self._seconds = 0, 0.0
        self._running, self._since = 0, 0.0
        self._lock = threading.Lock()

    @contextmanager
    def of(self, documents: int) -> Iterator[None]:
        """Around a request; one that fails counts its time, and no document."""
        with self._lock:
            self._running += 1
            if self._running == 1:
                self._since = time.perf_counter()
        try:
            yield
        except BaseException:
            documents = 0
            raise
        finally:
            with self._lock:
                self._running -= 1
                self.documents += documents
                if not self._running:
                    self._seconds += time.perf_counter() - self._since

    @property
    def qps(self) -> float | None:
        """Documents a second; None before the first."""
        return self.documents / self._seconds if self.documents and self._seconds else None
