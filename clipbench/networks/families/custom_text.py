"""open_clip's `custom_text` models: SigLIP, MobileCLIP, PE-Core, ViTamin, EVA-02, CoCa and kin.

The image tower is timm's or open_clip's; the text tower is open_clip's TextTransformer, which may
see a text both ways. Such a tower sees the padding too, so texts come at their full length. Of CoCa
the contrastive half is built: its decoder, which writes captions, is not read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from open_clip.model import CustomTextCLIP
from open_clip.timm_model import TimmModel
from torch import nn

from clipbench.networks.building import State, fill, import_timm, without_values
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


class CustomText:
    """Both towers are modules of their own in the checkpoint: `visual.` and `text.`."""

    name = "custom-text"

    def recognises(self, info: ModelInfo) -> bool:
        return info.text_architecture is None and bool(config_of(info).get("custom_text"))

    def build(self, weights: Weights) -> Towers:
        config = {n: v for n, v in weights.config.items() if n not in _NOT_OF_THE_TOWERS}
        import_timm(config)
        with without_values():
            clip: Any = CustomTextCLIP(**config, cast_dtype=weights.dtype)
        fill(clip, _without_decoder(weights.states["towers"]), weights.info.name)
        reparameterise(clip.visual)
        convert(clip, weights.dtype)
        causal = self.layout(weights.info) is TokenLayout.PREFIXES
        texts = CausalTextTower(clip.text) if causal else WholeTextTower(clip.text)
        return Towers(image_tower(clip.visual), texts)

    def layout(self, info: ModelInfo) -> TokenLayout:
        return open_clip_layout(info)

    def vocabulary(self, info: ModelInfo) -> int:
        return open_clip_vocabulary(info)

    def tokenizer(self, info: ModelInfo, folder: Path | None) -> Tokenizer:
        return open_clip_tokenizer(info, folder)


_NOT_OF_THE_TOWERS = ("custom_text", "multimodal_cfg")


def reparameterise(visual: nn.Module) -> None:
    """Merges the branches that networks such as MobileCLIP's have for training only.

    The same function but for rounding, as their authors measure and publish it.
    """
    if isinstance(visual, TimmModel):
        from timm.utils.model import reparameterize_model

        visual.eval()  # a merged branch holds its running mean and deviation
        reparameterize_model(visual.trunk, inplace=True)


def _without_decoder(state: State) -> State:
    return {n: t for n, t in state.items() if not n.startswith("text_decoder.")}
