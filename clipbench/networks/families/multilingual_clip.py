"""M-CLIP: a multilingual text encoder trained towards a CLIP, whose image tower it keeps."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from clipbench.networks.architectures import TEXT_CONFIGS
from clipbench.networks.building import bare_visual
from clipbench.networks.families.family import Weights, fill_beside, read_tokenizer
from clipbench.networks.text_towers import MeanPooledText, transformers_encoder
from clipbench.networks.token_batches import TokenLayout
from clipbench.networks.tokenizers import Tokenizer
from clipbench.networks.towers import Towers, image_tower
from clipbench.registry.table import ModelInfo


class MultilingualCLIP:
    """The text tower is a file of its own: mean pooling and one linear layer."""

    name = "mclip"

    def recognises(self, info: ModelInfo) -> bool:
        return info.image_model is not None

    def build(self, weights: Weights) -> Towers:
        visual = bare_visual(weights.config, weights.dtype)
        shape = TEXT_CONFIGS[str(weights.info.text_architecture)]
        with torch.device("meta"):
            head = nn.Linear(shape["hidden_size"], weights.info.embed_dim)
            text = MeanPooledText(transformers_encoder(shape), "LinearTransformation", head)
        fill_beside(weights, visual, text, weights.states["text"])
        return Towers(image_tower(visual), text)

    def layout(self, info: ModelInfo) -> TokenLayout:
        return TokenLayout.MASKED

    def vocabulary(self, info: ModelInfo) -> int:
        return int(TEXT_CONFIGS[str(info.text_architecture)]["vocab_size"])

    def tokenizer(self, info: ModelInfo, folder: Path | None) -> Tokenizer:
        return read_tokenizer(folder)
