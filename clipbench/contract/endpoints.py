"""The endpoints of the Flow. The gateway refuses every other endpoint."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Task(StrEnum):
    """The task that a job measures."""

    CLASSIFICATION = "classification"
    RETRIEVAL = "retrieval"


class Kind(StrEnum):
    """The kind of a job's document."""

    IMAGE = "image"
    TEXT = "text"
    PROMPT = "prompt"
    TRAIN = "train"  # an image with a label that a classifier is fitted to

    @property
    def is_image(self) -> bool:
        """Whether the document's content is an image's file."""
        return self in (Kind.IMAGE, Kind.TRAIN)


# as the public clip_client knows them
HOME: Final = "/"
ENCODE: Final = "/encode"
RANK: Final = "/rank"

# benchmark jobs
MODELS: Final = "/models"
DESCRIBE: Final = "/describe"
REQUIREMENTS: Final = "/requirements"
JOBS: Final = "/jobs"
PROFILE: Final = "/profile"

CLASSIFICATION_OPEN: Final = "/classification/open"
CLASSIFICATION_PROMPTS: Final = "/classification/prompts"
CLASSIFICATION_IMAGES: Final = "/classification/images"
CLASSIFICATION_TRAIN: Final = "/classification/train"
CLASSIFICATION_GIVEN_OPEN: Final = "/classification/embeddings/open"
CLASSIFICATION_GIVEN_PROMPTS: Final = "/classification/embeddings/prompts"
CLASSIFICATION_GIVEN_IMAGES: Final = "/classification/embeddings/images"
CLASSIFICATION_GIVEN_TRAIN: Final = "/classification/embeddings/train"
CLASSIFICATION_RESULT: Final = "/classification/result"
CLASSIFICATION_RECORDS: Final = "/classification/records"
CLASSIFICATION_DELETE: Final = "/classification/delete"

RETRIEVAL_OPEN: Final = "/retrieval/open"
RETRIEVAL_IMAGES: Final = "/retrieval/images"
RETRIEVAL_TEXTS: Final = "/retrieval/texts"
RETRIEVAL_GIVEN_OPEN: Final = "/retrieval/embeddings/open"
RETRIEVAL_GIVEN_IMAGES: Final = "/retrieval/embeddings/images"
RETRIEVAL_GIVEN_TEXTS: Final = "/retrieval/embeddings/texts"
RETRIEVAL_RESULT: Final = "/retrieval/result"
RETRIEVAL_RECORDS: Final = "/retrieval/records"
RETRIEVAL_DELETE: Final = "/retrieval/delete"

FIXED: Final = frozenset(
    value for name, value in dict(globals()).items() if name.isupper() and isinstance(value, str)
)


def encode_endpoint(model: str) -> str:
    """The endpoint that encodes with one named model, as clip_client builds it."""
    return f"{ENCODE}/{model}"


def job_endpoint(task: Task, verb: str) -> str:
    """The endpoint of a job's `verb` (open, prompts, images, train, texts, result …)."""
    return f"/{task}/{verb}"


def given_endpoint(endpoint: str) -> str:
    """The endpoint that takes embeddings where this one takes images, texts or prompts."""
    task, _, verb = endpoint.removeprefix("/").partition("/")
    return f"/{task}/embeddings/{verb}"
