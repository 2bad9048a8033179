"""What open_clip publishes: the shapes of its architectures, and its pretrained weights by tag.

Read from the installed open_clip, so that a new release brings its models; open_clip and torch are
not imported. Where it is not installed, from the table that the wheel's build wrote:

    python -m clipbench.networks.open_clip_data clipbench/networks/open_clip.json
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from clipbench.errors import InvalidRequest

TABLE = Path(__file__).with_name("open_clip.json")
# What downloads and is not needed to list: it takes long to import, or is not installed.
_NOT_NEEDED = ("safetensors", "safetensors.torch", "huggingface_hub")


@dataclass(frozen=True)
class OpenClipData:
    """architectures: open_clip's config by name. pretrained: by architecture and tag, open_clip's
    `url`, `hf_hub`, `mean`, `std`, `interpolation`, `resize_mode` and `quick_gelu`."""

    version: str
    architectures: Mapping[str, dict[str, Any]]
    pretrained: Mapping[str, Mapping[str, dict[str, Any]]]

    def as_text(self) -> str:
        """The table that `open_clip_data` reads where open_clip is not installed."""
        return json.dumps(vars(self), indent=1, sort_keys=False) + "\n"


@cache
def open_clip_data() -> OpenClipData:
    """The installed open_clip's, else the wheel's. Raises InvalidRequest where neither is."""
    spec = find_spec("open_clip")
    if spec is not None and spec.submodule_search_locations:
        return _installed(Path(spec.submodule_search_locations[0]))
    try:
        return OpenClipData(**json.loads(TABLE.read_text("utf-8")))
    except FileNotFoundError:
        raise InvalidRequest(
            "open_clip is not installed, and this clipbench was built without its table of "
            f"models, {TABLE.name}: pip install open_clip_torch, or take a wheel of `make wheel`"
        ) from None


def _installed(folder: Path) -> OpenClipData:
    architectures = {
        path.stem: json.loads(path.read_text("utf-8"))
        for path in sorted((folder / "model_configs").glob("*.json"))
    }
    pretrained, version = _pretrained(folder)
    plain: dict[str, dict[str, dict[str, Any]]] = json.loads(json.dumps(pretrained))
    return OpenClipData(version, architectures, plain)


def _pretrained(folder: Path) -> tuple[Mapping[str, Any], str]:
    """open_clip's table of tags and its version, without what its package imports."""
    name = "open_clip"
    if name not in sys.modules:
        name = "_open_clip_without_torch"
        package = ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package
    with _absent(*_NOT_NEEDED):
        table = importlib.import_module(f"{name}.pretrained")
    return table._PRETRAINED, str(importlib.import_module(f"{name}.version").__version__)


@contextmanager
def _absent(*names: str) -> Iterator[None]:
    """Imports of these modules fail, and tqdm's draws no bar, unless they are there already."""
    missing = [name for name in (*names, "tqdm") if name not in sys.modules]
    for name in missing:
        sys.modules[name] = None  # type: ignore[assignment]
    if "tqdm" in missing:
        sys.modules["tqdm"] = ModuleType("tqdm")
        vars(sys.modules["tqdm"])["tqdm"] = None
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(open_clip_data().as_text(), "utf-8")
