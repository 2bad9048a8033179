"""The encoder: models by name, images and texts in, embeddings out. It knows nothing of Jina.

encoder = Encoder(EncoderSettings())
encoded = encoder.encode_texts("ViT-mini-16-64::embedded", EncodeOptions(), ["a red apple"])
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch

from clipbench.encode_settings import Decoding, EncodeSettings
from clipbench.environment import processor_name
from clipbench.networks.copies import copies_of
from clipbench.networks.runtimes import Floats
from clipbench.networks.shape_buckets import Buckets
from clipbench.networks.token_batches import shards, text_batches
from clipbench.pixels.on_device import on_device
from clipbench.pixels.pillow import PillowPixels
from clipbench.pixels.preprocessing import ImageData, RefusedImage
from clipbench.registry.table import ModelInfo, Registry, packaged
from clipbench.serving import loading
from clipbench.serving.dynamic_batcher import DynamicBatcher, Sizes
from clipbench.serving.embedding_cache import EmbeddingCache
from clipbench.serving.keys import image_key, model_key, text_key
from clipbench.serving.loading import Loaded
from clipbench.serving.model_pool import Pool
from clipbench.serving.options import (
    Encoded,
    EncodeOptions,
    EncoderSettings,
    ModelDescription,
)
from clipbench.serving.out_of_memory import in_parts, load_or_evict
from clipbench.serving.request_rows import Rows, text_problem
from clipbench.serving.warm_up import warm_up
from clipbench.serving.worker_pool import WorkerPool
from clipbench.weights.own import UserCheckpoint
from clipbench.weights.sources import Sources

__all__ = [
    "EncodeOptions",
    "Encoded",
    "Encoder",
    "EncoderSettings",
    "ModelDescription",
    "UserCheckpoint",
]

Document = TypeVar("Document")
Result = TypeVar("Result")
Stage = Callable[[str], AbstractContextManager[object]]
_GPU_WORKERS = 3  # one computes, two prepare
# In a batch. An H200's pass of ViT-B-32 takes 4.8 ms however few images it has: with 128 that is
# 26,000/s, about what 16 cores decode.
_IMAGES, _GPU_IMAGES = 32, 128
_LEAST_TOKENS, _LEAST_IMAGES = 256, 16  # per batch of several requests: smaller ones are slower


def unmeasured(_stage: str) -> AbstractContextManager[object]:
    """A stage that nobody measures."""
    return nullcontext()


class Encoder:
    """Encodes with any model of the registry; safe between threads.

    stage: entered around each stage of the work (`decode`, `tokenise`, `forward`), by its name.
    """

    def __init__(self, settings: EncoderSettings, stage: Stage = unmeasured) -> None:
        self.settings = settings
        self._stage = stage
        self.registry: Registry = packaged()
        for own in settings.checkpoints:
            self.registry = self.registry.with_checkpoint(
                own.name, own.path, architecture=own.architecture, activation=own.activation
            )
        self._device = torch.device(
            settings.device or ("cuda" if torch.cuda.is_available() else "cpu")
        )
        self._as_gpu = self._device.type == "cuda" if settings.as_gpu is None else settings.as_gpu
        tokens, images = 4 * settings.batch_tokens, settings.batch_size or _GPU_IMAGES
        self._buckets = Buckets(tokens, images) if self._as_gpu else None
        if settings.threads:
            torch.set_num_threads(settings.threads)
        self._cache = settings.cache.expanduser()
        self._pool: Pool[Loaded] = Pool(settings.memory_limit_bytes)
        on_cpu = self._device.type == "cpu"
        workers = torch.get_num_threads() if on_cpu else _GPU_WORKERS
        self._workers = WorkerPool(workers, whole=on_cpu)
        decoders = settings.decoders or (0 if on_cpu else len(os.sched_getaffinity(0)))
        self._decoders = ThreadPoolExecutor(decoders, "decoder") if decoders else None
        self._batcher = DynamicBatcher(self._workers)
        self._known = EmbeddingCache(settings.embedding_cache_bytes, self._cache)

    @property
    def device(self) -> str:
        """The device of the models: cpu, cuda, cuda:1."""
        return str(self._device)

    def names(self) -> tuple[str, ...]:
        """Every name, alias and spelling that it serves."""
        return self.registry.names()

    def encode_images(
        self,
        model: str,
        options: EncodeOptions,
        images: Sequence[ImageData],
        digests: Sequence[str] | None = None,
    ) -> Encoded:
        """Embeddings of encoded images, or of (height, width, 3) uint8 arrays.

        digests: SHA-256 of the files, where the caller has them. An image that cannot be used is
        refused with a reason; the others are encoded. Raises UnknownName, CheckpointError and
        Unsupported.
        """
        loaded = self.load(model, options)
        source = self.pixels(loaded, options.settings)
        way = ("images", model_key(loaded, options), source)
        known = self._known if options.cached else None
        contents: Sequence[Hashable] | None = digests
        if contents is None:
            contents = [image_key(image) if known else None for image in images]
        rows = Rows(way, contents, known)

        def encode(batch: Sequence[ImageData]) -> list[Floats | RefusedImage]:
            each = self._decoders.map if self._decoders else map
            copies = copies_of(loaded.runtime.device)
            with self._stage("decode"), copies.ahead() as hand_over:
                pixels, refused = source.prepare(batch, loaded.runtime.device, each)
            if pixels is None:
                return [why for why in refused if why]
            with self._stage("forward"):
                embeddings = iter(loaded.encode_images(hand_over(pixels)))
            return [why or next(embeddings) for why in refused]

        todo = [images[position] for position in rows.todo]
        most = loaded.buckets.images if loaded.buckets else self.settings.batch_size or _IMAGES
        sizes = Sizes.of(_LEAST_IMAGES, most, loaded.runtime.side_by_side)
        outcomes = self._run(way, encode, todo, [1] * len(todo), sizes, options)
        for position, outcome in zip(rows.todo, outcomes, strict=True):
            if isinstance(outcome, RefusedImage):
                rows.refuse(position, outcome.reason, outcome.detail)
            else:
                rows.keep(position, outcome)
        return rows.encoded(loaded.info.embed_dim)

    def encode_texts(self, model: str, options: EncodeOptions, texts: Sequence[str]) -> Encoded:
        """Embeddings of texts; one of white space only is refused, as is one that is not Unicode.

        Texts that begin alike run together where the tower is causal, otherwise texts of similar
        length. Raises UnknownName, CheckpointError and Unsupported.
        """
        loaded = self.load(model, options)
        problems = {i: why for i, text in enumerate(texts) if (why := text_problem(text))}
        usable = [i for i in range(len(texts)) if i not in problems]
        with self._stage("tokenise"):
            tokens = loaded.tokenizer([texts[i] for i in usable], loaded.info.context_length)
        ids = dict(zip(usable, tokens.ids, strict=True))
        way = ("texts", model_key(loaded, options))
        keys = [problems[i] if i in problems else text_key(ids[i]) for i in range(len(texts))]
        rows = Rows(way, keys, self._known if options.cached else None)
        for position, (reason, detail) in problems.items():
            rows.refuse(position, reason, detail)
        todo = sorted((i for i in rows.todo if i in ids), key=lambda i: loaded.order(ids[i]))

        most = loaded.buckets.tokens if loaded.buckets else self.settings.batch_tokens

        def encode(texts: Sequence[list[int]]) -> list[Floats]:
            rows: dict[int, Floats] = {}
            for positions in text_batches(texts, loaded.order, partial(loaded.fits, most=most)):
                batch = loaded.batch([texts[i] for i in positions])
                with self._stage("forward"):
                    done = loaded.runtime.encode_texts(*batch)
                rows.update(zip(positions, done, strict=False))  # buckets repeat the last text
            return [rows[i] for i in range(len(texts))]

        weights = [len(ids[i]) for i in todo]
        sizes = Sizes.of(_LEAST_TOKENS, most, loaded.runtime.side_by_side)
        outcomes = self._run(way, encode, [ids[i] for i in todo], weights, sizes, options)
        for position, embedding in zip(todo, outcomes, strict=True):
            rows.keep(position, embedding)
        truncated = tuple(usable[i] for i in tokens.truncated)
        lengths = tuple(len(ids.get(i, ())) for i in range(len(texts)))
        return replace(rows.encoded(loaded.info.embed_dim, truncated), tokens=lengths)

    def describe(self, model: str, options: EncodeOptions) -> ModelDescription:
        """The model and everything that determines its embeddings; loads the model."""
        loaded = self.load(model, options)
        info, preprocessing = loaded.info, self.pixels(loaded, options.settings)
        return ModelDescription(
            name=info.name,
            architecture=info.architecture,
            pretrained=info.pretrained,
            checkpoint_sha256=loaded.sha256,
            checkpoint_bytes=loaded.checkpoint_bytes,
            settings=options.settings.over(info.settings),
            image_size=info.image_size,
            resize_mode=info.resize_mode,
            fill_color=info.fill_color,
            mean=preprocessing.mean,
            std=preprocessing.std,
            context_length=info.context_length,
            tokenizer=info.tokenizer,
            embed_dim=info.embed_dim,
            licence=info.licence,
            logit_scale=loaded.logit_scale,
            logit_bias=loaded.logit_bias,
            device=self.device,
            device_name=_device_name(self._device),
            runtime_difference=loaded.difference,
        )

    def loaded(self) -> dict[str, int]:
        """Bytes of the weights of each loaded model, the least recently used first."""
        return {str(key): size for key, size in self._pool.loaded().items()}

    def close(self) -> None:
        """Stops the threads."""
        self._workers.close()
        if self._decoders:
            self._decoders.shutdown()
        self._known.close()

    def load(self, model: str, options: EncodeOptions) -> Loaded:
        """The model as those options run it; read from its files if it is not in memory.

        Raises UnknownName, CheckpointError and Unsupported.
        """
        info = self.registry.find(model)
        settings = options.settings
        activation = settings.activation or info.activation
        key = f"{info.name} {settings.precision} {settings.runtime} {activation}"

        def load(reserve: Callable[[int], None]) -> Loaded:
            given = self._files(info), self._cache, self._device, reserve, self._buckets
            return load_or_evict(
                lambda: warm_up(loading.load(info, options, *given), reserve),
                info.name,
                self._pool.evict_all,
            )

        return self._pool.get(key, load)

    def _files(self, info: ModelInfo) -> dict[str, Path]:
        settings = self.settings
        folders = tuple(folder.expanduser() for folder in settings.folders)
        return Sources(self._cache, folders, settings.offline).pull(info)

    def pixels(self, loaded: Loaded, settings: EncodeSettings) -> PillowPixels:
        """What makes a model's pixels. Raises Unsupported for `Decoding.GPU` without one."""
        limits = self.settings
        pixels = replace(
            PillowPixels.of(loaded.info, settings),
            max_bytes=limits.max_image_bytes,
            max_pixels=limits.max_image_pixels,
        )
        on_gpu = self._as_gpu or pixels.decoding is Decoding.GPU  # which raises without one
        return on_device(pixels, self._device) if on_gpu else pixels

    def _run(
        self,
        key: Hashable,
        encode: Callable[[Sequence[Document]], Sequence[Result]],
        documents: Sequence[Document],
        weights: Sequence[int],
        sizes: Sizes,
        options: EncodeOptions,
    ) -> list[Result]:
        """`encode` of all documents, in their order.

        A single document runs on all cores when no worker is busy, otherwise on one worker.
        """

        def fitting(batch: Sequence[Document]) -> list[Result]:
            return in_parts(encode, batch, self._pool.evict_others)

        alone = len(documents) == 1 and not self._workers.working
        if options.sharing and documents and not alone:
            return self._batcher.run(key, fitting, documents, weights, sizes)
        size = sizes.shard(self._workers.count, weights)
        each = [[documents[i] for i in shard] for shard in shards(weights, size)]
        return [result for results in self._workers.run(fitting, each) for result in results]


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return processor_name()
