"""What one result file says: one model on one data set with one set of options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from clipbench.contract.endpoints import Task as Task

FORMAT = "clipbench-result/1"


@dataclass(frozen=True)
class Model:
    """The model as it ran. None: not known, as in results of another program."""

    name: str  # as the registry spells it
    architecture: str | None = None
    pretrained: str | None = None
    checkpoint_sha256: str | None = None
    checkpoint_bytes: int | None = None
    activation: str | None = None  # gelu or quickgelu
    image_size: int | None = None  # pixels, square
    interpolation: str | None = None
    resize_mode: str | None = None  # shortest, longest or squash
    fill_color: int | None = None  # of what `longest` pads
    decoding: str | None = None  # of large JPEG files: full or scaled
    mean: tuple[float, ...] | None = None  # per channel, of values in 0..1
    std: tuple[float, ...] | None = None
    context_length: int | None = None  # tokens
    tokenizer: str | None = None
    embed_dim: int | None = None
    licence: str | None = None

    @property
    def decoded_scaled(self) -> bool:
        """Large JPEG files were decoded at a fraction of their size; compare only with the same."""
        return self.decoding == "scaled"


@dataclass(frozen=True)
class Run:
    """How and where the model ran."""

    precision: str | None = None  # float32, float16, bfloat16; None: not stated
    runtime: str | None = None  # torch, onnx, …
    device: str | None = None  # cpu, cuda:0, …
    device_name: str | None = None  # "TITAN RTX", the CPU's model name
    batch_size: int | None = None
    server: str | None = None  # address the client spoke to
    runtime_difference: float | None = None  # of exported graphs from torch, relative


@dataclass(frozen=True)
class Sample:
    """A seeded, stratified part of a data set was used, not the whole."""

    size: int
    seed: int


@dataclass(frozen=True)
class Dataset:
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
    sample: Sample | None = None


@dataclass(frozen=True)
class Documents:
    """What became of every document."""

    counted: int
    refused: int = 0
    refused_by_reason: Mapping[str, int] = field(default_factory=dict)
    repeated: int = 0  # sent more than once, counted once
    truncated_texts: int = 0  # longer than the context length


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
class Environment:
    """The machine and the packages, enough to set up the same again."""

    packages: Mapping[str, str] = field(default_factory=dict)
    python: str | None = None
    platform: str | None = None
    cpu: str | None = None


@dataclass(frozen=True)
class Result:
    """One model on one data set. Metric names are listed in docs/results.md."""

    model: Model
    run: Run
    dataset: Dataset
    documents: Documents
    metrics: Mapping[str, float]
    created: str  # UTC, ISO 8601
    job: str | None = None
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # name: hits, total
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # 95 %
    near_ties: int = 0
    per_class: tuple[PerClass, ...] = ()
    confused: tuple[Confused, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)  # seconds by stage
    environment: Environment = field(default_factory=Environment)
    records: str | None = None  # file name of the sidecar, in the same folder
    format: str = FORMAT
