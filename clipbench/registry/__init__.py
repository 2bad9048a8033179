"""The table of models: names, weights' sources and what the published benchmark says of each.

Importing this needs no torch.
"""

from clipbench.registry.table import (
    ModelFile,
    ModelInfo,
    Registry,
    Source,
    all_models,
    find,
    packaged,
)

__all__ = [
    "ModelFile",
    "ModelInfo",
    "Registry",
    "Source",
    "all_models",
    "find",
    "packaged",
]
