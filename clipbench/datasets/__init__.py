"""Data sets: what is known of them, how they are laid out, and how they are read."""

from clipbench.datasets.dataset import Dataset
from clipbench.datasets.opening import open_dataset
from clipbench.datasets.prompts import DEFAULT_TEMPLATES, prompts, prompts_sha256
from clipbench.datasets.registry import DatasetInfo, all_datasets, find
from clipbench.datasets.types import Document, Image, Kind, SampleNote, Task, Text, Unreadable

__all__ = [
    "DEFAULT_TEMPLATES",
    "Dataset",
    "DatasetInfo",
    "Document",
    "Image",
    "Kind",
    "SampleNote",
    "Task",
    "Text",
    "Unreadable",
    "all_datasets",
    "find",
    "open_dataset",
    "prompts",
    "prompts_sha256",
]
