"""The encoder's endpoints: requests in, embeddings out; clipbench.encoding does the work."""

import functools
import json
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from docarray import Document, DocumentArray
from jina import Executor, requests

from clipbench import config
from clipbench.contract import endpoints
from clipbench.contract.endpoints import Kind
from clipbench.contract.parameters import ModelOptions
from clipbench.encoding.light_imports import light_imports
from clipbench.errors import DocumentRefused
from clipbench.jina_changes.unread_documents import read_batches_in_place
from clipbench.lifetime import SHARING, starting

with light_imports():
    from clipbench.encoding import jobs, public
    from clipbench.encoding.requirements import requirements_of
    from clipbench.encoding.settings import encoder_settings
    from clipbench.serving.encoder import Encoder
from clipbench.profiling.exporter import start_exporter
from clipbench.profiling.metrics import Metrics

_BATCHES = (
    *(endpoints.CLASSIFICATION_PROMPTS, endpoints.CLASSIFICATION_IMAGES),
    *(endpoints.CLASSIFICATION_TRAIN, endpoints.RETRIEVAL_IMAGES, endpoints.RETRIEVAL_TEXTS),
)


class CLIPEncoder(Executor):
    """Encodes images and texts with any model of the registry; models load on first use."""

    def __init__(self, settings: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        with starting("encoder"):
            read_batches_in_place(_BATCHES)
            self.settings = config.load(settings)
            self.limits = self.settings.limits()
            self.metrics = Metrics("encoder")
            replicas = getattr(self.runtime_args, "replicas", 1)
            own = encoder_settings(self.settings, int(os.environ.get(SHARING, replicas)))
            self.encoder = Encoder(own, self.metrics.stage)
            self.metrics.watch_models(self.encoder.loaded)
            port = self.settings.metrics_port("encoder", self.runtime_args)
            start_exporter(port, "encoder", self.settings.metrics_host)
            self._bind_models()

    def _bind_models(self) -> None:
        """Give each model methods of its own: Jina does not tell a method the endpoint."""
        own, methods = type(self), {}
        models = {"": self.settings.model} | {f"/{name}": name for name in self.encoder.names()}
        for number, (suffix, model) in enumerate(models.items()):
            for endpoint, act in ((endpoints.ENCODE, public.encode), (endpoints.RANK, public.rank)):
                method = functools.partialmethod(
                    own._public, endpoint=endpoint, act=act, model=model
                ).__get__(None, own)
                method.__annotations__, method.__name__ = {}, f"{act.__name__}_{number}"
                setattr(own, method.__name__, method)
                methods[endpoint + suffix] = method.__name__
        self._add_requests(methods)

    @requests(on=endpoints.HOME)
    def home(self, docs: DocumentArray, parameters: dict[str, Any], **_: Any) -> DocumentArray:
        if public.is_probe(docs):
            return docs
        return self._public(docs, parameters, model=self.settings.model)

    def _public(
        self,
        docs: DocumentArray,
        parameters: dict[str, Any],
        *,
        endpoint: str = endpoints.ENCODE,
        act: Callable[..., public.EncodeCounts] = public.encode,
        model: str = "",
        **_: Any,
    ) -> DocumentArray:
        try:
            with self.metrics.request(endpoint):
                counts = act(self.encoder, model, docs, parameters, self.limits)
        except DocumentRefused as error:
            self._count_refused(error.reasons)
            raise
        self.metrics.documents("image", model, counts.images)
        self.metrics.documents("text", model, counts.texts)
        self._count_refused(counts.refused)
        return docs

    @requests(on=endpoints.MODELS)
    def models(self, **_: Any) -> DocumentArray:
        return _answer(jobs.served(self.encoder, self.settings))

    @requests(on=endpoints.DESCRIBE)
    def describe(self, parameters: dict[str, Any], **_: Any) -> DocumentArray:
        return _answer(jobs.describe(self.encoder, ModelOptions.read(parameters)))

    @requests(on=endpoints.REQUIREMENTS)
    def requirements(self, parameters: dict[str, Any], **_: Any) -> DocumentArray:
        return _answer(requirements_of(self.encoder, ModelOptions.read(parameters).model))

    @requests(on=[endpoints.CLASSIFICATION_OPEN, endpoints.RETRIEVAL_OPEN])
    def open(self, docs: DocumentArray, parameters: dict[str, Any], **_: Any) -> DocumentArray:
        with self.metrics.request("open"):
            description = jobs.describe(self.encoder, ModelOptions.read(parameters))
        return DocumentArray([Document(id="model", text=json.dumps(description)), *docs])

    @requests(on=endpoints.CLASSIFICATION_PROMPTS)
    def prompts(self, docs: DocumentArray, parameters: dict[str, Any], **_: Any) -> DocumentArray:
        return self._encode_job(docs, parameters, Kind.PROMPT)

    @requests(on=endpoints.CLASSIFICATION_IMAGES)
    def labelled(self, docs: DocumentArray, parameters: dict[str, Any], **_: Any) -> DocumentArray:
        return self._encode_job(docs, parameters, Kind.IMAGE, labelled=True)

    @requests(on=endpoints.CLASSIFICATION_TRAIN)
    def train(self, docs: DocumentArray, parameters: dict[str, Any], **_: Any) -> DocumentArray:
        return self._encode_job(docs, parameters, Kind.TRAIN, labelled=True)

    @requests(on=endpoints.RETRIEVAL_IMAGES)
    def images(self, docs: DocumentArray, parameters: dict[str, Any], **_: Any) -> DocumentArray:
        return self._encode_job(docs, parameters, Kind.IMAGE)

    @requests(on=endpoints.RETRIEVAL_TEXTS)
    def texts(self, docs: DocumentArray, parameters: dict[str, Any], **_: Any) -> DocumentArray:
        return self._encode_job(docs, parameters, Kind.TEXT)

    def _encode_job(
        self, docs: DocumentArray, parameters: dict[str, Any], kind: Kind, labelled: bool = False
    ) -> DocumentArray:
        options = ModelOptions.read(parameters)
        with self.metrics.request(f"job_{kind}"):
            batch = jobs.encode_batch(
                self.encoder, options, docs, kind, self.limits, labelled=labelled
            )
        modality = "image" if kind.is_image else "text"
        self.metrics.documents(modality, options.model, len(batch.items))
        self._count_refused(refusal.reason for _, refusal in batch.refused)
        return batch.pack()

    def _count_refused(self, reasons: Iterable[str]) -> None:
        for reason in reasons:
            self.metrics.refused(reason)


def _answer(content: dict[str, Any]) -> DocumentArray:
    return DocumentArray([Document(text=json.dumps(content))])
