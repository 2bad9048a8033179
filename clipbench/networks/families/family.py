"""The interface of a family of models, and the steps that families share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from open_clip.model import convert_weights_to_lp
from open_clip.timm_model import TimmModel
from open_clip.transformer import LayerNormFp32
from torch import nn

from clipbench.encode_settings import Activation
from clipbench.networks.architectures import config_of_architecture
from clipbench.networks.building import State, fill
from clipbench.networks.token_batches import TokenLayout
from clipbench.networks.tokenizers import HuggingFaceTokenizer, Tokenizer, clip_tokenizer
from clipbench.networks.towers import Towers
from clipbench.registry.table import ModelInfo


@dataclass(frozen=True)
class Weights:
    """The weights and settings that a model is built from.

    states: by role of the model's files, `towers` and, for M-CLIP, `text`.
    dtype: float16 and bfloat16 convert the weights that open_clip converts.
    """

    info: ModelInfo
    states: Mapping[str, State]
    dtype: torch.dtype = torch.float32
    activation: Activation | None = None

    @property
    def config(self) -> dict[str, Any]:
        """The towers' configuration in open_clip's form, with the activation that is asked for."""
        activation = self.activation or self.info.activation
        return {**config_of(self.info), "quick_gelu": activation is Activation.QUICKGELU}


class Family(Protocol):
    """One kind of model, from its configuration to modules that run.

    The preprocessing is data, in the registry's row or the checkpoint's configuration.
    """

    name: str

    def recognises(self, info: ModelInfo) -> bool:
        """Whether the model is of this family."""
        ...

    def build(self, weights: Weights) -> Towers:
        """The towers on the CPU. Raises CheckpointError when the tensors do not fit them."""
        ...

    def layout(self, info: ModelInfo) -> TokenLayout:
        """The arrays in which the text tower takes token ids."""
        ...

    def vocabulary(self, info: ModelInfo) -> int:
        """The number of token ids."""
        ...

    def tokenizer(self, info: ModelInfo, folder: Path | None) -> Tokenizer:
        """folder: the tokenizer's files, None for CLIP's own, which comes with the package."""
        ...


def config_of(info: ModelInfo) -> dict[str, Any]:
    """The towers' configuration in open_clip's form."""
    return dict(info.config or config_of_architecture(info.architecture))


def read_tokenizer(folder: Path | None, **options: Any) -> Tokenizer:
    """CLIP's tokenizer, or that of a folder; options: `HuggingFaceTokenizer`'s."""
    return clip_tokenizer() if folder is None else HuggingFaceTokenizer(folder, **options)


def below(state: State, prefix: str) -> State:
    """The tensors whose names start with `prefix`, without it in their names."""
    return {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}


def fill_beside(weights: Weights, visual: nn.Module, text: nn.Module, of_text: State) -> None:
    """Fills an image tower of open_clip's and a text tower of transformers' side by side."""
    name, dtype = weights.info.name, weights.dtype
    fill(visual, below(weights.states["towers"], "visual."), name)
    fill(text, {n: t for n, t in of_text.items() if n != "logit_scale"}, name)
    convert(visual, dtype)
    text.to(dtype)


def convert(module: nn.Module, dtype: torch.dtype) -> None:
    """Converts as open_clip does: with timm all weights but some norms, else the products'."""
    if dtype is torch.float32:
        return
    if not any(isinstance(child, TimmModel) for child in module.modules()):
        convert_weights_to_lp(module, dtype=dtype)
        return
    module.to(dtype)
    for child in module.modules():
        if isinstance(child, LayerNormFp32):
            child.float()
