"""Families of models: one file a family. A new family is one more file and its name below.

The code that builds a model calls `family_of`; `clipbench models` and the registry need no family.
"""

from __future__ import annotations

from clipbench.errors import Unsupported
from clipbench.networks.families.chinese_clip import ChineseCLIP
from clipbench.networks.families.clip import PlainCLIP
from clipbench.networks.families.custom_text import CustomText
from clipbench.networks.families.family import Family, Weights
from clipbench.networks.families.hf_text import TransformersText
from clipbench.networks.families.multilingual_clip import MultilingualCLIP
from clipbench.registry.table import ModelInfo

__all__ = ["FAMILIES", "Family", "Weights", "family_of"]

# The first family that recognises a model builds it.
FAMILIES: tuple[Family, ...] = (
    MultilingualCLIP(),
    ChineseCLIP(),
    TransformersText(),
    CustomText(),
    PlainCLIP(),
)


def family_of(info: ModelInfo) -> Family:
    """The family of a model. Raises Unsupported when none recognises it."""
    for family in FAMILIES:
        if family.recognises(info):
            return family
    known = ", ".join(family.name for family in FAMILIES)
    raise Unsupported(f"{info.name} is of none of the families {known}")
