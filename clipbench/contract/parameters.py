"""The parameters of a job's requests, typed.

Parameters travel as a protobuf Struct: every number is a float there (5 comes back as 5.0), and
integers past 2^53 lose digits. So ids are strings, and counts are read back with a check.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clipbench.contract.endpoints import Task
from clipbench.contract.few_labels import FewLabels
from clipbench.contract.origin import Origin
from clipbench.encode_settings import EncodeSettings
from clipbench.errors import InvalidRequest

JOB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_LONGEST_TEXT = 4096  # characters of a string parameter; larger values travel as documents
_MOST_PROVENANCE = 64  # entries
_MOST_DIMENSIONS = 65536


def text_parameter(parameters: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """A string parameter. Raises InvalidRequest when it is absent, too long or not a string."""
    value = parameters.get(name, default)
    if not isinstance(value, str) or not value:
        raise InvalidRequest(f"parameter {name!r} must be a non-empty string, not {value!r:.200}")
    if len(value) > _LONGEST_TEXT:
        raise InvalidRequest(f"parameter {name!r} has at most {_LONGEST_TEXT} characters")
    return value


def count_parameter(parameters: Mapping[str, Any], name: str, default: int | None = None) -> int:
    """A non-negative integer parameter; 5.0 reads as 5. Raises InvalidRequest otherwise."""
    value = parameters.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRequest(f"parameter {name!r} must be a whole number, not {value!r:.200}")
    if not 0 <= value < 2**53 or value != int(value):
        raise InvalidRequest(
            f"parameter {name!r} must be a whole number from 0 to 2^53, not {value!r:.200}"
        )
    return int(value)


def share_parameter(parameters: Mapping[str, Any], name: str, default: float) -> float:
    """A number above 0 and at most 1. Raises InvalidRequest otherwise."""
    value = parameters.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise InvalidRequest(
            f"parameter {name!r} must be a number above 0 and at most 1, not {value!r:.200}"
        )
    return float(value)


def job_id(parameters: Mapping[str, Any]) -> str:
    """The job's id: letters, digits, `.`, `_` and `-`, at most 128. Raises InvalidRequest."""
    value = text_parameter(parameters, "job")
    if not JOB_ID.fullmatch(value):
        raise InvalidRequest(
            f"job id {value!r:.200} must be 1 to 128 letters, digits, '.', '_' or '-', "
            "and start with a letter or digit"
        )
    return value


@dataclass(frozen=True)
class ModelOptions:
    """The model that encodes, and its settings. forced: allow a precision slower than float32."""

    model: str
    settings: EncodeSettings = field(default_factory=EncodeSettings)
    forced: bool = False

    @classmethod
    def read(cls, parameters: Mapping[str, Any]) -> ModelOptions:
        """Raises InvalidRequest when the model is not named, or a setting does not exist."""
        return cls(
            model=text_parameter(parameters, "model"),
            settings=EncodeSettings.read(parameters),
            forced=parameters.get("forced") is True,
        )

    def parameters(self) -> dict[str, Any]:
        """The same as a request's parameters; settings that are None stay out."""
        return {"model": self.model, **self.settings.named(), "forced": self.forced}


@dataclass(frozen=True)
class JobSpec:
    """A client's declaration of a job, sent when it opens the job."""

    job: str
    task: Task
    options: ModelOptions
    dataset: str
    split: str
    classes: int = 0
    templates: int = 0
    multilabel: bool = False
    judged: bool = False
    composed: bool = False  # images choose among texts: their tag `judgements` has the numbers
    cutoffs: tuple[int, ...] = (1, 5, 10)
    index: bool = False  # also what smaller vectors cost
    thresholds: bool = False  # also calibration and thresholds; classification only
    at_precision: float = 0.9  # that a class's stricter threshold keeps
    few_labels: FewLabels | None = None  # of classification: what is learned from labelled images
    expected_images: int | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    origin: Origin | None = None  # of embeddings that the client brings
    dimension: int = 0  # of these

    @classmethod
    def read(cls, task: Task, parameters: Mapping[str, Any]) -> JobSpec:
        """Raises InvalidRequest with the parameter at fault."""
        expected = parameters.get("expected_images")
        provenance = parameters.get("provenance", {})
        if not isinstance(provenance, Mapping) or len(provenance) > _MOST_PROVENANCE:
            raise InvalidRequest(
                f"parameter 'provenance' must be a mapping of at most {_MOST_PROVENANCE} entries"
            )
        origin, few_labels = parameters.get("origin"), parameters.get("few_labels")
        spec = cls(
            job=job_id(parameters),
            task=task,
            options=ModelOptions.read(parameters),
            dataset=text_parameter(parameters, "dataset"),
            split=text_parameter(parameters, "split"),
            classes=count_parameter(parameters, "classes", 0),
            templates=count_parameter(parameters, "templates", 0),
            multilabel=parameters.get("multilabel") is True,
            judged=parameters.get("judged") is True,
            composed=parameters.get("composed") is True,
            cutoffs=_cutoffs(parameters.get("cutoffs", (1, 5, 10))),
            index=parameters.get("index") is True,
            thresholds=parameters.get("thresholds") is True,
            at_precision=share_parameter(parameters, "at_precision", 0.9),
            few_labels=None if few_labels is None else FewLabels.read(few_labels),
            expected_images=None
            if expected is None
            else count_parameter(parameters, "expected_images"),
            provenance={
                str(key)[:_LONGEST_TEXT]: str(value)[:_LONGEST_TEXT]
                for key, value in provenance.items()
            },
            origin=None if origin is None else Origin.read(origin),
            dimension=count_parameter(parameters, "dimension", 0),
        )
        if (spec.origin is None) != (spec.dimension == 0) or spec.dimension > _MOST_DIMENSIONS:
            raise InvalidRequest(
                "parameters 'origin' and 'dimension' go together; a dimension is at most "
                f"{_MOST_DIMENSIONS}"
            )
        if task is Task.CLASSIFICATION and (spec.classes < 2 or spec.templates < 1):
            raise InvalidRequest(
                f"classification needs at least 2 classes and 1 prompt template, "
                f"not {spec.classes} and {spec.templates}"
            )
        if (spec.judged or spec.composed) and task is not Task.RETRIEVAL:
            raise InvalidRequest("parameters 'judged' and 'composed' are of retrieval")
        if spec.judged and spec.composed:
            raise InvalidRequest("a job is 'judged' or 'composed', not both")
        if spec.index and (spec.judged or spec.composed or spec.multilabel):
            raise InvalidRequest(
                "parameter 'index' is of retrieval whose texts name their image, and of "
                "classification with one label an image"
            )
        if spec.thresholds and task is not Task.CLASSIFICATION:
            raise InvalidRequest("parameter 'thresholds' is of classification")
        if spec.few_labels and (spec.multilabel or task is not Task.CLASSIFICATION):
            raise InvalidRequest("parameter 'few_labels' is of images with one label each")
        return spec

    @property
    def model_name(self) -> str:
        """As lists of jobs show it: with the origin of embeddings that are not our encoder's."""
        return self.origin.named(self.options.model) if self.origin else self.options.model

    def parameters(self) -> dict[str, Any]:
        """The same as the parameters of an open request."""
        return {
            "job": self.job,
            **self.options.parameters(),
            "dataset": self.dataset,
            "split": self.split,
            "classes": self.classes,
            "templates": self.templates,
            "multilabel": self.multilabel,
            "judged": self.judged,
            "composed": self.composed,
            "cutoffs": list(self.cutoffs),
            "index": self.index,
            "thresholds": self.thresholds,
            "at_precision": self.at_precision,
            "provenance": dict(self.provenance),
            **({} if self.expected_images is None else {"expected_images": self.expected_images}),
            **({} if self.few_labels is None else {"few_labels": self.few_labels.parameters()}),
            **self._of_given(),
        }

    def _of_given(self) -> dict[str, Any]:
        if self.origin is None:
            return {}
        return {"origin": self.origin.parameters(), "dimension": self.dimension}


def _cutoffs(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= 16:
        raise InvalidRequest(
            f"parameter 'cutoffs' must be 1 to 16 whole numbers, not {value!r:.200}"
        )
    cutoffs = tuple(sorted({count_parameter({"cutoffs": item}, "cutoffs") for item in value}))
    if cutoffs[0] < 1:
        raise InvalidRequest("parameter 'cutoffs' must be at least 1")
    return cutoffs
