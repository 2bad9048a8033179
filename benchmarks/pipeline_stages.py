"""The stages of a document's way through the Flow, each by the product's own function.

They run in this process, one after the other, with the idle encoder of `sides/idle_encoder.py`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import grpc

from benchmarks.account import OWNER, Account, seen, unwire, wire, written
from benchmarks.sides.idle_encoder import MODEL, IdleEncoder
from clipbench.client.batches import document_shards
from clipbench.contract.batches import BatchOutcome, EncodedBatch
from clipbench.contract.endpoints import Kind, Task
from clipbench.contract.limits import Limits
from clipbench.contract.parameters import JobSpec, ModelOptions
from clipbench.datasets import Image, Text
from clipbench.encoding import jobs
from clipbench.jobs.retrieval import RetrievalEvaluator
from clipbench.jobs.store import JobStore
from clipbench.serving.encoder import EncoderSettings

_OPTIONS = ModelOptions(MODEL)
_BATCH = 32  # documents of a forward pass


class Given(NamedTuple):
    """Documents in memory, as `document_shards` reads them."""

    task: Task
    items: Sequence[Image | Text]
    train: None = None  # no labelled images to learn from

    def documents(self, _inventory: object = None) -> Iterator[Image | Text]:
        """In their order."""
        return iter(self.items)


def stages(
    read: Callable[[], Iterator[Any]], kind: Kind, repeats: int, folder: Path
) -> dict[str, dict[str, float]]:
    """Microseconds of one processor a document, by process and stage; the fastest repeat.

    read: the documents of one kind, from their data set. folder: for databases.
    """
    found = Account(1, clock=time.process_time)
    encoder = IdleEncoder(EncoderSettings(cache=folder, embedding_cache_bytes=0))
    items = found.add("client: read", repeats, lambda: list(read()))
    found.documents = len(items)
    given: Any = Given(Task.RETRIEVAL, items)
    images = jobs.describe(encoder, _OPTIONS)["request_images"]
    batches = found.add(
        "client: digest, batches",
        repeats,
        lambda: [b for shard in document_shards(given, [], images=images) for b in shard.batches],
    )
    sent = found.add(
        "client: pack, serialise", repeats, lambda: [written(b.documents) for b in batches]
    )
    found.add("a hop of gRPC: both ends", repeats, partial(_hop, sent))
    got = found.add("encoder: parse", repeats, lambda: [seen(data) for data in sent])
    _encoder(found, encoder, kind, items, got, repeats)
    encoded = [_encoded(encoder, kind, part) for part in got]
    answers = found.add("encoder: answer", repeats, lambda: [wire(b.pack()) for b in encoded])
    unpacked = found.add(
        "retrieval: unpack", repeats, lambda: [EncodedBatch.unpack(unwire(a)) for a in answers]
    )
    outcomes = found.add("retrieval: check and store", repeats, _storing(encoder, unpacked, folder))
    last = found.add("retrieval: answer", repeats, lambda: [wire(o.pack()) for o in outcomes])
    found.add(
        "client: read outcomes", repeats, lambda: [BatchOutcome.unpack(unwire(a)) for a in last]
    )
    encoder.close()
    by_process: dict[str, dict[str, float]] = {}
    for name, value in found.microseconds().items():
        process, _, stage = name.partition(": ")
        by_process.setdefault(process, {})[stage] = value
    return by_process


class _Answers(grpc.GenericRpcHandler):
    """A server that answers at once."""

    def service(self, details: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(lambda message, context: b"")


def _hop(messages: Sequence[bytes]) -> None:
    """The messages sent from one thread of this process to another, by gRPC and nothing else."""
    options = [(f"grpc.max_{way}_message_length", -1) for way in ("send", "receive")]
    server = grpc.server(ThreadPoolExecutor(1), options=options)
    server.add_generic_rpc_handlers((_Answers(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        call = channel.unary_unary("/a/hop")
        for message in messages:
            call(message)
    server.stop(None)


def _encoder(
    found: Account,
    encoder: IdleEncoder,
    kind: Kind,
    items: Sequence[Any],
    got: Sequence[Any],
    repeats: int,
) -> None:
    """What is decoded or tokenised and made into batches, and the bookkeeping around both."""
    options = jobs.encode_options(_OPTIONS)
    loaded = encoder.load(MODEL, options)
    if kind is Kind.IMAGE:
        source = encoder.pixels(loaded, options.settings)
        device = loaded.runtime.device
        parts = [
            [item.data for item in items[n : n + _BATCH]] for n in range(0, len(items), _BATCH)
        ]
        found.add(
            "encoder: decode", repeats, lambda: [source.prepare(p, device, map) for p in parts]
        )
    else:
        texts = [item.text for item in items]
        length = loaded.info.context_length
        parts = [texts[n : n + _BATCH] for n in range(0, len(texts), _BATCH)]
        ids = found.add(
            "encoder: tokenise", repeats, lambda: [loaded.tokenizer(p, length).ids for p in parts]
        )
        found.add(
            "encoder: batch",
            repeats,
            lambda: [loaded.batch(sorted(part, key=loaded.order)) for part in ids],
        )
    inner = sum(found.seconds[name] for name in found.seconds if name in _INNER)
    found.add(
        "encoder: check, digest, collect",
        repeats,
        lambda: [_encoded(encoder, kind, p) for p in got],
    )
    found.seconds["encoder: check, digest, collect"] -= inner


_INNER = ("encoder: decode", "encoder: tokenise", "encoder: batch")


def _encoded(encoder: IdleEncoder, kind: Kind, documents: Any) -> EncodedBatch:
    return jobs.encode_batch(encoder, _OPTIONS, documents, kind, Limits(), labelled=False)


def _storing(
    encoder: IdleEncoder, batches: Sequence[EncodedBatch], folder: Path
) -> Callable[[], list[BatchOutcome]]:
    """Stores all batches in a job of its own, each time in another one."""
    description = json.loads(json.dumps(jobs.describe(encoder, _OPTIONS)))  # as it travels
    evaluator = RetrievalEvaluator(
        JobStore(f"sqlite:///{folder / 'stages.sqlite'}", Task.RETRIEVAL)
    )
    number = 0

    def store() -> list[BatchOutcome]:
        nonlocal number
        number += 1
        job = f"stages-{number}"
        evaluator.open(JobSpec(job, Task.RETRIEVAL, _OPTIONS, "x", "test"), OWNER, description, [])
        return [evaluator.add(job, OWNER, batch) for batch in batches]

    return store
