"""Soak: many clients, an encoder killed every minute, one document in a hundred bad.

    python benchmarks/soak.py                      30 minutes, 16 clients
    python benchmarks/soak.py --minutes 2          a smoke test

Every client opens one small job after another (classification and retrieval in turn), sends its
documents in batches, some batches twice, asks for the result and for the record of every document,
and compares with what it sent. Exits with 1 when a document was lost, counted twice or refused for
another reason, a job failed, or memory grew. The Flow is its own, on 127.0.0.1 alone.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import signal
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import psutil
from PIL import Image

from clipbench import config
from clipbench.client.connection import Connection
from clipbench.client.serving import Server
from clipbench.contract import documents as contract
from clipbench.contract.batches import BatchOutcome
from clipbench.contract.endpoints import Task, job_endpoint
from clipbench.contract.packing import pack
from clipbench.errors import ClipbenchError

MODEL = "ViT-nano-16-64::embedded"
CLASSES = [f"thing {i}" for i in range(10)]
IMAGES, TEXTS_PER_IMAGE, BATCH = 120, 2, 32
SAMPLE_SECONDS = 2.0
GROWTH_SHARE, GROWTH_BYTES = 0.05, 24 << 20  # over the second half of the run


@dataclass
class Tally:
    """The observations of all clients. The lock is for every field."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    jobs: int = 0
    documents: int = 0
    bad: int = 0
    sent_twice: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Sent:
    """A document and its expected outcome: '' is counted, anything else the reason."""

    document: contract.JobDocument
    verb: str
    expected: str


def pictures(count: int) -> list[bytes]:
    """Small PNGs, each another."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(count):
        coarse = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(coarse).resize((64, 64)).save(buffer, "PNG")
        made.append(buffer.getvalue())
    return made


def corpus(task: Task, photos: list[bytes], share: float, rng: random.Random) -> Iterator[Sent]:
    """The documents of one job in their order, `share` of them bad in a way that has a reason."""
    labelled = task is Task.CLASSIFICATION
    refused: set[str] = set()
    for index in range(IMAGES):
        id_, data = f"image-{index}", rng.choice(photos)
        labels = [index % len(CLASSES)] if labelled else None
        reason = ""
        if rng.random() < share:
            reason, data = rng.choice(
                [("image_damaged", data[: len(data) // 2]), ("not_an_image", b"no image")]
            )
            refused.add(id_)
        yield Sent(contract.image_document(id_, index, data, labels), "images", reason)
    for index in range(0 if labelled else IMAGES * TEXTS_PER_IMAGE):
        image = f"image-{index % IMAGES}"
        text, reason = f"picture {index} of {image}", "image_refused" if image in refused else ""
        if rng.random() < share:
            text, reason = " ", "empty"
        yield Sent(contract.text_document(f"text-{index}", index, text, image), "texts", reason)


def run_job(
    connection: Connection, task: Task, sent: list[Sent], tally: Tally, rng: random.Random
) -> None:
    """One job from open to delete; what is not as it should be goes into the tally."""
    job = f"soak-{uuid.uuid4().hex}"
    options = {"job": job, "model": MODEL}
    names = CLASSES if task is Task.CLASSIFICATION else []
    declared = {**options, "dataset": "soak", "split": "test"}
    declared |= {"classes": len(names), "templates": 1} if names else {}
    documents = [contract.class_document(i, name) for i, name in enumerate(names)]
    connection.request(job_endpoint(task, "open"), documents, declared)
    if names:
        prompts = [contract.prompt_document(i, 0, f"a {name}") for i, name in enumerate(names)]
        connection.request(job_endpoint(task, "prompts"), [pack(prompts)], options)
    twice = 0
    for verb in ("images", "texts"):
        of_verb = [one.document for one in sent if one.verb == verb]
        for start in range(0, len(of_verb), BATCH):
            batch = of_verb[start : start + BATCH]
            for _ in range(1 + (rng.random() < 0.1)):
                answer = connection.request(job_endpoint(task, verb), [pack(batch)], options)
                outcome = BatchOutcome.unpack(answer)
                if outcome.counted + outcome.repeated + len(outcome.refused) != len(batch):
                    with tally.lock:
                        tally.wrong.append(f"{job}: a batch without an outcome for each document")
                twice += len(batch)
        twice -= len(of_verb)
    result = contract.answer(connection.request(job_endpoint(task, "result"), (), {"job": job}))
    wrong = differences(sent, result, records(connection, task, job))
    connection.request(job_endpoint(task, "delete"), (), {"job": job})
    with tally.lock:
        tally.jobs += 1
        tally.documents += len(sent)
        tally.bad += sum(1 for one in sent if one.expected)
        tally.sent_twice += twice
        tally.wrong += [f"{job}: {text}" for text in wrong]


def records(connection: Connection, task: Task, job: str) -> list[tuple[str, str]]:
    """(id, reason or '') of every document that the server knows of."""
    found: list[tuple[str, str]] = []
    for kind in ("image", "text", "refused"):
        asked = {"job": job, "kind": kind}
        page = contract.answer(connection.request(job_endpoint(task, "records"), (), asked))
        found += [(row["id"], row.get("reason", "")) for row in page["records"]]
    return found


def differences(
    sent: list[Sent], result: dict[str, object], told: list[tuple[str, str]]
) -> list[str]:
    """Lost, counted twice, or another outcome than it has to be."""
    expected = {one.document.id: one.expected for one in sent}
    # a text whose image is refused is listed as counted before the result, and as refused after it
    final = Counter(id_ for id_, reason in told if reason)
    counted = Counter(id_ for id_, reason in told if not reason)
    wrong = [f"{id_} has no outcome" for id_ in expected if not final[id_] and not counted[id_]]
    wrong += [f"{id_} was counted {times} times" for id_, times in counted.items() if times > 1]
    wrong += [f"{id_} was refused {times} times" for id_, times in final.items() if times > 1]
    reasons = {id_: reason for id_, reason in told if reason}
    wrong += [
        f"{id_}: {reasons.get(id_) or 'counted'} instead of {reason or 'counted'}"
        for id_, reason in expected.items()
        if reasons.get(id_, "") != reason
    ]
    documents = result["documents"]
    assert isinstance(documents, dict)
    bad = sum(1 for reason in expected.values() if reason)
    if (documents["counted"], documents["refused"]) != (len(expected) - bad, bad):
        wrong.append(f"the result says {documents}, sent were {len(expected)} with {bad} bad")
    return wrong


def client(address: str, number: int, share: float, until: float, tally: Tally) -> None:
    """One client: job after job until the time is over."""
    rng = random.Random(number)
    photos = pictures(200)
    tasks = [Task.CLASSIFICATION, Task.RETRIEVAL]
    with Connection(address) as connection:
        while time.monotonic() < until:
            task = tasks[number % 2]
            number += 1
            started = time.perf_counter()
            try:
                run_job(connection, task, list(corpus(task, photos, share, rng)), tally, rng)
            except ClipbenchError as error:
                with tally.lock:
                    tally.wrong.append(f"a {task} job failed: {type(error).__name__}: {error}")
            with tally.lock:
                tally.seconds.append(time.perf_counter() - started)


Samples = dict[str, list[tuple[float, int, int]]]
"""(seconds since the start, process id, resident bytes) by the name of the process."""


def watch(server: Server, samples: Samples, stop: threading.Event) -> None:
    """Read the memory of every process until told to stop."""
    started = time.monotonic()
    while not stop.wait(SAMPLE_SECONDS):
        for name, pid in server.process_ids().items():
            try:
                resident = psutil.Process(pid).memory_info().rss
            except psutil.NoSuchProcess:
                continue
            samples[name].append((time.monotonic() - started, pid, resident))


def memory_row(name: str, taken: list[tuple[float, int, int]], total: float) -> tuple[str, bool]:
    """A line of the table, and whether memory was flat.

    A process that lives through the run is judged by the slope over its second half. One that is
    killed is judged by the highest memory of each life, the last third of lives against the first.
    """
    lives: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for at, pid, resident in taken:
        lives[pid].append((at, resident))
    mib = 1 << 20
    peak = max(resident for _, _, resident in taken)
    if len(lives) == 1:
        half = [(at, resident) for at, _, resident in taken if at > total / 2]
        at, resident = np.array(half, float).T
        growth = float(np.polyfit(at, resident, 1)[0]) * (total / 2)
    else:
        highest = [max(resident for _, resident in life) for life in lives.values()][:-1]
        third = max(1, len(highest) // 3)
        growth = float(np.median(highest[-third:]) - np.median(highest[:third]))
    flat = growth < max(GROWTH_BYTES, GROWTH_SHARE * peak)
    line = f"{name:<16}{len(lives):>6}{peak / mib:>12.0f}{growth / mib:>+14.1f}"
    return f"{line}   {'flat' if flat else 'GROWS'}", flat


def report(tally: Tally, samples: Samples, kills: int, restarts: int, seconds: float) -> bool:
    """Print what was seen; True when all of it is as it has to be."""
    print(f"\n{seconds / 60:.1f} minutes, {tally.jobs} jobs, {tally.documents} documents")
    print(f"bad documents      {tally.bad} ({100 * tally.bad / max(1, tally.documents):.2f} %)")
    print(f"sent twice         {tally.sent_twice}")
    print(f"encoder kills      {kills}, processes started again {restarts}")
    if tally.seconds:
        p50, p95 = np.percentile(tally.seconds, [50, 95])
        print(f"seconds of a job   median {p50:.1f}, 95 % {p95:.1f}, max {max(tally.seconds):.1f}")
    print(f"wrong outcomes     {len(tally.wrong)}")
    for text in tally.wrong[:20]:
        print(f"  {text}")
    print(f"\n{'process':<16}{'lives':>6}{'peak MiB':>12}{'growth MiB':>14}")
    rows = [memory_row(name, taken, seconds) for name, taken in sorted(samples.items())]
    print("\n".join(line for line, _ in rows))
    good = not tally.wrong and tally.jobs > 0 and restarts >= kills and all(f for _, f in rows)
    print("\nPASSED" if good else "\nFAILED")
    return good


def soak(arguments: argparse.Namespace) -> bool:
    """Start the Flow, let the clients loose, kill the encoder, and report."""
    with tempfile.TemporaryDirectory(prefix="clipbench-soak-") as state:
        settings = replace(config.load(), host="127.0.0.1", state=state, offline=True, model=MODEL)
        tally, stop, kills = Tally(), threading.Event(), 0
        samples: Samples = defaultdict(list)
        with Server(settings, any_port=True) as server:
            print(f"{server.address}, {arguments.clients} clients, {arguments.minutes:g} minutes")
            started = time.monotonic()
            until = started + 60 * arguments.minutes
            threads = [threading.Thread(target=watch, args=(server, samples, stop))]
            threads += [
                threading.Thread(
                    target=client, args=(server.address, i, arguments.bad, until, tally)
                )
                for i in range(arguments.clients)
            ]
            for thread in threads:
                thread.start()
            while time.monotonic() + arguments.kill_every < until:
                time.sleep(arguments.kill_every)
                os.kill(server.process_ids()["encoder"], signal.SIGKILL)
                kills += 1
                print(
                    f"{time.monotonic() - started:6.0f} s  encoder killed, {tally.jobs} jobs done"
                )
            for thread in threads[1:]:
                thread.join()
            seconds = time.monotonic() - started
            stop.set()
            threads[0].join()
            return report(tally, samples, kills, server.restarts, seconds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--kill-every", type=float, default=60, help="seconds")
    parser.add_argument("--bad", type=float, default=0.01, help="share of bad documents")
    sys.stdout.reconfigure(line_buffering=True)
    os.environ.setdefault("JINA_LOG_CONFIG", "QUIET")  # a killed encoder is no news here
    sys.exit(0 if soak(parser.parse_args()) else 1)
