"""Data sets: the registry, the layouts, and the readers."""

from clipbench.contract.few_labels import ALL, FewLabels
from clipbench.datasets.appendix import appendix, describe
from clipbench.datasets.conversion import Converted, convert
from clipbench.datasets.dataset import Dataset
from clipbench.datasets.fingerprint import Fingerprint
from clipbench.datasets.inventory import Inventory
from clipbench.datasets.opening import default_root, languages_of, open_dataset
from clipbench.datasets.prompts import DEFAULT_TEMPLATES, prompts, prompts_sha256
from clipbench.datasets.pulling import pull
from clipbench.datasets.registry import DatasetInfo, Suite, all_datasets, find, suite, suites
from clipbench.datasets.types import (
    Document,
    Image,
    Query,
    SampleNote,
    Task,
    Text,
    Unreadable,
    UnreadableKind,
)
from clipbench.datasets.verification import Verification, verify

__all__ = [
    "ALL",
    "DEFAULT_TEMPLATES",
    "Converted",
    "Dataset",
    "DatasetInfo",
    "Document",
    "FewLabels",
    "Fingerprint",
    "Image",
    "Inventory",
    "Query",
    "SampleNote",
    "Suite",
    "Task",
    "Text",
    "Unreadable",
    "UnreadableKind",
    "Verification",
    "all_datasets",
    "appendix",
    "convert",
    "default_root",
    "describe",
    "find",
    "languages_of",
    "open_dataset",
    "prompts",
    "prompts_sha256",
    "pull",
    "suite",
    "suites",
    "verify",
]
