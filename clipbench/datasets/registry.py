"""The registry: facts about each data set that are known before it is read, from registry.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from clipbench.datasets.types import Task
from clipbench.errors import UnknownName

_TABLE = Path(__file__).with_name("registry.toml")
_HUB = "https://huggingface.co/datasets"


@dataclass(frozen=True)
class Split:
    """Counts of one split; None where they are not certain."""

    images: int | None = None
    captions: int | None = None


@dataclass(frozen=True)
class Published:
    """The split and metric of a column in the published table."""

    split: str
    metric: str


@dataclass(frozen=True)
class DatasetInfo:
    """One row of the registry; registry.toml says what each field means."""

    id: str
    name: str
    group: str
    task: Task
    splits: dict[str, Split]
    summary: str
    citation: str
    link: str
    published: Published | None = None
    classes: int | None = None
    templates: int | None = None
    hub: str | None = None
    licence: str | None = None
    traps: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def embedded(self) -> bool:
        """Whether it comes with the package."""
        return self.group == "embedded"

    @property
    def folder(self) -> str:
        """Name of its folder and of its copy on the hub, after `wds_`."""
        return self.id.replace("/", "-")

    @property
    def repository(self) -> str | None:
        """Its copy on the Hugging Face hub, in the wds layout unless `files` name other ones."""
        return None if self.embedded else self.hub or f"clip-benchmark/wds_{self.folder}"

    @property
    def address(self) -> str | None:
        """The address below which the files of that copy are."""
        return None if self.embedded else f"{_HUB}/{self.repository}/resolve/main"


@dataclass(frozen=True)
class Group:
    """A heading over several data sets, and their common properties."""

    name: str
    title: str
    summary: str


@dataclass(frozen=True)
class Suite:
    """Data sets that are scored together. splits: of those of which it is not `test`."""

    name: str
    title: str
    datasets: tuple[str, ...]
    splits: Mapping[str, str] = field(default_factory=dict)

    def members(self) -> Iterator[tuple[DatasetInfo, str]]:
        """Each data set with its split, in order."""
        for id in self.datasets:
            yield find(id), self.splits.get(id, "test")


@cache
def all_datasets() -> tuple[DatasetInfo, ...]:
    """Every data set in the table's order."""
    return parse(_TABLE.read_text(encoding="utf-8"))


@cache
def groups() -> tuple[Group, ...]:
    """The groups in the table's order."""
    table = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    return tuple(Group(**row) for row in table["group"])


@cache
def suites() -> tuple[Suite, ...]:
    """The suites in the table's order."""
    table = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    return tuple(Suite(**{**row, "datasets": tuple(row["datasets"])}) for row in table["suite"])


def suite(name: str) -> Suite:
    """The suite of this name. Raises UnknownName."""
    for found in suites():
        if found.name == name:
            return found
    raise UnknownName("suite", name, [found.name for found in suites()])


def parse(table: str) -> tuple[DatasetInfo, ...]:
    """The data sets of a table in TOML."""
    return tuple(_info(row) for row in tomllib.loads(table)["dataset"])


def find(id: str) -> DatasetInfo:
    """The data set of this id. Raises UnknownName with near ones."""
    for info in all_datasets():
        if info.id == id:
            return info
    raise UnknownName("data set", id, [info.id for info in all_datasets()])


def is_registered(id: str) -> bool:
    """Whether the id is in the table."""
    return any(info.id == id for info in all_datasets())


def _info(row: dict[str, Any]) -> DatasetInfo:
    values = dict(row)
    values["task"] = Task(values["task"])
    values["splits"] = {name: Split(**counts) for name, counts in values["splits"].items()}
    values["traps"] = tuple(values.get("traps", ()))
    values["groups"] = tuple(values.get("groups", ()))
    values["files"] = tuple(values.get("files", ()))
    if "published" in values:
        values["published"] = Published(**values["published"])
    return DatasetInfo(**values)
