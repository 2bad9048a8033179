"""Plain CLIP: OpenAI's, and open_clip's that have its shape (LAION, DataComp, DFN, MetaCLIP …)."""

from __future__ import annotations

from pathlib import Path

from clipbench.networks.building import bare_clip, fill
from clipbench.networks.families.family import Weights, config_of, convert, read_tokenizer
from clipbench.networks.token_batches import TokenLayout
from clipbench.networks.tokenizers import Tokenizer
from clipbench.networks.towers import CausalTextTower, Towers, image_tower
from clipbench.registry.table import ModelInfo


class PlainCLIP:
    """An image tower of open_clip's or timm's, and CLIP's causal text tower beside it."""

    name = "clip"

    def recognises(self, info: ModelInfo) -> bool:
        return info.text_architecture is None and not config_of(info).get("custom_text")

    def build(self, weights: Weights) -> Towers:
        clip = bare_clip(weights.config, weights.dtype)
        fill(clip, weights.states["towers"], weights.info.name)
        convert(clip, weights.dtype)
        return Towers(image_tower(clip.visual), CausalTextTower(clip))

    def layout(self, info: ModelInfo) -> TokenLayout:
        return TokenLayout.PREFIXES

    def vocabulary(self, info: ModelInfo) -> int:
        return int(config_of(info)["text_cfg"].get("vocab_size", 49408))

    def tokenizer(self, info: ModelInfo, folder: Path | None) -> Tokenizer:
        options = config_of(info)["text_cfg"].get("tokenizer_kwargs") or {}
        return read_tokenizer(folder, **{"clean": "whitespace", **options})
