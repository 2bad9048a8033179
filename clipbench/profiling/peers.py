"""The metrics of the Flow's other processes, fetched over HTTP and merged."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException

from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from clipbench.errors import InvalidRequest
from clipbench.profiling.exporter import labelled

TIMEOUT = 1.0  # seconds for one peer to answer
MAX_BYTES = 8 << 20  # of one answer


@dataclass(frozen=True)
class Peer:
    """An Executor's exporter; `host` may name several replicas, one address each."""

    executor: str
    host: str
    port: int


@dataclass(frozen=True)
class Answer:
    """One replica's metrics; `families` is None when it did not answer in time."""

    executor: str
    replica: str
    families: tuple[Metric, ...] | None = field(repr=False)


def parse_peers(text: str) -> tuple[Peer, ...]:
    """`encoder=host:port,retrieval=host:port`; InvalidRequest for anything else."""
    peers = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        executor, equals, address = part.partition("=")
        host, colon, port = address.rpartition(":")
        if not (executor and equals and host and colon and port.isdecimal()):
            raise InvalidRequest(
                f"metrics peer {part!r}: expected name=host:port, as in encoder=127.0.0.1:9465"
            )
        peers.append(Peer(executor, host, int(port)))
    return tuple(peers)


def ask(peers: Iterable[Peer]) -> tuple[Answer, ...]:
    """Every replica of every peer, asked at the same time."""
    peers = tuple(peers)
    if not peers:
        return ()
    with ThreadPoolExecutor(len(peers)) as pool:
        targets = [
            (peer, address)
            for peer, addresses in zip(peers, pool.map(_addresses, peers), strict=True)
            for address in addresses
        ]
    shared = Counter((peer.executor, address) for peer, address in targets)

    def answer(target: tuple[Peer, str]) -> Answer:
        peer, address = target
        alone = shared[peer.executor, address] == 1
        return _ask_one(peer, address, address if alone else f"{address}:{peer.port}")

    with ThreadPoolExecutor(len(targets)) as pool:
        return tuple(pool.map(answer, targets))


def merged(answers: Iterable[Answer]) -> tuple[Metric, ...]:
    """One family for each name, its samples labelled with executor and replica."""
    families: dict[str, Metric] = {}
    for answer in answers:
        for family in answer.families or ():
            found = labelled(family, executor=answer.executor, replica=answer.replica)
            known = families.setdefault(found.name, found)
            if known is not found:
                known.samples.extend(found.samples)
    return tuple(families.values())


def _addresses(peer: Peer) -> tuple[str, ...]:
    """The addresses of the peer's name: itself where it has one or none."""
    try:
        found = socket.getaddrinfo(peer.host, peer.port, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        return (peer.host,)
    addresses = sorted({str(info[4][0]) for info in found})
    return tuple(addresses) if len(addresses) > 1 else (peer.host,)


def _ask_one(peer: Peer, address: str, replica: str) -> Answer:
    connection = HTTPConnection(address, peer.port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read(MAX_BYTES).decode()
        families = tuple(text_string_to_metric_families(text))
    except (OSError, HTTPException, ValueError):
        return Answer(peer.executor, replica, None)
    finally:
        connection.close()
    return Answer(peer.executor, replica, families)
