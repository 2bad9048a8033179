"""CN-CLIP: CLIP's image tower beside a Chinese BERT, read at its first token."""

from __future__ import annotations

from pathlib import Path

import torch

from clipbench.networks.architectures import TEXT_CONFIGS
from clipbench.networks.building import bare_visual
from clipbench.networks.families.family import Weights, fill_beside, read_tokenizer
from clipbench.networks.text_towers import FirstTokenBert, transformers_encoder
from clipbench.networks.token_batches import TokenLayout
from clipbench.networks.tokenizers import Tokenizer
from clipbench.networks.towers import Towers, image_tower
from clipbench.registry.table import ModelInfo


class ChineseCLIP:
    """One file holds both towers."""

    name = "cnclip"

    def recognises(self, info: ModelInfo) -> bool:
        return info.text_architecture is not None and info.image_model is None

    def build(self, weights: Weights) -> Towers:
        visual = bare_visual(weights.config, weights.dtype)
        architecture = str(weights.info.text_architecture)
        shape = TEXT_CONFIGS[architecture]
        with torch.device("meta"):
            bert = transformers_encoder(shape)
            text = FirstTokenBert(bert, shape["hidden_size"], weights.info.embed_dim)
        state = weights.states["towers"]
        of_text = {n: t for n, t in state.items() if not n.startswith("visual.")}
        fill_beside(weights, visual, text, of_text)
        return Towers(image_tower(visual), text)

    def layout(self, info: ModelInfo) -> TokenLayout:
        return TokenLayout.MASKED

    def vocabulary(self, info: ModelInfo) -> int:
        return int(TEXT_CONFIGS[str(info.text_architecture)]["vocab_size"])

    def tokenizer(self, info: ModelInfo, folder: Path | None) -> Tokenizer:
        return read_tokenizer(folder)
