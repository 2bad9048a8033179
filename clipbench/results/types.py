"""The content of a result file: one model on one data set with one set of options."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from clipbench.contract.endpoints import Task as Task
from clipbench.contract.origin import Origin as Origin
from clipbench.encode_settings import EncodeSettings
from clipbench.environment import Environment as Environment
from clipbench.reference.tables import spelling
from clipbench.results.details import GroupScore, Thresholds
from clipbench.results.few_labels import Learned
from clipbench.results.key import DataKey, ResultKey, RunKey
from clipbench.results.key import Subset as Subset

FORMAT = "clipbench-result/1"


@dataclass(frozen=True)
class Model:
    """The model as it ran. None: not known, as in results of another program."""

    name: str  # as the registry spells it
    architecture: str | None = None
    pretrained: str | None = None
    checkpoint_sha256: str | None = None
    checkpoint_bytes: int | None = None
    image_size: int | None = None  # pixels, square
    resize_mode: str | None = None  # shortest, longest or squash
    fill_color: int | None = None  # of what `longest` pads
    mean: tuple[float, ...] | None = None  # per channel, of values in 0..1
    std: tuple[float, ...] | None = None
    context_length: int | None = None  # tokens
    tokenizer: str | None = None
    embed_dim: int | None = None
    licence: str | None = None
    origin: Origin | None = None  # of embeddings that this service's encoder did not make


@dataclass(frozen=True)
class Run:
    """The device that the model ran on. None: not stated."""

    device: str | None = None  # cpu, cuda:0, …
    device_name: str | None = None  # "TITAN RTX", the CPU's model name
    batch_size: int | None = None  # images a request; texts travel 256 at a time
    server: str | None = None  # address the client spoke to
    runtime_difference: float | None = None  # of exported graphs from torch, relative


@dataclass(frozen=True)
class MeasuredData:
    """The data as they were counted. Counts are of declared documents, before any refusal."""

    id: str
    split: str
    task: Task
    images: int
    texts: int = 0
    classes: int = 0
    prompts: int = 0  # classes × templates, as sent
    templates: tuple[str, ...] = ()
    prompts_sha256: str | None = None
    data_sha256: str | None = None
    source: str | None = None
    duplicate_images: int | None = None
    duplicate_texts: int | None = None
    embeddings_sha256: str | None = None  # of the vectors that were scored, where they were given
    judgements: int = 0  # of a query and an image, counted
    judgements_missing: int = 0  # of an image that is not there or was refused: left out
    language: str = ""  # of the captions or class names, where there are several
    comparisons: int = 0  # of an image's caption with hard negatives, counted
    comparisons_missing: int = 0  # of which a document is not there or was refused: left out
    sample: Subset | None = None
    # files, members of shards and rows by what became of each: {"files": {"image": 4, …}}
    inventory: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Throughput:
    """Documents a second that an endpoint gave while at least one request was at it."""

    concurrency: int  # requests at a time, at most
    image_qps: float | None = None
    text_qps: float | None = None
    images: int = 0  # that the rate is of
    texts: int = 0


@dataclass(frozen=True)
class Documents:
    """The outcomes of all documents."""

    counted: int
    refused: int = 0
    refused_by_reason: Mapping[str, int] = field(default_factory=dict)
    repeated: int = 0  # sent more than once, counted once
    truncated_texts: int = 0  # longer than the context length


def _configuration(model: Model) -> str | None:
    """Of what an operator may configure beside the weights."""
    if model.image_size is None:
        return None
    pixels = [model.image_size, model.resize_mode, model.fill_color, model.mean, model.std]
    texts = [model.context_length, model.tokenizer]
    return hashlib.sha256(json.dumps([pixels, texts]).encode()).hexdigest()


@dataclass(frozen=True)
class PerClass:
    """Hits of one class; `top5` is None where there are fewer than five classes."""

    index: int
    name: str
    images: int
    top1: int
    top5: int | None = None


@dataclass(frozen=True)
class Confused:
    """`count` images of class `label` were taken for class `predicted`."""

    label: int
    predicted: int
    count: int


@dataclass(frozen=True)
class IndexCost:
    """Scores of vectors that are stored in one type. bytes: of a vector in the index.

    differences: mean recalls or accuracies minus those of float32, with both ends of the 95 %
    interval.
    """

    name: str
    bytes: int
    metrics: Mapping[str, float]
    differences: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)


def run_key(model: Model, settings: EncodeSettings, run: Run) -> RunKey:
    """The key of a row: of a result and of statistics alike."""
    return RunKey(
        model=spelling(model.name),
        checkpoint=model.checkpoint_sha256,
        configuration=_configuration(model),
        settings=settings,
        device=run.device and run.device.partition(":")[0],
        device_name=run.device_name,
        origin=(model.origin.sha256 or model.origin.place) if model.origin else None,
    )


@dataclass(frozen=True)
class Result:
    """One model on one data set. Metric names are listed in docs/results.md.

    server: the machine and packages that made the embeddings; client: those that sent the data.
    """

    model: Model
    settings: EncodeSettings
    run: Run
    dataset: MeasuredData
    documents: Documents
    metrics: Mapping[str, float]
    created: str  # UTC, ISO 8601
    job: str | None = None
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # name: hits, total
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # 95 %
    near_ties: int = 0
    per_class: tuple[PerClass, ...] = ()
    confused: tuple[Confused, ...] = ()
    index: tuple[IndexCost, ...] = ()  # where it was asked for
    thresholds: Thresholds | None = None  # where they were asked for
    groups: tuple[GroupScore, ...] = ()  # where the data say a group of images
    groups_left_out: Mapping[str, int] = field(default_factory=dict)  # columns of too many groups
    few_labels: Learned | None = None  # where classifiers learned from labelled images
    throughput: Throughput | None = None  # of an endpoint, measured by the client
    timings: Mapping[str, float] = field(default_factory=dict)  # seconds by stage
    server: Environment = field(default_factory=Environment)
    client: Environment = field(default_factory=Environment)
    records: str | None = None  # file name of the sidecar, in the same folder
    format: str = FORMAT

    @property
    def key(self) -> ResultKey:
        """The identity of this result: its file, its row, its partner in a comparison."""
        data = self.dataset
        return ResultKey(
            run_key(self.model, self.settings, self.run),
            DataKey(
                task=data.task,
                dataset=data.id,
                split=data.split,
                sample=data.sample,
                data_sha256=data.data_sha256,
                prompts_sha256=data.prompts_sha256,
                learned_sha256=self.few_labels.sha256 if self.few_labels else None,
            ),
        )
