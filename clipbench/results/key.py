"""The identity of a result, and the rule of comparability. Nothing else decides either.

`ResultKey` names a result: its file, its row and its partner in a comparison. The date, the
packages and the commit are no part of it, so a rerun replaces its file. Two results compare where
their `DataKey.comparable` is equal: same task, data and prompts.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from clipbench.contract.endpoints import Task
from clipbench.encode_settings import EncodeSettings, setting_choices, setting_label
from clipbench.results.codec import encode

LONGEST_PART = 48  # characters of a file name's readable part


@dataclass(frozen=True)
class Subset:
    """A seeded, stratified part of a data set was used, not the whole."""

    size: int
    seed: int


@dataclass(frozen=True)
class RunKey:
    """The weights, settings and device of a run: a row of a table. None: not stated."""

    model: str
    checkpoint: str | None  # SHA-256
    configuration: str | None  # SHA-256 of what pixels and texts the model takes
    settings: EncodeSettings
    device: str | None  # kind: cpu or cuda
    device_name: str | None
    origin: str | None = None  # SHA-256 of a file of embeddings, or the address of an endpoint

    def agrees(self, other: RunKey) -> bool:
        """Whether quality of the one may stand beside speed of the other: nothing known differs.

        Both precisions must be known and equal. The device is ignored: scores hardly depend on it.
        Of an endpoint nothing is known, so its speed stands beside its own quality alone.
        """
        if self.origin or other.origin:
            return self == other
        mine, theirs = self.settings.named(), other.settings.named()
        pairs = [(mine[name], theirs[name]) for name in mine.keys() & theirs.keys()]
        digests = (
            (self.checkpoint, other.checkpoint),
            (self.configuration, other.configuration),
        )
        pairs += [(one, two) for one, two in digests if one and two]
        known = self.settings.precision is not None and other.settings.precision is not None
        return known and self.model == other.model and all(a == b for a, b in pairs)

    def with_settings(self, **changes: Any) -> RunKey:
        """The same weights on the same device, with other settings."""
        return replace(self, settings=replace(self.settings, **changes))


@dataclass(frozen=True)
class DataKey:
    """The task, data and prompts of a run: a column of a table.

    learned_sha256: of the labelled images that classifiers learned from. It sets files apart; the
    other measures of such results compare with those of any.
    """

    task: Task
    dataset: str
    split: str
    sample: Subset | None
    data_sha256: str | None
    prompts_sha256: str | None
    learned_sha256: str | None = None

    @property
    def parts(self) -> dict[str, Hashable]:
        """The parts that must be equal for two results to compare: the task, the data, the prompts.

        Without a digest of the data (another program's result): data set, split and sample.
        """
        data = self.data_sha256 or (self.dataset, self.split, self.sample)
        return {"task": self.task, "data": data, "prompts": self.prompts_sha256}

    @property
    def comparable(self) -> Hashable:
        """Results compare where this is equal."""
        return tuple(self.parts.values())

    def differing(self, other: DataKey) -> tuple[str, ...]:
        """The parts in which both differ: `task`, `data` or `prompts`; none where they compare."""
        return tuple(name for name, value in self.parts.items() if value != other.parts[name])


@dataclass(frozen=True)
class ResultKey:
    """Equal for a run and its rerun, and for nothing else."""

    run: RunKey
    data: DataKey


def file_stem(readable: Iterable[str | None], key: object) -> str:
    """The readable parts and a digest of the key, with nothing in it that leaves a folder."""
    digest = hashlib.sha256(json.dumps(encode(key)).encode()).hexdigest()[:8]
    parts = [re.sub(r"[^A-Za-z0-9_-]+", "-", p)[:LONGEST_PART].strip("-") for p in readable if p]
    return "__".join([part for part in parts if part] + [digest])


def run_labels(keys: Iterable[RunKey]) -> dict[RunKey, str]:
    """A name for each row: the model, its settings other than the defaults, and the rest of what
    sets it apart from other rows of the same model."""
    keys = list(dict.fromkeys(keys))
    labels: dict[RunKey, str] = {}
    for key in keys:
        same = [other for other in keys if other.model == key.model]
        parts = list(_told_settings(key, same))
        devices = {(other.device, other.device_name) for other in same}
        if len(devices) > 1:
            by_name = len({name for _, name in devices}) == len(devices)
            device = [key.device_name] if by_name else [key.device, key.device_name]
            parts.append(" ".join(filter(None, device)) or "device unknown")
        digests = shortest_digests(other.checkpoint for other in same)
        if len(digests) > 1:
            parts.append(digests[key.checkpoint])
        if key.origin:
            origins = shortest_digests(other.origin for other in same)
            parts += [f"embeddings {origins[key.origin]}"] if len(origins) > 1 else []
        alike = [o for o in same if replace(o, configuration=key.configuration) == key]
        if len(alike) > 1:
            found = shortest_digests(other.configuration for other in alike)
            parts.append(f"configuration {found[key.configuration]}")
        labels[key] = f"{key.model} ({', '.join(parts)})" if parts else key.model
    return labels


def _told_settings(key: RunKey, same: Iterable[RunKey]) -> Iterable[str]:
    """Settings that are not the default, or in which rows of the model differ."""
    default, same = EncodeSettings(), list(same)
    for name in setting_choices():
        value, usual = getattr(key.settings, name), getattr(default, name)
        differs = len({getattr(other.settings, name) for other in same}) > 1
        if value is None:
            yield from [f"{name} unknown"] if differs else []
        elif differs or usual not in (None, value):
            yield setting_label(name, value)


def data_labels(places: Iterable[tuple[DataKey, str | None]]) -> dict[DataKey, str]:
    """Labels that tell data of one name apart, by their key: a folder of the path, else digests.

    places: the key and the path or address of each result's data. Names that are one already are
    not in the answer.
    """
    groups: dict[Hashable, dict[DataKey, str | None]] = {}
    for key, source in places:
        groups.setdefault((key.task, key.dataset, key.split, key.sample), {})[key] = source
    labels: dict[DataKey, str] = {}
    for group in groups.values():
        if len({key.comparable for key in group}) < 2:
            continue
        folders = _folders(group)
        data = shortest_digests(key.data_sha256 for key in group)
        prompts = shortest_digests(key.prompts_sha256 for key in group)
        for key in group:
            parts = [folders.get(key) or f"data {data[key.data_sha256]}"] if len(data) > 1 else []
            parts += [f"prompts {prompts[key.prompts_sha256]}"] if len(prompts) > 1 else []
            labels[key] = ", ".join(parts)
    return labels


def _folders(group: dict[DataKey, str | None]) -> dict[DataKey, str]:
    """The last folder of the paths that differs for each of the data; empty where there is none."""
    by_data = {key.data_sha256: source for key, source in group.items()}
    if None in by_data.values():
        return {}
    paths = {data: PurePath(str(source)).parts[::-1] for data, source in by_data.items()}
    for depth in range(min(map(len, paths.values()))):
        found = {data: parts[depth] for data, parts in paths.items()}
        if len(set(found.values())) == len(found):
            return {key: found[key.data_sha256] for key in group}
    return {}


def shortest_digests(digests: Iterable[str | None]) -> dict[str | None, str]:
    """Each digest cut to as few digits as keep them apart, at least 8; None is `unknown`."""
    found = dict.fromkeys(digests)
    known = [digest for digest in found if digest is not None]
    digits = 8
    while len({digest[:digits] for digest in known}) < len(known):
        digits += 1
    return {digest: "unknown" if digest is None else digest[:digits] for digest in found}
