"""Plain CLIP: OpenAI's, and open_clip's that have its checkpoint's layout.

LAION, DataComp, DFN and MetaCLIP have its shape too; CLIPA sees a text both ways and averages its
image's tokens; MetaCLIP 2 is causal as well, and read at another vocabulary's end token.
"""

from __future__ import annotations

from pathlib import Path

from clipbench.networks.building import bare_clip, fill
from clipbench.networks.families.family import (
    Weights,
    config_of,
    convert,
    open_clip_layout,
    open_clip_tokenizer,
    open_clip_vocabulary,
)
from clipbench.networks.token_batches import TokenLayout
from clipbench.networks.tokenizers import Tokenizer
from clipbench.networks.towers import CausalTextTower, Towers, WholeTextTower, image_tower
from clipbench.registry.table import ModelInfo


class PlainCLIP:
    """An image tower of open_clip's or timm's, and open_clip's text tower beside it."""

    name = "clip"

    def recognises(self, info: ModelInfo) -> bool:
        return info.text_architecture is None and not config_of(info).get("custom_text")

    def build(self, weights: Weights) -> Towers:
        clip = bare_clip(weights.config, weights.dtype)
        fill(clip, weights.states["towers"], weights.info.name)
        convert(clip, weights.dtype)
        images = image_tower(clip.visual)
        causal = self.layout(weights.info) is TokenLayout.PREFIXES
        return Towers(images, CausalTextTower(clip) if causal else WholeTextTower(clip))

    def layout(self, info: ModelInfo) -> TokenLayout:
        return open_clip_layout(info)

    def vocabulary(self, info: ModelInfo) -> int:
        return open_clip_vocabulary(info)

    def tokenizer(self, info: ModelInfo, folder: Path | None) -> Tokenizer:
        return open_clip_tokenizer(info, folder)
