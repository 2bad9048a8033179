"""10,000 messages and pictures that mean harm: a refusal or an error of ours, in bounded memory.

Each test counts its cases; together they are at least 10,000. The last test adds them up and looks
at the memory of the process.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import psutil
import pytest
from docarray import Document, DocumentArray
from docarray.proto import docarray_pb2
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clipbench.contract import Reason, Refusal
from clipbench.contract.batches import EncodedBatch
from clipbench.contract.documents import (
    Item,
    JobDocument,
    Refused,
    index_or_none,
    read_content,
    read_item,
    refusal,
)
from clipbench.contract.endpoints import Kind, Task
from clipbench.contract.limits import Limits
from clipbench.contract.packing import pack, unpack
from clipbench.contract.parameters import JobSpec, ModelOptions
from clipbench.errors import InvalidRequest, TooLarge
from clipbench.pixels.pillow import PillowPixels
from clipbench.pixels.preprocessing import RefusedImage
from tests.flow.pictures import encoded, picture

LIMITS = Limits(image_pixels=4_000_000, image_bytes=1_000_000)
CASES: Counter[str] = Counter()
GROWTH_BYTES = 150 << 20
many = settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow's, of damaged files

seeds = st.integers(0, 2**64).map(random.Random)
WORDS = ["", "\0", "a", "a" * 600, "../..", "é" * 300, "ViT-B-32", "\u202e", "x" * 5000, "5", "nan"]
NUMBERS = [0, 1, -1, 5.0, 1.5, -0.0, 2**53, 2**60 + 1, -(2**70), 1e308]
NUMBERS += [float("nan"), float("inf"), float("-inf")]


def word(rng: random.Random) -> str:
    if rng.random() < 0.7:
        return rng.choice(WORDS)
    return "".join(chr(rng.choice([rng.randrange(128), rng.randrange(0xD800)])) for _ in range(9))


def value(rng: random.Random, depth: int = 0) -> Any:
    """Anything that a protobuf Struct can hold."""
    kind = rng.randrange(7 if depth < 4 else 4)
    if kind == 0:
        return rng.choice([None, True, False])
    if kind == 1:
        return rng.choice(NUMBERS) if rng.random() < 0.7 else rng.uniform(-1e6, 1e6)
    if kind < 4:
        return word(rng)
    if kind < 6:
        return [value(rng, depth + 1) for _ in range(rng.randrange(5))]
    return mapping(rng, WORDS, depth + 1)


def mapping(rng: random.Random, names: list[str], depth: int = 0) -> dict[str, Any]:
    """Some of the names, and others."""
    count = rng.randrange(7)
    chosen = [rng.choice(names) if rng.random() < 0.9 else word(rng) for _ in range(count)]
    return {name: value(rng, depth + 1) for name in chosen}


NAMES = [
    *("job", "model", "precision", "runtime", "activation", "dataset", "split", "classes"),
    *("templates", "multilabel", "cutoffs", "expected_images", "provenance", "forced", "decoding"),
]
TAGS = ["index", "label", "image_id", "class_index", "template_index"]


@pytest.fixture(scope="module", autouse=True)
def memory():
    """Resident memory before, after a warm-up that loads every decoder."""
    for data in originals().values():
        outcome(data)
    return psutil.Process().memory_info().rss


@many
@given(seeds, st.sampled_from(list(Task)))
def test_parameters(rng, task):
    parameters = mapping(rng, NAMES)
    CASES["parameters"] += 1
    usable = {"job": "a", "model": "m", "dataset": "d", "split": "s", "classes": 2, "templates": 1}
    for given_ in (parameters, {**usable, **parameters}):
        try:
            spec = JobSpec.read(task, given_)
        except InvalidRequest as refused:
            error = refused
        else:
            error = None
        if error is not None:
            assert len(str(error)) < 2000
            continue
        assert JobSpec.read(task, json.loads(json.dumps(spec.parameters()))) == spec
        assert ModelOptions.read(spec.parameters()) == spec.options


@many
@given(seeds, st.sampled_from(list(Kind)), st.booleans())
def test_documents(rng, kind, labelled):
    tags, id_ = mapping(rng, TAGS), word(rng)
    content = rng.randbytes(rng.randrange(50)) if rng.random() < 0.5 else word(rng).encode()
    CASES["documents"] += 1
    document = JobDocument(id_, content, tags)
    assert index_or_none(document) >= -1
    try:
        item = read_item(document, kind, labelled=labelled, limits=LIMITS)
        read_content(document, kind, LIMITS)
    except Refused as error:
        refused = error
    else:
        refused = None
    if refused is not None:
        assert refused.reason in Reason
        assert len(refusal(document, refused, LIMITS).id.encode()) <= LIMITS.id_bytes
        return
    assert item.id == id_
    assert 0 <= item.index < 2**53
    assert all(0 <= label < 2**53 for label in item.labels)


@cache
def message() -> bytes:
    """A batch as it goes over the wire."""
    documents = [
        JobDocument("a", b"\x89PNG", {"index": 1, "label": [1, 2]}),
        JobDocument("b", b"a red apple", {"index": 2, "image_id": "a"}),
        JobDocument("c", b"", {"index": 3, "judgements": {"a": 1}}),
    ]
    return DocumentArray([pack(documents)]).to_protobuf().SerializeToString()


@settings(many, max_examples=3000)
@given(seeds, st.sampled_from(list(Kind)))
def test_bytes_of_messages(rng, kind):
    CASES["messages"] += 1
    data = mutated(message(), rng)
    try:
        documents = DocumentArray.from_protobuf(docarray_pb2.DocumentArrayProto.FromString(data))
    except (DecodeError, ValueError, TypeError, KeyError, AttributeError):
        return  # Jina answers for the transport; what it lets through is ours
    try:
        found = unpack(documents, LIMITS)
    except (InvalidRequest, TooLarge):
        return
    for document in found:
        try:
            read_item(document, kind, labelled=True, limits=LIMITS)
            read_content(document, kind, LIMITS)
        except Refused as refused:
            refusal(document, refused, LIMITS)


@cache
def batch() -> tuple[str, np.ndarray]:
    items = tuple(Item(f"i{n}", n, (n,), "", 0) for n in range(3))
    broken = ((4, Refusal("x", Reason.IMAGE_DAMAGED, "cut")),)
    whole = EncodedBatch(Kind.IMAGE, "m", items, ("d",) * 3, np.ones((3, 4), np.float32), broken)
    document = whole.pack()[0]
    return document.text, document.embedding


@many
@given(seeds, st.integers(0, 4))
def test_batches(rng, rows):
    CASES["batches"] += 1
    text, _ = batch()
    header = json.loads(text)
    name = rng.choice(list(header))
    if rng.random() < 0.5:
        header[name] = value(rng)
    else:
        header.pop(name)
    text = json.dumps(header)
    if rng.random() < 0.5:
        text = mutated(text.encode(), rng).decode(errors="replace")
    document = Document(text=text)
    if rows:
        document.embedding = np.ones((rows, 4), np.float32)
    try:
        unpacked = EncodedBatch.unpack(DocumentArray([document]))
    except InvalidRequest:
        return
    assert len(unpacked.items) == len(unpacked.digests) == len(unpacked.embeddings)


# pictures


@cache
def originals() -> dict[str, bytes]:
    """A small picture in every format that is accepted."""
    small = picture(7, 24, 18)
    made = {
        kind: encoded(small, kind) for kind in ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "AVIF", "PPM")
    }
    made["GIF"] = encoded(small.convert("P"), "GIF")
    made["lossless WEBP"] = encoded(small, "WEBP", lossless=True)
    made["progressive JPEG"] = encoded(small, "JPEG", progressive=True)
    made["CMYK JPEG"] = encoded(small.convert("CMYK"), "JPEG")
    made["palette PNG"] = encoded(small.convert("P"), "PNG", transparency=0)
    made["compressed TIFF"] = encoded(small, "TIFF", compression="tiff_lzw")
    return made


@cache
def preprocessing() -> PillowPixels:
    return PillowPixels(
        16, (0.5,) * 3, (0.5,) * 3, max_pixels=LIMITS.image_pixels, max_bytes=LIMITS.image_bytes
    )


def outcome(data: bytes) -> str:
    """`counted`, or the reason of the refusal."""
    decoded = preprocessing().decode(data)
    if isinstance(decoded, RefusedImage):
        assert decoded.reason in Reason
        return str(decoded.reason)
    assert (decoded.shape, decoded.dtype) == ((16, 16, 3), np.uint8)
    return "counted"


@settings(many, max_examples=4000)
@given(st.sampled_from(sorted(originals())), seeds)
def test_pictures(name, rng):
    CASES["pictures"] += 1
    CASES[outcome(mutated(originals()[name], rng, header=True))] += 1


@pytest.mark.parametrize("name", sorted(originals()))
def test_every_start_of_a_picture_has_an_outcome(name):
    data = originals()[name]
    for end in range(0, len(data), max(1, len(data) // 150)):
        CASES["beginnings"] += 1
        outcome(data[:end])
    assert outcome(data) == "counted"


def mutated(data: bytes, rng: random.Random, *, header: bool = False) -> bytes:
    """The bytes with a few changed, dropped, doubled or cut off; near the start if asked."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        if not changed:
            break
        reach = min(len(changed), 64 if header and rng.random() < 0.8 else len(changed))
        at = rng.randrange(reach)
        kind = rng.randrange(6)
        if kind == 0:
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            changed[at] = rng.choice([0, 1, 0x7F, 0x80, 0xFF])
        elif kind == 2:
            changed[at : at + 4] = rng.choice([b"\xff" * 4, b"\0" * 4, b"\x7f" + b"\xff" * 3])
        elif kind == 3:
            del changed[at : at + rng.randint(1, 16)]
        elif kind == 4:
            changed[at:at] = bytes(changed[at : at + rng.randint(1, 16)])
        else:
            del changed[rng.randrange(len(changed)) :]
    return bytes(changed)


def test_these_were_ten_thousand_and_memory_is_where_it_was(memory):
    names = ("parameters", "documents", "messages", "batches", "pictures", "beginnings")
    if any(not CASES[name] for name in names):
        pytest.skip("counts what the whole file has done: run all of it, in one process")
    assert sum(CASES[name] for name in names) >= 10_000
    assert CASES["counted"] > 100  # the mutations are not all hopeless
    assert CASES["image_damaged"] > 100
    assert psutil.Process().memory_info().rss - memory < GROWTH_BYTES
