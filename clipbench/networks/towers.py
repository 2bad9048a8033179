"""The towers of CLIP as PyTorch modules, for inference.

The modules inside are open_clip's (`open_clip.model.CLIP`), filled by `building`; the forward
passes are those of `blocks`.
"""

from __future__ import annotations

from typing import Any

import torch
from open_clip.timm_model import TimmModel
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from clipbench.networks.blocks import Prefixes, ToAll, ToEarlier, run_blocks


class Towers(nn.Module):
    """One model: `images` takes pixels (n, 3, side, side), `texts` the arrays of its family's
    `TokenLayout`.

    Without gradients and in evaluation mode. images: has a `dtype`, and `packable` blocks.
    """

    def __init__(self, images: ImageTower | TimmImageTower, texts: nn.Module) -> None:
        super().__init__()
        self.images = images
        self.texts = texts
        self.eval().requires_grad_(False)


class ImageTower(nn.Module):
    """open_clip's VisionTransformer or ModifiedResNet with a shorter way through its end."""

    def __init__(self, visual: Any) -> None:
        super().__init__()
        self.visual: Any = visual
        self._resnet = hasattr(visual, "attnpool")

    @property
    def dtype(self) -> torch.dtype:
        """Of the pixels and the products."""
        dtype: torch.dtype = self.visual.conv1.weight.dtype
        return dtype

    @property
    def packable(self) -> Any:
        """The transformer's blocks, whose products `onednn_linear.pack` may take over."""
        return () if self._resnet else self.visual.transformer.resblocks

    def forward(self, pixels: Tensor) -> Tensor:
        """(n, 3, side, side) normalised pixels to (n, embed_dim)."""
        visual = self.visual
        x = pixels.to(self.dtype)
        if self._resnet:
            for stage in (visual.stem, visual.layer1, visual.layer2, visual.layer3, visual.layer4):
                x = stage(x)
            return _attention_pool(visual.attnpool, x)
        x = _patches(visual.conv1, x)
        first = visual.class_embedding.to(x.dtype).expand(x.shape[0], 1, -1)
        x = torch.cat([first, x], dim=1) + visual.positional_embedding.to(x.dtype)
        x = visual.ln_pre(x)
        x = run_blocks(visual.transformer.resblocks, x, ToAll())
        out: Tensor = visual.ln_post(x) @ visual.proj
        return out


class TimmImageTower(nn.Module):
    """open_clip's TimmModel, timm's network and a head, as it is."""

    packable: Any = ()  # no blocks for `onednn_linear.pack`

    def __init__(self, visual: Any) -> None:
        super().__init__()
        self.visual: Any = visual

    @property
    def dtype(self) -> torch.dtype:
        """Of the pixels and the products."""
        dtype: torch.dtype = next(self.visual.parameters()).dtype
        return dtype

    def forward(self, pixels: Tensor) -> Tensor:
        """(n, 3, side, side) normalised pixels to (n, embed_dim)."""
        out: Tensor = self.visual(pixels.to(self.dtype))
        return out


def image_tower(visual: nn.Module) -> ImageTower | TimmImageTower:
    """The tower that runs one of open_clip's image modules."""
    return TimmImageTower(visual) if isinstance(visual, TimmModel) else ImageTower(visual)


class CausalTextTower(nn.Module):
    """CLIP's own text tower: causal, read at the end token, which has the highest id."""

    def __init__(self, clip: Any) -> None:
        super().__init__()
        self.token_embedding = clip.token_embedding
        self.positional_embedding = clip.positional_embedding
        self.transformer: Any = clip.transformer
        self.ln_final = clip.ln_final
        self.text_projection = clip.text_projection

    def forward(self, *prefixes: Tensor) -> Tensor:
        """The tensors of `Prefixes` of n texts to (n, embed_dim)."""
        batch = Prefixes(*prefixes)
        dtype = self.transformer.resblocks[0].mlp.c_fc.weight.dtype
        x = self.token_embedding(batch.tokens).to(dtype)
        x = x + self.positional_embedding[batch.positions].to(dtype)
        x = run_blocks(self.transformer.resblocks, x, ToEarlier(batch))
        out: Tensor = self.ln_final(x) @ self.text_projection
        return out


def _patches(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """Each patch's state: (n, 3, side, side) to (n, patches, width).

    A patch is a row of a matrix product where the weights lie channels last, as the pixels do: the
    convolution takes longer.
    """
    if not conv.weight.is_contiguous(memory_format=torch.channels_last):
        return conv(x).flatten(2).transpose(1, 2)  # type: ignore[no-any-return]
    size = conv.kernel_size[0]
    n, channels, side, _ = x.shape
    along = side // size
    rows = x.permute(0, 2, 3, 1)[:, : along * size, : along * size]
    patches = rows.reshape(n, along, size, along, size * channels).transpose(2, 3)
    weight = conv.weight.permute(0, 2, 3, 1).flatten(1)
    return F.linear(patches.reshape(n, along * along, -1), weight, conv.bias)


def _attention_pool(pool: Any, x: Tensor) -> Tensor:
    """AttentionPool2d with the one query that is read: (n, c, h, w) to (n, embed_dim)."""
    n, width = x.shape[:2]
    x = x.flatten(2).transpose(1, 2)
    x = torch.cat([x.mean(dim=1, keepdim=True), x], dim=1) + pool.positional_embedding.to(x.dtype)
    heads = (n, -1, pool.num_heads, width // pool.num_heads)
    query, keys, values = (
        projection(part).view(heads).transpose(1, 2)
        for projection, part in ((pool.q_proj, x[:, :1]), (pool.k_proj, x), (pool.v_proj, x))
    )
    out = F.scaled_dot_product_attention(query, keys, values)
    pooled: Tensor = pool.c_proj(out.transpose(1, 2).reshape(n, width))
    return pooled
