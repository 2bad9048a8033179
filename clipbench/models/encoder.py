"""The encoder: models by name, images and texts in, embeddings out. It knows nothing of Jina.

encoder = Encoder(EncoderSettings())
encoded = encoder.encode_texts("ViT-mini-16-64::embedded", EncodeOptions(), ["a red apple"])
"""

from __future__ import annotations

import hashlib
import platform
from collections import deque
from collections.abc import Hashable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from clipbench.contract import Reason
from clipbench.models import loading
from clipbench.models.embedding_cache import EmbeddingCache
from clipbench.models.loading import Loaded
from clipbench.models.options import (
    Encoded,
    EncodeOptions,
    EncoderSettings,
    ModelDescription,
    Precision,
    RuntimeName,
    UserCheckpoint,
)
from clipbench.models.pool import Pool
from clipbench.models.preprocess import (
    ImageData,
    Interpolation,
    Pixels,
    Preprocessing,
    RefusedImage,
)
from clipbench.models.registry import ModelInfo, Registry, packaged
from clipbench.models.sources import Sources
from clipbench.models.tokenizers import pad

__all__ = [
    "EncodeOptions",
    "Encoded",
    "Encoder",
    "EncoderSettings",
    "ModelDescription",
    "Precision",
    "RuntimeName",
    "UserCheckpoint",
]


class Encoder:
    """Encodes with any model of the registry; safe between threads."""

    def __init__(self, settings: EncoderSettings) -> None:
        self.settings = settings
        self.registry: Registry = packaged()
        for own in settings.checkpoints:
            self.registry = self.registry.with_checkpoint(
                own.name, own.path, architecture=own.architecture, activation=own.activation
            )
        self._device = torch.device(
            settings.device or ("cuda" if torch.cuda.is_available() else "cpu")
        )
        if settings.threads:
            torch.set_num_threads(settings.threads)
        self._pool: Pool[Loaded] = Pool(settings.memory_limit_bytes)
        self._decoders = ThreadPoolExecutor(settings.decoders, thread_name_prefix="decode")
        self._texts = EmbeddingCache(settings.text_cache_bytes)
        self._images = EmbeddingCache(settings.image_cache_bytes)

    def names(self) -> tuple[str, ...]:
        """Every name, alias and spelling that it serves."""
        return self.registry.names()

    def encode_images(
        self, model: str, options: EncodeOptions, images: Sequence[ImageData]
    ) -> Encoded:
        """Embeddings of encoded images, or of (height, width, 3) uint8 arrays.

        An image that cannot be used is refused with a reason; the others are encoded. Raises
        UnknownName, CheckpointError and Unsupported.
        """
        loaded = self._load(model, options)
        preprocessing = self._preprocessing(loaded, options)
        keys = [_image_key(loaded, preprocessing, options, image) for image in images]
        rows, todo = self._known(self._images, keys, options)
        refused = []
        window = self._decoded(preprocessing, [images[i] for i in todo])
        batches = _batched(todo, self.settings.batch_size)
        for positions, decoded in zip(batches, window, strict=True):
            accepted = []
            pixels = []
            for position, result in zip(positions, decoded, strict=True):
                if isinstance(result, RefusedImage):
                    refused.append((position, result.reason, result.detail))
                else:
                    accepted.append(position)
                    pixels.append(result)
            if pixels:
                batch = preprocessing.normalise(pixels)
                with loaded.lock:
                    embeddings = loaded.runtime.encode_images(batch)
                self._keep(self._images, rows, keys, accepted, embeddings, options)
        return _encoded(rows, loaded, refused, ())

    def encode_texts(self, model: str, options: EncodeOptions, texts: Sequence[str]) -> Encoded:
        """Embeddings of texts; a text of white space only is refused.

        Texts run in batches of similar length, padded to the longest of the batch. Raises
        UnknownName, CheckpointError and Unsupported.
        """
        loaded = self._load(model, options)
        refused = [
            (i, Reason.EMPTY, "the text is empty")
            for i, text in enumerate(texts)
            if not text.strip()
        ]
        usable = [i for i, text in enumerate(texts) if text.strip()]
        tokens = loaded.tokenizer([texts[i] for i in usable], loaded.info.context_length)
        ids = dict(zip(usable, tokens.ids, strict=True))
        keys = [_text_key(loaded, options, ids.get(i, ())) for i in range(len(texts))]
        rows, todo = self._known(self._texts, keys, options)
        todo = sorted((i for i in todo if i in ids), key=lambda i: len(ids[i]))
        for positions in _batched(todo, self.settings.batch_size):
            batch = pad([ids[i] for i in positions], loaded.tokenizer.padding)
            with loaded.lock:
                embeddings = loaded.runtime.encode_texts(*batch)
            self._keep(self._texts, rows, keys, positions, embeddings, options)
        return _encoded(rows, loaded, refused, tuple(usable[i] for i in tokens.truncated))

    def describe(self, model: str, options: EncodeOptions) -> ModelDescription:
        """What makes the model's embeddings what they are; loads the model."""
        loaded = self._load(model, options)
        info, preprocessing = loaded.info, self._preprocessing(loaded, options)
        return ModelDescription(
            name=info.name,
            architecture=info.architecture,
            pretrained=info.pretrained,
            checkpoint_sha256=loaded.sha256,
            checkpoint_bytes=loaded.checkpoint_bytes,
            activation=loaded.activation,
            image_size=info.image_size,
            interpolation=preprocessing.interpolation,
            mean=info.mean,
            std=info.std,
            context_length=info.context_length,
            tokenizer=info.tokenizer,
            embed_dim=info.embed_dim,
            licence=info.licence,
            logit_scale=loaded.logit_scale,
            precision=Precision(options.precision or Precision.FLOAT32),
            runtime=RuntimeName(options.runtime),
            device=str(self._device),
            device_name=_device_name(self._device),
        )

    def loaded(self) -> dict[str, int]:
        """Bytes of the weights of each loaded model, the least recently used first."""
        return {" ".join(map(str, key)): size for key, size in self._pool.loaded().items()}  # type: ignore[call-overload]

    def close(self) -> None:
        """Stops the decoders."""
        self._decoders.shutdown()

    def _load(self, model: str, options: EncodeOptions) -> Loaded:
        info = self.registry.find(model)
        activation = options.activation or info.activation
        key = (info.name, options.precision, options.runtime, activation)
        return self._pool.get(
            key, 0, lambda: loading.load(info, options, self._files, self._device)
        )

    def _files(self, info: ModelInfo) -> dict[str, Path]:
        settings = self.settings
        folders = tuple(folder.expanduser() for folder in settings.folders)
        return Sources(settings.cache.expanduser(), folders, settings.offline).pull(info)

    def _preprocessing(self, loaded: Loaded, options: EncodeOptions) -> Preprocessing:
        return replace(
            Preprocessing.of(
                loaded.info, Interpolation(options.interpolation or loaded.info.interpolation)
            ),
            max_bytes=self.settings.max_image_bytes,
            max_pixels=self.settings.max_image_pixels,
        )

    def _decoded(
        self, preprocessing: Preprocessing, images: Sequence[ImageData]
    ) -> Iterator[list[Pixels | RefusedImage]]:
        """The images' pixels, batch by batch; the next batch is decoded while one is used."""
        ahead: deque[list[Future[list[Pixels | RefusedImage]]]] = deque()
        decode = preprocessing.decode
        for batch in _batched(images, self.settings.batch_size):
            share = -(-len(batch) // (2 * self.settings.decoders))
            ahead.append(
                [
                    self._decoders.submit(lambda part: [decode(image) for image in part], part)
                    for part in _batched(batch, share)
                ]
            )
            if len(ahead) > 2:
                yield [pixels for part in ahead.popleft() for pixels in part.result()]
        while ahead:
            yield [pixels for part in ahead.popleft() for pixels in part.result()]

    @staticmethod
    def _known(
        cache: EmbeddingCache, keys: Sequence[Hashable], options: EncodeOptions
    ) -> tuple[dict[int, NDArray[np.float32]], list[int]]:
        """The rows that the cache has, and the positions that it has not."""
        found = cache.get(keys) if options.cached else [None] * len(keys)
        rows = {i: row for i, row in enumerate(found) if row is not None}
        return rows, [i for i, row in enumerate(found) if row is None]

    @staticmethod
    def _keep(
        cache: EmbeddingCache,
        rows: dict[int, NDArray[np.float32]],
        keys: Sequence[Hashable],
        positions: Sequence[int],
        embeddings: NDArray[np.float32],
        options: EncodeOptions,
    ) -> None:
        rows.update(zip(positions, embeddings, strict=True))
        if options.cached:
            cache.put([keys[i] for i in positions], embeddings)


def _encoded(
    rows: dict[int, NDArray[np.float32]],
    loaded: Loaded,
    refused: list[tuple[int, Reason, str]],
    truncated: tuple[int, ...],
) -> Encoded:
    accepted = np.array(sorted(rows), dtype=np.int64)
    embeddings = np.empty((len(rows), loaded.info.embed_dim), np.float32)
    for row, position in enumerate(accepted.tolist()):
        embeddings[row] = rows[position]
    return Encoded(embeddings, accepted, tuple(sorted(refused)), truncated)


def _image_key(
    loaded: Loaded, preprocessing: Preprocessing, options: EncodeOptions, image: ImageData
) -> Hashable:
    if not options.cached:
        return None
    data = image if isinstance(image, bytes) else np.ascontiguousarray(image).data
    shape = () if isinstance(image, bytes) else (image.shape, image.dtype.str)
    content = hashlib.sha256(data).digest()
    return (_model_key(loaded, options), preprocessing.interpolation, shape, content)


def _text_key(loaded: Loaded, options: EncodeOptions, ids: Sequence[int]) -> Hashable:
    return (_model_key(loaded, options), np.array(ids, np.int32).tobytes())


def _model_key(loaded: Loaded, options: EncodeOptions) -> Hashable:
    return (loaded.sha256, loaded.activation, options.precision, options.runtime)


def _batched(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return platform.processor() or platform.machine()
