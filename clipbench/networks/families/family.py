"""What a family of models is, and the steps that families share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from open_clip.model import convert_weights_to_lp
from open_clip.timm_model import TimmModel
from open_clip.transformer import AttentionalPooler, LayerNormFp32
from torch import nn

from clipbench.encode_settings import Activation
from clipbench.networks.architectures import config_of_architecture
from clipbench.networks.building import State, fill
from clipbench.networks.token_batches import TokenLayout
from clipbench.networks.tokenizers import HuggingFaceTokenizer, Tokenizer, clip_tokenizer
from clipbench.networks.towers import Towers
from clipbench.registry.table import ModelInfo

_END = "eos"  # the pooling at an end token that the configuration names
# The settings of open_clip's text transformer that make it CLIP's own but for where it is read:
# causal, and nothing but the tokens decides.
_CLIP_TEXT: dict[str, Any] = {
    "proj_type": "linear",
    "block_type": "default",
    **dict.fromkeys(("no_causal_mask", "embed_cls", "proj_bias", "qk_norm"), False),
    **dict.fromkeys(("scaled_cosine_attn", "scale_heads", "scale_attn_inner"), False),
    **dict.fromkeys(("scale_attn", "scale_fc", "use_pad_mask"), False),
}


@dataclass(frozen=True)
class Weights:
    """What a model is built from.

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

    How its pixels are made is data, of the registry's row or the checkpoint's configuration.
    """

    name: str

    def recognises(self, info: ModelInfo) -> bool:
        """Whether the model is of this family."""
        ...

    def build(self, weights: Weights) -> Towers:
        """The towers on the CPU. Raises CheckpointError when the tensors do not fit them."""
        ...

    def layout(self, info: ModelInfo) -> TokenLayout:
        """How the text tower takes token ids."""
        ...

    def vocabulary(self, info: ModelInfo) -> int:
        """How many token ids there are."""
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


def open_clip_tokenizer(info: ModelInfo, folder: Path | None) -> Tokenizer:
    """The tokenizer as open_clip sets it up for the text tower's configuration."""
    options = config_of(info)["text_cfg"].get("tokenizer_kwargs") or {}
    return read_tokenizer(folder, **{"clean": "whitespace", **options})


def open_clip_layout(info: ModelInfo) -> TokenLayout:
    """Texts share their beginnings where CLIP's own text tower would compute the same."""
    text = config_of(info)["text_cfg"]
    same = all(text.get(name, value) in (value, None) for name, value in _CLIP_TEXT.items())
    read_at_end = text.get("pool_type", "argmax") in ("argmax", _END)
    return TokenLayout.PREFIXES if same and read_at_end else TokenLayout.WHOLE


def end_token(info: ModelInfo) -> int | None:
    """The token at which a causal text tower is read, as MetaCLIP 2's; None: the highest id."""
    text = config_of(info)["text_cfg"]
    return int(text.get("eos_id", 2)) if text.get("pool_type") == _END else None


def open_clip_vocabulary(info: ModelInfo) -> int:
    """How many token ids open_clip's text transformer has."""
    return int(config_of(info)["text_cfg"].get("vocab_size", 49408))


def below(state: State, prefix: str) -> State:
    """The tensors whose names begin so, without that beginning."""
    return {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}


def fill_beside(weights: Weights, visual: nn.Module, text: nn.Module, of_text: State) -> None:
    """Fills an image tower of open_clip's and a text tower of transformers' side by side."""
    name, dtype = weights.info.name, weights.dtype
    fill(visual, below(weights.states["towers"], "visual."), name)
    fill(text, {n: t for n, t in of_text.items() if n != "logit_scale"}, name)
    convert(visual, dtype)
    text.to(dtype)


def convert(module: nn.Module, dtype: torch.dtype) -> None:
    """Converts what open_clip converts: with timm all but some norms, otherwise the products.

    CoCa's poolers hold numbers outside of products, so that all of it is converted too.
    """
    if dtype is torch.float32:
        return
    whole = (TimmModel, AttentionalPooler)
    if not any(isinstance(child, whole) for child in module.modules()):
        convert_weights_to_lp(module, dtype=dtype)
        return
    module.to(dtype)
    for child in module.modules():
        if isinstance(child, LayerNormFp32):
            child.float()
