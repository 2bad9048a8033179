"""CLIP models: the registry, their weights, and the encoder that runs them.

Importing this needs no torch; `clipbench.models.encoder` does.
"""

from clipbench.models.registry import Activation, ModelInfo, Registry, all_models, find

__all__ = ["Activation", "ModelInfo", "Registry", "all_models", "find"]
