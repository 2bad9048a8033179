"""clip-server's own classes as the oracle: they read the very file that we read.

One patch: `download_model` gives the file's path, since the real one compares the MD5 of a
published checkpoint and random weights have another. M-CLIP's needs a second: `from_pretrained`
builds from a configuration, since transformers would ask the network.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from unittest import mock

import numpy as np
import torch
from clip_server.model import openclip_model
from clip_server.model.clip import _transform_blob
from clip_server.model.clip_model import CLIPModel
from clip_server.model.tokenization import Tokenizer

from tests.models.files import without_initialisation


@contextmanager
def reads(path):
    """clip-server takes its weights from `path`."""
    with (
        mock.patch.object(openclip_model, "download_model", return_value=str(path)),
        without_initialisation(),
    ):
        yield


def encode(name, path, images, texts):
    """Embeddings (n, d) of encoded images and of texts, as clip-server computes them."""
    with reads(path):
        model = CLIPModel(name)
    with torch.inference_mode():
        transform = _transform_blob(model.image_size)
        of_images = model.encode_image(torch.stack([transform(data) for data in images])).numpy()
        of_texts = model.encode_text(**Tokenizer(name)(texts)).numpy() if texts else None
    del model
    gc.collect()
    return of_images, of_texts


def cosines(ours, theirs):
    """Row by row, in float64."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    return (ours * theirs).sum(axis=1) / norms
