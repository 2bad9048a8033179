"""The rate of everything but the model: jobs whose encoder neither resizes nor computes.

    python -m benchmarks.pipeline [--images N] [--texts N] [--rounds N]

The Flow, the client and the jobs are the product's; the encoder is that of `sides/idle_encoder.py`,
which decodes JPEG to full-size pixels, or tokenises, and answers with ones. Images of 500 × 375
pixels and captions are read from shards. The decoder's own rate, two threads on the same files
without a Flow, is measured in turn with the jobs. Then every stage is one function of the product,
called in this process; what a process of the Flow takes above its stages is Jina's and gRPC's.
"""

from __future__ import annotations

import argparse
import io
import itertools
import os
import statistics
import tarfile
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil
import simplejpeg

from benchmarks.figures import Figure, table
from benchmarks.measure import keep
from benchmarks.pipeline_stages import stages
from benchmarks.sides.flows import changed
from benchmarks.sides.processes import HERE, clipbench_server, executors, metrics_ports
from clipbench.client.batches import Batch, document_shards
from clipbench.client.connection import Connection
from clipbench.client.inputs import captions, photos
from clipbench.client.streaming import stream
from clipbench.contract.documents import answer
from clipbench.contract.endpoints import Kind, Task, job_endpoint
from clipbench.contract.parameters import JobSpec, ModelOptions
from clipbench.datasets import Image, Text, open_dataset
from clipbench.datasets.types import Document

MODEL = "ViT-nano-16-64::embedded"  # whose tokenizer the idle encoder has
SHARE = 0.7  # of the decoder's own rate
THREADS = 2
HOP = "a hop of gRPC"  # among the stages; it is in the rest of two processes
REPEATS = 3  # of each stage
CAPTIONS = 5  # an image, as in Flickr30k
IDLE = {"encoder": {"uses": str(HERE / "idle_executor.yml")}}
_DOT = (1, 1)  # pixels of the images beside the texts, which are not sent


@dataclass(frozen=True)
class Inputs:
    """One kind of document of a data set in shards, as `document_shards` reads it."""

    folder: Path
    wanted: type[Image] | type[Text]
    task: Task = Task.RETRIEVAL
    train: None = None  # no labelled images to learn from

    @property
    def kind(self) -> str:
        return self.wanted.__name__.lower()

    def documents(self, _inventory: object = None) -> Iterator[Document]:
        """In the order of the data set."""
        found = open_dataset(self.folder).documents()
        return (document for document in found if isinstance(document, self.wanted))

    def files(self) -> list[bytes]:
        """Those of the images."""
        return [document.data for document in self.documents() if isinstance(document, Image)]


@dataclass
class Rounds:
    """What each round measured: documents a second, and processor seconds by process."""

    jobs: list[float] = field(default_factory=list)
    decoder: list[float] = field(default_factory=list)
    spent: list[dict[str, float]] = field(default_factory=list)

    def microseconds(self, count: int) -> dict[str, float]:
        """Of each process, a document: the median of the rounds."""
        roles = self.spent[0]
        return {r: 1e6 * statistics.median(s[r] for s in self.spent) / count for r in roles}


def write_inputs(folder: Path, images: int, texts: int) -> dict[str, Inputs]:
    """Shards of photos with a caption each, and of dots with five."""
    from PIL import Image as Picture

    dot = io.BytesIO()
    Picture.new("RGB", _DOT).save(dot, "JPEG")
    said = captions()
    pool = list(itertools.islice(photos(), min(images, 200)))
    # a JPEG file may be followed by anything: no two are equal
    pictures = (pool[n % len(pool)] + str(n).encode() for n in range(images))
    _shard(folder / "images", ((picture, [next(said)]) for picture in pictures))
    dots = range(-(-texts // CAPTIONS))
    _shard(
        folder / "texts",
        ((dot.getvalue() + str(n).encode(), list(itertools.islice(said, CAPTIONS))) for n in dots),
    )
    return {"image": Inputs(folder / "images", Image), "text": Inputs(folder / "texts", Text)}


def _shard(folder: Path, samples: Iterator[tuple[bytes, list[str]]]) -> None:
    folder.mkdir()
    with tarfile.open(folder / "00000.tar", "w") as tar:
        for number, (image, texts) in enumerate(samples):
            for suffix, data in (("jpg", image), ("txt", "\n".join(texts).encode())):
                member = tarfile.TarInfo(f"{number:06}.{suffix}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))


def decode_rate(files: Sequence[bytes]) -> float:
    """Images a second of the decoder alone, on two threads."""
    with ThreadPoolExecutor(THREADS) as threads:
        started = time.perf_counter()
        list(threads.map(lambda data: simplejpeg.decode_jpeg(data, "RGB").shape, files))
        return len(files) / (time.perf_counter() - started)


def run_job(connection: Connection, inputs: Inputs, count: int) -> float:
    """Documents a second of a job, from the first that is read to the last outcome."""
    options = ModelOptions(MODEL)
    spec = JobSpec(f"bench-{uuid.uuid4().hex}", inputs.task, options, "pipeline", "test")
    state = answer(connection.request(job_endpoint(spec.task, "open"), (), spec.parameters()))
    parameters = {"job": spec.job, **options.parameters()}

    def batches() -> Iterator[Batch]:
        for shard in document_shards(inputs, [], images=state["request_images"]):
            yield from shard.batches

    started = time.perf_counter()
    counted = sum(outcome.counted for outcome in stream(connection, batches(), parameters))
    seconds = time.perf_counter() - started
    if counted != count:
        raise RuntimeError(f"{counted} of {count} documents were counted")
    return count / seconds


def measure(
    all_inputs: dict[str, Inputs], counts: dict[str, int], rounds: int
) -> dict[str, Rounds]:
    """Jobs and decoding in turn, after a round that is not counted."""
    found = {kind: Rounds() for kind in all_inputs}
    files = all_inputs["image"].files()
    ports = metrics_ports()
    settings = ports | {"CLIPBENCH_EMBEDDING_CACHE_BYTES": "0"}
    with (
        tempfile.TemporaryDirectory() as scratch,
        clipbench_server(
            Path(scratch) / "state", flow=changed(Path(scratch), IDLE), settings=settings
        ) as (server, address),
        Connection(address) as connection,
    ):
        roles = {os.getpid(): "client"} | executors(server.pid, ports)
        for number in range(rounds + 1):
            for kind, inputs in all_inputs.items():
                before = _spent(roles)
                rate = run_job(connection, inputs, counts[kind])
                after = _spent(roles)
                decoder = decode_rate(files) if kind == "image" else 0.0
                if number:
                    found[kind].jobs.append(rate)
                    found[kind].spent.append({r: after[r] - before[r] for r in after})
                    if decoder:
                        found[kind].decoder.append(decoder)
    return found


def _spent(roles: dict[int, str]) -> dict[str, float]:
    """Processor seconds of each process so far."""
    return {role: sum(psutil.Process(pid).cpu_times()[:2]) for pid, role in roles.items()}


def figure(kind: str, found: Rounds) -> Figure:
    """Jobs a second, of images beside the decoder."""
    name = f"{kind}s of jobs, the model idle"
    if kind == "image":
        return Figure(f"{name} : decoder", "/s", SHARE, tuple(found.jobs), tuple(found.decoder))
    return Figure(name, "/s", None, tuple(found.jobs))


def show(kind: str, spent: dict[str, float], within: dict[str, dict[str, float]]) -> str:
    """A table for people: the stages of each process, and what it takes above them."""
    lines = [(f"{kind}s, microseconds of one processor a document", None)]
    for role, whole in spent.items():
        each = within.get(role, {})
        lines += [(f"  {role}: {stage}", value) for stage, value in each.items()]
        lines.append((f"  {role}: {'rest' if each else 'all'}", whole - sum(each.values())))
    lines.append(("  sum", sum(spent.values())))
    (hop,) = within[HOP].values()
    lines.append(("  of it each hop by gRPC alone, both ends", hop))
    return "\n".join(name if x is None else f"{name:<44}{x:8.1f}" for name, x in lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--images", type=int, default=4096)
    parser.add_argument("--texts", type=int, default=32768)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    counts = {"image": chosen.images, "text": -(-chosen.texts // CAPTIONS) * CAPTIONS}
    with tempfile.TemporaryDirectory() as folder:
        inputs = write_inputs(Path(folder), counts["image"], counts["text"])
        found = measure(inputs, counts, chosen.rounds)
        rows = {kind: figure(kind, found[kind]) for kind in found}
        print(table(list(rows.values())), flush=True)
        for kind, row in rows.items():
            spent = found[kind].microseconds(counts[kind])
            with tempfile.TemporaryDirectory() as scratch:
                within = stages(inputs[kind].documents, Kind(kind), REPEATS, Path(scratch))
            print(show(kind, spent, within), flush=True)
            details = {"spent": spent, "stages": within, "rounds": asdict(found[kind])}
            keep(row, count=counts[kind], **details)


if __name__ == "__main__":
    main()
