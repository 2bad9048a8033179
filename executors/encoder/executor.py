"""The encoder's door: requests in, embeddings out. All of the work is in clipbench.encoding."""

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

from docarray import Document, DocumentArray
from jina import Executor, requests

from clipbench import config
from clipbench.contract import endpoints
from clipbench.contract.endpoints import Kind
from clipbench.contract.parameters import ModelOptions
from clipbench.encoding.start import light_imports
from clipbench.errors import DocumentRefused
from clipbench.lifetime import starting

with light_imports():
    from clipbench.encoding import jobs, public
    from clipbench.encoding.requirements import needs
    from clipbench.encoding.settings import encoder_settings
    from clipbench.serving.encoder import Encoder
from clipbench.profiling.exporter import start_exporter
from clipbench.profiling.metrics import Metrics


class CLIPEncoder(Executor):
    """Images and texts to embeddings, with any model of the registry, loaded on first use."""

    def __init__(self, settings: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        with starting("encoder"):
            self.settings = config.load(settings)
            self.limits = self.settings.limits()
            self.metrics = Metrics("encoder")
            self.encoder = Encoder(encoder_settings(self.settings), self.metrics.stage)
            self.metrics.watch_models(self.encoder.loaded)
            port = self.settings.metrics_port("encoder", self.runtime_args)
            start_exporter(port, "encoder", self.settings.metrics_host)
            self._bind_models()

    def _bind_models(self) -> None:
        """Give each model a method of its own: Jina does not tell a method the endpoint."""
        methods = {}
        own = type(self)
        doors = (
            (endpoints.encode_endpoint, own._encode_with),
            (endpoints.rank_endpoint, own._rank_with),
        )
        for number, name in enumerate(self.encoder.names()):
            for endpoint, door in doors:
                bound = functools.partialmethod(door, model=name).__get__(None, own)
                bound.__annotations__, bound.__name__ = {}, f"{door.__name__}_{number}"
                setattr(own, bound.__name__, bound)
                methods[endpoint(name)] = bound.__name__
        self._add_requests(methods)

    @requests(on=endpoints.HOME)
    def home(self, docs: DocumentArray, parameters: dict[str, Any], **_: Any) -> DocumentArray:
        if public.is_probe(docs):
            return docs
        return self._encode_with(docs, parameters, model=self.settings.model)

    @requests(on=endpoints.ENCODE)
    def encode(self, docs: DocumentArray, parameters: dict[str, Any], **_: Any) -> DocumentArray:
        return self._encode_with(docs, parameters, model=self.settings.model)

    def _encode_with(
        self, docs: DocumentArray, parameters: dict[str, Any], model: str = "", **_: Any
    ) -> DocumentArray:
        return self._public(endpoints.ENCODE, public.encode, model, docs, parameters)

    @requests(on=endpoints.RANK)
    def rank(self, docs: DocumentArray, parameters: dict[str, Any], **_: Any) -> DocumentArray:
        return self._rank_with(docs, parameters, model=self.settings.model)

    def _rank_with(
        self, docs: DocumentArray, parameters: dict[str, Any], model: str = "", **_: Any
    ) -> DocumentArray:
        return self._public(endpoints.RANK, public.rank, model, docs, parameters)

    def _public(
        self,
        endpoint: str,
        answer: Callable[..., public.Counts],
        model: str,
        docs: DocumentArray,
        parameters: dict[str, Any],
    ) -> DocumentArray:
        try:
            with self.metrics.request(endpoint):
                counts = answer(self.encoder, model, docs, parameters, self.limits)
        except DocumentRefused as error:
            for reason in error.reasons:
                self.metrics.refused(reason)
            raise
        self._count(model, counts)
        return docs

    @requests(on=endpoints.MODELS)
    def models(self, **_: Any) -> DocumentArray:
        return DocumentArray([Document(text=json.dumps({"names": sorted(self.encoder.names())}))])

    @requests(on=endpoints.DESCRIBE)
    def describe(self, parameters: dict[str, Any], **_: Any) -> DocumentArray:
        description = jobs.describe(self.encoder, ModelOptions.read(parameters))
        return DocumentArray([Document(text=json.dumps(description))])

    @requests(on=endpoints.NEEDS)
    def needs(self, parameters: dict[str, Any], **_: Any) -> DocumentArray:
        answer = needs(self.encoder, ModelOptions.read(parameters).model)
        return DocumentArray([Document(text=json.dumps(answer))])

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
        modality = "image" if kind is Kind.IMAGE else "text"
        self.metrics.documents(modality, options.model, len(batch.items))
        for _, refusal in batch.refused:
            self.metrics.refused(refusal.reason)
        return batch.pack()

    def _count(self, model: str, counts: public.Counts) -> None:
        self.metrics.documents("image", model, counts.images)
        self.metrics.documents("text", model, counts.texts)
        for reason in counts.refused:
            self.metrics.refused(reason)
