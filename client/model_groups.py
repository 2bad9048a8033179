"""Names of several models at once: `all-small` and the like."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from clipbench import registry
from clipbench.registry.table import ModelInfo

SMALL_MB = 600  # as the published table gives the file's size

GROUPS: Mapping[str, tuple[str, Callable[[ModelInfo], bool]]] = {
    "all-embedded": (
        "the two small models that come with clipbench",
        lambda info: info.pretrained == "embedded",
    ),
    "all-small": (
        f"the embedded models, and published ones of at most {SMALL_MB} MB",
        lambda info: info.pretrained == "embedded" or 0 < (info.published_mb or 0) <= SMALL_MB,
    ),
    "all-published": ("the 29 models of the published tables", lambda info: info.published),
    "all": ("every model of the registry", lambda info: True),
}


def expand(names: str) -> list[tuple[str, bool]]:
    """The models that a comma-separated list names, each once; True where a group named it.

    A single model that is not in the registry is kept: the server may have it as a checkpoint of
    the operator's.
    """
    found: dict[str, bool] = {}
    for name in (part.strip() for part in names.split(",")):
        if name in GROUPS:
            _, belongs = GROUPS[name]
            for info in registry.all_models():
                if belongs(info):
                    found.setdefault(info.name, True)
        elif name:
            found[name] = False
    return list(found.items())
