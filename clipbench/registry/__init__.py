"""The table of models: names, sources of the weights, and each model's published figures.

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
