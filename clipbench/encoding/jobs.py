"""Encodes a job's documents into one packed batch: checks identities, records refusals."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from docarray import DocumentArray

from clipbench.config import Settings
from clipbench.contract import Refusal
from clipbench.contract.batches import EncodedBatch
from clipbench.contract.documents import (
    Refused,
    index_or_none,
    read_content,
    read_item,
    refusal,
)
from clipbench.contract.endpoints import Kind
from clipbench.contract.limits import Limits
from clipbench.contract.packing import unpack
from clipbench.contract.parameters import ModelOptions
from clipbench.environment import environment
from clipbench.preflight import checkpoint_digests
from clipbench.serving.encoder import Encoded, EncodeOptions, Encoder

_MOST_IMAGES = 256
# ViT-B has 0.6 GB of weights, ViT-L 1.7, ViT-H 3.9, ViT-bigG 10
_IMAGES_BY_BYTES = ((1e9, _MOST_IMAGES), (3e9, 64), (6e9, 32), (math.inf, 16))


def encode_options(options: ModelOptions) -> EncodeOptions:
    """The contract's options as the encoder's."""
    return EncodeOptions(options.settings, forced=options.forced)


def served(encoder: Encoder, settings: Settings) -> dict[str, Any]:
    """The models that a client may ask for, and the device and checkpoints that the server sets."""
    return {
        "names": sorted(encoder.names()),
        "device": str(encoder.device),
        "checkpoints": checkpoint_digests(settings),
    }


def describe(encoder: Encoder, options: ModelOptions) -> dict[str, Any]:
    """The encoder's description of the model, with a digest of all that determines an embedding.

    The digest ties a batch to its job: the same model with another precision has another digest.
    The device's name and the environment are not in it: replicas on processors of two kinds differ
    in low-order bits only, and a job goes on after an update of the server.
    """
    description = _description(encoder, options)
    own = {
        "environment": asdict(environment()),
        "digest": _digest(description),
        "request_images": request_images(description["device"], description["checkpoint_bytes"]),
    }
    return {**description, **own}


def request_images(device: str, checkpoint_bytes: int) -> int:
    """Images of a request of a job: many where a request costs more than it computes.

    On a CPU the larger towers compute fewer, so that an answer comes every minute or so, and a
    restart repeats little. The number is the same for every job of the model on such a device,
    since the last bits of an embedding depend on the request that it is in.
    """
    if device != "cpu":
        return _MOST_IMAGES
    return next(images for most, images in _IMAGES_BY_BYTES if checkpoint_bytes <= most)


def _description(encoder: Encoder, options: ModelOptions) -> Mapping[str, Any]:
    return encoder.describe(options.model, encode_options(options)).as_dict()


def _digest(description: Mapping[str, Any]) -> str:
    decisive = {name: value for name, value in description.items() if name != "device_name"}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def encode_batch(
    encoder: Encoder,
    options: ModelOptions,
    documents: DocumentArray,
    kind: Kind,
    limits: Limits,
    *,
    labelled: bool,
) -> EncodedBatch:
    """Encode one request of a job. Raises InvalidRequest and TooLarge as `unpack` does."""
    items, contents, digests = [], [], []
    refused: list[tuple[int, Refusal]] = []
    for document in unpack(documents, limits):
        try:
            item = read_item(document, kind, labelled=labelled, limits=limits)
            content = read_content(document, kind, limits)
        except Refused as error:
            refused.append((index_or_none(document), refusal(document, error, limits)))
            continue
        items.append(item)
        contents.append(content)
        digests.append(hashlib.sha256(document.content).hexdigest())
    encoded = _encode(encoder, options, kind, contents, digests)
    for position, reason, detail in encoded.refused:
        item = items[position]
        refused.append((item.index, Refusal(item.id, reason, detail)))
    row_of = {int(position): row for row, position in enumerate(encoded.accepted)}
    return EncodedBatch(
        kind=kind,
        model=_digest(_description(encoder, options)),
        items=tuple(items[position] for position in row_of),
        digests=tuple(digests[position] for position in row_of),
        embeddings=encoded.embeddings,
        refused=tuple(refused),
        truncated=tuple(row_of[position] for position in encoded.truncated if position in row_of),
    )


def _encode(
    encoder: Encoder, options: ModelOptions, kind: Kind, contents: list[Any], digests: list[str]
) -> Encoded:
    if not contents:
        none = np.zeros(0, np.int64)
        return Encoded(np.zeros((0, 0), np.float32), none, (), ())
    if kind.is_image:
        return encoder.encode_images(options.model, encode_options(options), contents, digests)
    return encoder.encode_texts(options.model, encode_options(options), contents)
