"""Jobs of embeddings that the client brings: the model's description, and their batches.

A document's content is its embedding. What it was made of stays with the client, which states the
SHA-256 of it in the tag `sha256`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from docarray import Document
from numpy.typing import NDArray

from clipbench.contract import Reason, Refusal
from clipbench.contract.batches import EncodedBatch
from clipbench.contract.documents import (
    JobDocument,
    Refused,
    index_or_none,
    read_item,
    refusal,
)
from clipbench.contract.endpoints import Kind, Task
from clipbench.contract.limits import Limits
from clipbench.contract.origin import is_digest
from clipbench.contract.packing import unpack
from clipbench.contract.parameters import JobSpec
from clipbench.encode_settings import EncodeSettings
from clipbench.errors import InvalidRequest
from clipbench.jobs.job import Job
from clipbench.jobs.store import JobStore

DTYPES = {"float32": "<f4", "float16": "<f2", "float64": "<f8"}
_LONGEST_DETAIL = 500


def describe(spec: JobSpec) -> dict[str, Any]:
    """What is known of the model, in the place of the encoder's description."""
    if spec.origin is None:
        raise InvalidRequest("a job of embeddings has the parameters 'origin' and 'dimension'")
    decisive = {
        "name": spec.model_name,
        "origin": {**asdict(spec.origin), "kind": str(spec.origin.kind)},
        "embed_dim": spec.dimension,
        "settings": asdict(EncodeSettings.unstated()),
    }
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()
    return {**decisive, "environment": {}, "digest": digest}


def read_batch(documents: Sequence[Document], job: Job, kind: Kind, limits: Limits) -> EncodedBatch:
    """One request's embeddings. Raises InvalidRequest and TooLarge as `unpack` does."""
    spec = job.spec
    if spec.origin is None:
        raise InvalidRequest(
            f"job {spec.job!r} was opened for a model of this server: send it images and texts"
        )
    items, digests, rows = [], [], []
    labelled = spec.task is Task.CLASSIFICATION
    refused: list[tuple[int, Refusal]] = []
    for document in unpack(documents, limits):
        try:
            item = read_item(document, kind, labelled=labelled, limits=limits)
            row, digest = _embedding(document, spec.dimension)
        except Refused as error:
            refused.append((index_or_none(document), refusal(document, error, limits)))
            continue
        items.append(item)
        digests.append(digest)
        rows.append(row)
    embeddings = np.stack(rows) if rows else np.zeros((0, spec.dimension), np.float32)
    return EncodedBatch(
        kind=kind,
        model=job.model["digest"],
        items=tuple(items),
        digests=tuple(digests),
        embeddings=embeddings,
        refused=tuple(refused),
    )


def embeddings_digest(store: JobStore, job: Job) -> dict[str, str]:
    """The SHA-256 of a job's embeddings as stored: images, texts and prompts in their order.

    Empty for a job of our encoder's embeddings.
    """
    if job.spec.origin is None:
        return {}
    digest = hashlib.sha256()
    for kind in (Kind.IMAGE, Kind.TEXT, Kind.TRAIN):
        for row in store.documents(job, kind, "embedding"):
            digest.update(row.embedding)
    for prompt in store.prompts(job):
        digest.update(prompt.embedding)
    return {"embeddings_sha256": digest.hexdigest()}


def _embedding(document: JobDocument, dimension: int) -> tuple[NDArray[np.float32], str]:
    """The numbers, and the digest of what they stand for. Raises Refused."""
    tags = document.tags
    if not document.content:
        told = str(tags.get("detail") or "no embedding came for it")[:_LONGEST_DETAIL]
        detail = told.encode(errors="replace").decode().replace("\0", "")
        raise Refused(Reason.EMBEDDING_MISSING, detail)
    digest, name = tags.get("sha256"), str(tags.get("dtype") or "float32")
    if not is_digest(digest):
        raise Refused(Reason.DIGEST_INVALID, "tag 'sha256' is that of the image or text, in hex")
    if name not in DTYPES:
        known = ", ".join(DTYPES)
        raise Refused(Reason.EMBEDDING_INVALID, f"tag 'dtype' is one of {known}, not {name!r:.50}")
    dtype = np.dtype(DTYPES[name])
    if len(document.content) != dimension * dtype.itemsize:
        size = len(document.content) / dtype.itemsize
        detail = f"{size:g} numbers of {name}; the job declares {dimension}"
        raise Refused(Reason.EMBEDDING_INVALID, detail)
    with np.errstate(over="ignore"):  # what float32 does not hold is infinite, which is refused
        row = np.frombuffer(document.content, dtype).astype(np.float32)
    return row, str(digest)
