"""open_clip's models whose text tower is an encoder of transformers: RoBERTa, XLM-RoBERTa, NLLB."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from clipbench.errors import Unsupported
from clipbench.networks.architectures import text_config
from clipbench.networks.building import bare_visual
from clipbench.networks.families.family import (
    Weights,
    below,
    config_of,
    fill_beside,
    open_clip_tokenizer,
)
from clipbench.networks.text_towers import (
    FirstTokenText,
    MeanPooledText,
    PooledText,
    transformers_encoder,
)
from clipbench.networks.token_batches import TokenLayout
from clipbench.networks.tokenizers import Tokenizer
from clipbench.networks.towers import Towers, image_tower
from clipbench.registry.table import ModelInfo


class TransformersText:
    """The mean of the encoder's states and two layers, or the first state and one."""

    name = "hf-text"

    def recognises(self, info: ModelInfo) -> bool:
        return info.text_architecture is None and "hf_model_name" in config_of(info)["text_cfg"]

    def build(self, weights: Weights) -> Towers:
        config = weights.config
        visual = bare_visual(config, weights.dtype)
        text = _text_tower(config["text_cfg"], weights.info.embed_dim)
        fill_beside(weights, visual, text, below(weights.states["towers"], "text."))
        return Towers(image_tower(visual), text)

    def layout(self, info: ModelInfo) -> TokenLayout:
        return TokenLayout.MASKED

    def vocabulary(self, info: ModelInfo) -> int:
        return int(text_config(config_of(info)["text_cfg"])["vocab_size"])

    def tokenizer(self, info: ModelInfo, folder: Path | None) -> Tokenizer:
        return open_clip_tokenizer(info, folder)


def _text_tower(text_cfg: Mapping[str, Any], embed_dim: int) -> nn.Module:
    pooler = text_cfg.get("hf_pooler_type", text_cfg.get("pooler_type", "mean_pooler"))
    projection = text_cfg.get("hf_proj_type", text_cfg.get("proj", "mlp"))
    shape = text_config(text_cfg)
    with torch.device("meta"):
        encoder = transformers_encoder(shape)
        pooled = _POOLED.get(pooler)
        # The pooler of BERT and RoBERTa is a layer more; M2M's encoder has none.
        if pooler == "cls_pooler" and encoder.config.is_encoder_decoder:
            pooled = FirstTokenText
        if pooled is None or projection not in ("linear", "mlp"):
            raise Unsupported(
                f"text tower {text_cfg['hf_model_name']!r} with {pooler} and projection "
                f"{projection!r} is not supported; supported are {', '.join(_POOLED)}, for NLLB "
                "cls_pooler, with mlp or linear"
            )
        width = encoder.config.hidden_size
        if projection == "linear":
            return pooled(encoder, "proj", nn.Linear(width, embed_dim, bias=False))
        hidden = (width + embed_dim) // 2
        head = nn.Sequential(
            nn.Linear(width, hidden, bias=False),
            nn.GELU(),
            nn.Linear(hidden, embed_dim, bias=False),
        )
        return pooled(encoder, "proj", head)


_POOLED: Mapping[str, type[PooledText]] = {
    "mean_pooler": MeanPooledText,
    "cls_last_hidden_state_pooler": FirstTokenText,
}
