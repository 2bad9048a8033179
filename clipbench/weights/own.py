"""A person's own weights, as the setting `checkpoints` names them.

    tuned=ViT-B-32=/models/tuned.safetensors,other=./open_clip_config.json=runs/lr=1e-3, b.pt
    [{"name": "tuned", "architecture": "ViT-B-32", "path": "/models/tuned.safetensors"}]

The first form ends an entry at a comma that another `NAME=ARCHITECTURE=` follows, so that a path
may hold commas, equals signs and spaces. The second, JSON, carries every name and path.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clipbench.encode_settings import Activation
from clipbench.errors import InvalidRequest

_NEXT = re.compile(r",(?=\s*[^=,/]+(?<!\.json)=(?:[^=,/]+|[^=,]*\.json)=)")
# An architecture is a name, or the path of a configuration, which may hold equals signs.
_ENTRY = re.compile(r"([^=]+)=([^=/]+|.+?\.json|[^=]+)=(.+)", re.DOTALL)
_KEYS = {"name", "architecture", "path"}
_FORM = 'NAME=ARCHITECTURE=PATH, or a JSON list of {"name": …, "architecture": …, "path": …}'


@dataclass(frozen=True)
class UserCheckpoint:
    """A file of weights in open_clip's names, and its architecture's name or configuration."""

    name: str
    path: Path
    architecture: str
    activation: Activation | None = None


def parse(text: str, folder: Path) -> tuple[UserCheckpoint, ...]:
    """The checkpoints of the setting; relative paths are of `folder`. Raises InvalidRequest."""
    text = text.strip()
    if text.startswith("["):
        return tuple(_from_json(text, folder))
    return tuple(_entry(part.strip(), folder) for part in _NEXT.split(text) if part.strip())


def as_text(checkpoints: Sequence[UserCheckpoint]) -> str:
    """The setting that `parse` reads as these."""
    entries = [
        {"name": own.name, "architecture": own.architecture, "path": str(own.path)}
        | ({"activation": str(own.activation)} if own.activation else {})
        for own in checkpoints
    ]
    return json.dumps(entries) if entries else ""


def _entry(text: str, folder: Path) -> UserCheckpoint:
    match = _ENTRY.fullmatch(text.rstrip(","))
    if match is None:
        raise InvalidRequest(f"checkpoint {text!r} must be {_FORM}")
    return _checkpoint(*(part.strip() for part in match.groups()), folder=folder)


def _from_json(text: str, folder: Path) -> list[UserCheckpoint]:
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise InvalidRequest(f"setting checkpoints is not JSON: {error}") from error
    found = []
    for entry in entries:
        keys = set(entry) if isinstance(entry, dict) else set()
        texts = keys and all(isinstance(value, str) and value for value in entry.values())
        if not texts or not keys >= _KEYS or keys - _KEYS - {"activation"}:
            raise InvalidRequest(f"checkpoint {json.dumps(entry)} must be {_FORM}")
        found.append(_checkpoint(**entry, folder=folder))
    return found


def _checkpoint(
    name: str, architecture: str, path: str, activation: str | None = None, *, folder: Path
) -> UserCheckpoint:
    if architecture.endswith(".json"):
        architecture = str(folder / Path(architecture).expanduser())
    if activation is not None and activation not in list(Activation):
        raise InvalidRequest(f"activation {activation!r} is not one of {', '.join(Activation)}")
    chosen = None if activation is None else Activation(activation)
    return UserCheckpoint(name, folder / Path(path).expanduser(), architecture, chosen)
