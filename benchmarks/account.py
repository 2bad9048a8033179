"""The time of one document in each stage of its way through the Flow.

    python -m benchmarks.account [--model NAME] [--documents N] [--batch N] [--repeats N]

Every stage is the service's own function, called in one process on one thread. The figure is the
processor time of that thread, so that another program on the machine does not count; the fastest
of the repeats is taken. What a machine with two processors can do at most follows from the sum.
What lies between processes is in `python -m benchmarks.pipeline`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from docarray import Document, DocumentArray
from jina.types.request.data import DataRequest

from clipbench.contract import documents as contract
from clipbench.contract import packing
from clipbench.contract import wire as protobuf
from clipbench.contract.batches import EncodedBatch
from clipbench.contract.documents import JobDocument
from clipbench.contract.endpoints import Kind, Task
from clipbench.contract.limits import Limits
from clipbench.contract.parameters import JobSpec, ModelOptions
from clipbench.datasets import Image, Text, open_dataset
from clipbench.encoding import jobs
from clipbench.jobs.classification import ClassificationEvaluator
from clipbench.jobs.evaluator import Evaluator
from clipbench.jobs.retrieval import RetrievalEvaluator
from clipbench.jobs.store import JobStore
from clipbench.pixels.pillow import PillowPixels
from clipbench.serving.encoder import Encoder, EncoderSettings

MODEL = "ViT-mini-16-64::embedded"
OWNER = "benchmark"


@dataclass
class Account:
    """Processor seconds by stage, the fastest repeat of each.

    clock: of this thread; a stage with threads of its own needs that of the process.
    """

    documents: int
    seconds: dict[str, float] = field(default_factory=dict)
    clock: Callable[[], float] = time.thread_time

    def add(self, stage: str, repeats: int, run: Callable[[], Any]) -> Any:
        """Run the stage and keep its time; what the last repeat gave is returned."""
        times = []
        result = None
        for _ in range(repeats):
            started = self.clock()
            result = run()
            times.append(self.clock() - started)
        self.seconds[stage] = min(times)
        return result

    def microseconds(self) -> dict[str, float]:
        """A document's share of each stage."""
        return {stage: 1e6 * s / self.documents for stage, s in self.seconds.items()}

    def show(self, title: str) -> str:
        """A table for people."""
        lines = [f"{title}, {self.documents} documents: microseconds of one processor a document"]
        each = self.microseconds()
        lines += [f"  {stage:<42}{value:9.1f}" for stage, value in each.items()]
        total = sum(each.values())
        lines.append(f"  {'sum':<42}{total:9.1f}")
        lines.append(f"  two processors, all of it shared evenly: {2e6 / total:.0f} documents/s")
        return "\n".join(lines)


def batches(items: Sequence[Any], size: int) -> list[list[Any]]:
    """Lists of at most `size`."""
    return [list(items[start : start + size]) for start in range(0, len(items), size)]


def wire(documents: Sequence[Any]) -> bytes:
    """A request as the client writes it."""
    request = _empty()
    request.data.docs = DocumentArray(documents)
    return bytes(request.proto.SerializeToString())


def written(documents: Sequence[JobDocument]) -> bytes:
    """A request of a job as the client writes it."""
    return protobuf.request(bytes(_empty()), packing.packed(documents))


def _empty() -> DataRequest:
    request = DataRequest()
    request.header.exec_endpoint = "/"
    return request


def seen(data: bytes) -> DocumentArray:
    """The same as the encoder reads it."""
    cut = protobuf.without(data, protobuf.DATA)
    assert cut is not None
    return DocumentArray([Document(blob=protobuf.lone_blob(cut[1][0]))])


def unwire(data: bytes) -> DocumentArray:
    """A request as an Executor reads it."""
    return DataRequest(data).docs


def account(model: str, kind: Kind, count: int, batch: int, repeats: int, folder: Path) -> Account:
    """Time the stages of `count` documents of a kind on one thread."""
    torch.set_num_threads(1)
    encoder = Encoder(EncoderSettings(cache=folder, threads=1))
    options, limits = ModelOptions(model), Limits()
    found = Account(count)
    wanted = Image if kind is Kind.IMAGE else Text
    dataset = open_dataset("emoji" if kind is Kind.TEXT else "fashion_mnist")

    def read() -> list[Any]:
        items = (item for item in dataset.documents() if isinstance(item, wanted))
        return list(itertools.islice(items, count))

    items = found.add("client: read the data set", repeats, read)
    found.documents = len(items)

    def make() -> list[list[Any]]:
        if kind is Kind.IMAGE:
            made = [contract.image_document(i.id, i.index, i.data, i.labels) for i in items]
        else:
            made = [contract.text_document(i.id, i.index, i.text, i.image_id) for i in items]
        return batches(made, batch)

    made = found.add("client: documents", repeats, make)
    sent = found.add(
        "client: pack and serialise", repeats, lambda: [written(part) for part in made]
    )
    got = found.add("encoder: parse", repeats, lambda: [seen(data) for data in sent])
    _forward_stages(found, encoder, model, kind, items, batch, repeats)

    encoded: list[EncodedBatch] = []

    def whole() -> None:
        encoded[:] = [
            jobs.encode_batch(encoder, options, part, kind, limits, labelled=kind is Kind.IMAGE)
            for part in got
        ]

    # documents that were encoded once come from the cache: what remains is the rest of the stage
    whole()
    found.add("encoder: read, check, digest, cache", repeats, whole)
    packed = found.add("encoder: pack", repeats, lambda: [wire(part.pack()) for part in encoded])
    unpacked = found.add(
        "evaluator: unpack",
        repeats,
        lambda: [EncodedBatch.unpack(unwire(data)) for data in packed],
    )
    description = json.loads(json.dumps(jobs.describe(encoder, options)))  # as it travels
    outcomes: list[Any] = []
    evaluators = [
        _evaluator(kind, folder / f"{n}.sqlite", model, description) for n in range(repeats)
    ]
    fresh = iter(evaluators)

    def add() -> None:
        evaluator = next(fresh)
        outcomes[:] = [evaluator.add("bench", OWNER, part) for part in unpacked]

    found.add("evaluator: score and store (SQLite)", repeats, add)
    answers = [wire(outcome.pack()) for outcome in outcomes]
    found.add("client: read outcomes", repeats, lambda: [unwire(data) for data in answers])
    encoder.close()
    return found


def _forward_stages(
    found: Account,
    encoder: Encoder,
    model: str,
    kind: Kind,
    items: Sequence[Any],
    batch: int,
    repeats: int,
) -> None:
    """Decoding or tokenising and the forward pass, without the encoder's bookkeeping."""
    loaded = encoder.load(model, jobs.encode_options(ModelOptions(model)))
    if kind is Kind.IMAGE:
        preparation = PillowPixels.of(loaded.info)
        pixels = found.add(
            "encoder: decode and resize",
            repeats,
            lambda: [preparation.decode(item.data) for item in items],
        )
        tensors = found.add(
            "encoder: normalise",
            repeats,
            lambda: [preparation.normalise(part) for part in batches(pixels, 32)],
        )
        found.add(
            "encoder: forward",
            repeats,
            lambda: [loaded.runtime.encode_images(part) for part in tensors],
        )
        return
    texts = [item.text for item in items]
    ids = found.add(
        "encoder: tokenise",
        repeats,
        lambda: [
            loaded.tokenizer(part, loaded.info.context_length).ids for part in batches(texts, batch)
        ],
    )
    padded = found.add(
        "encoder: sort and share prefixes",
        repeats,
        lambda: [loaded.batch(sorted(part, key=loaded.order)) for part in ids],
    )
    found.add(
        "encoder: forward", repeats, lambda: [loaded.runtime.encode_texts(*part) for part in padded]
    )


def _evaluator(kind: Kind, path: Path, model: str, description: dict[str, Any]) -> Evaluator:
    task = Task.CLASSIFICATION if kind is Kind.IMAGE else Task.RETRIEVAL
    store = JobStore(f"sqlite:///{path}", task)
    spec = JobSpec(
        job="bench",
        task=task,
        options=ModelOptions(model),
        dataset="embedded",
        split="test",
        classes=10 if kind is Kind.IMAGE else 0,
        templates=1 if kind is Kind.IMAGE else 0,
    )
    names = [str(n) for n in range(spec.classes)]
    if kind is Kind.TEXT:
        evaluator: Evaluator = RetrievalEvaluator(store)
        evaluator.open(spec, OWNER, description, names)
        return evaluator
    classification = ClassificationEvaluator(store)
    classification.open(spec, OWNER, description, names)
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(10, description["embed_dim"], generator=generator).numpy()
    prompts = tuple(contract.Item(str(n), n) for n in range(10))
    digests = tuple(f"{n:064d}" for n in range(10))
    classification.add_prompts(
        "bench",
        OWNER,
        EncodedBatch(Kind.PROMPT, description["digest"], prompts, digests, rows),
    )
    return classification


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--documents", type=int, default=1024)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    for kind in (Kind.IMAGE, Kind.TEXT):
        with tempfile.TemporaryDirectory() as folder:
            found = account(
                chosen.model, kind, chosen.documents, chosen.batch, chosen.repeats, Path(folder)
            )
        print(found.show(f"{chosen.model}, {kind}"), flush=True)


if __name__ == "__main__":
    main()
