"""open_clip's `custom_text` models: SigLIP, MobileCLIP, PE-Core, ViTamin, EVA-02 and their kin.

The image tower is timm's or open_clip's; the text tower is open_clip's TextTransformer, which may
see a text both ways. Such a tower sees the padding too, so texts come at their full length.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from open_clip.model import CustomTextCLIP
from torch import Tensor, nn

from clipbench.networks.building import fill, without_values
from clipbench.networks.families.family import Weights, config_of, convert, read_tokenizer
from clipbench.networks.token_batches import TokenLayout
from clipbench.networks.tokenizers import Tokenizer
from clipbench.networks.towers import CausalTextTower, Towers, image_tower
from clipbench.registry.table import ModelInfo

_CLIP_TEXT: dict[str, Any] = {
    "pool_type": "argmax",
    "proj_type": "linear",
    "block_type": "default",
    **dict.fromkeys(("no_causal_mask", "embed_cls", "proj_bias", "qk_norm"), False),
    **dict.fromkeys(("scaled_cosine_attn", "scale_heads", "scale_attn_inner"), False),
    **dict.fromkeys(("scale_attn", "scale_fc"), False),
}


class WholeTextTower(nn.Module):
    """open_clip's TextTransformer on texts padded to the context length."""

    def __init__(self, text: Any) -> None:
        super().__init__()
        if text.attn_mask is None:
            # adds nothing, and keeps PyTorch from a fused kernel that no ONNX export has
            del text.attn_mask
            nothing = torch.zeros(text.num_pos, text.num_pos)
            text.register_buffer("attn_mask", nothing, persistent=False)
        self.text = text

    def forward(self, ids: Tensor, _mask: Tensor) -> Tensor:
        """(n, context length) ids to (n, embed_dim)."""
        out: Tensor = self.text(ids)
        return out


class CustomText:
    """Both towers are modules of their own in the checkpoint: `visual.` and `text.`."""

    name = "custom-text"

    def recognises(self, info: ModelInfo) -> bool:
        return info.text_architecture is None and bool(config_of(info).get("custom_text"))

    def build(self, weights: Weights) -> Towers:
        config = {n: value for n, value in weights.config.items() if n != "custom_text"}
        with without_values():
            clip: Any = CustomTextCLIP(**config, cast_dtype=weights.dtype)
        fill(clip, weights.states["towers"], weights.info.name)
        convert(clip, weights.dtype)
        causal = self.layout(weights.info) is TokenLayout.PREFIXES
        texts = CausalTextTower(clip.text) if causal else WholeTextTower(clip.text)
        return Towers(image_tower(clip.visual), texts)

    def layout(self, info: ModelInfo) -> TokenLayout:
        """Texts share their beginnings where CLIP's own text tower would compute the same."""
        text = config_of(info)["text_cfg"]
        same = all(text.get(name, value) in (value, None) for name, value in _CLIP_TEXT.items())
        return TokenLayout.PREFIXES if same else TokenLayout.WHOLE

    def vocabulary(self, info: ModelInfo) -> int:
        return int(config_of(info)["text_cfg"].get("vocab_size", 49408))

    def tokenizer(self, info: ModelInfo, folder: Path | None) -> Tokenizer:
        options = config_of(info)["text_cfg"].get("tokenizer_kwargs") or {}
        return read_tokenizer(folder, **{"clean": "whitespace", **options})
