"""The towers of CLIP as PyTorch modules, for inference.

The modules inside are open_clip's (`open_clip.model.CLIP`), filled by `building`; the forward
passes are those of `blocks`.
"""

from __future__ import annotations

from typing import Any

import torch
from open_clip.model import CLIP
from open_clip.modified_resnet import ModifiedResNet
from open_clip.transformer import ResidualAttentionBlock, VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from clipbench.networks.blocks import Prefixes, ToAll, ToEarlier, run_blocks


class Towers(nn.Module):
    """One model: `images` takes pixels (n, 3, side, side), `texts` the arrays of its family's
    `TokenLayout`.

    Without gradients and in evaluation mode. images: has a `dtype`, and `packable` blocks.
    """

    def __init__(self, images: ImageTower | WholeImageTower, texts: nn.Module) -> None:
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


class WholeImageTower(nn.Module):
    """An image module of open_clip's or timm's as it is: timm's networks, CLIPA's, CoCa's."""

    packable: Any = ()  # no blocks for `onednn_linear.pack`

    def __init__(self, visual: Any) -> None:
        super().__init__()
        self.visual: Any = visual

    @property
    def dtype(self) -> torch.dtype:
        """Of the pixels and the products."""
        weights = (p.dtype for p in self.visual.parameters() if p.ndim == 4)
        return next(weights, torch.float32)

    def forward(self, pixels: Tensor) -> Tensor:
        """(n, 3, side, side) normalised pixels to (n, embed_dim)."""
        return first(self.visual(pixels.to(self.dtype)))


def image_tower(visual: nn.Module) -> ImageTower | WholeImageTower:
    """The tower that runs one of open_clip's image modules: the shorter way where it is equal."""
    if isinstance(visual, ModifiedResNet):
        return ImageTower(visual)
    plain = (
        isinstance(visual, VisionTransformer)
        and visual.attn_pool is None
        and visual.pool_type == "tok"
        and all(type(block) is ResidualAttentionBlock for block in visual.transformer.resblocks)
    )
    return ImageTower(visual) if plain else WholeImageTower(visual)


def first(out: Any) -> Tensor:
    """The embedding, of a tower that may give its tokens beside it."""
    embedding: Tensor = out[0] if isinstance(out, tuple) else out
    return embedding


class CausalTextTower(nn.Module):
    """CLIP's own text tower, and MetaCLIP 2's: causal, read at the end token."""

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


class WholeTextTower(nn.Module):
    """open_clip's TextTransformer, or its CLIP, on texts padded to the context length."""

    def __init__(self, text: Any) -> None:
        super().__init__()
        if isinstance(text, CLIP):  # its image tower is the other one of `Towers`
            del text.visual
        if text.attn_mask is None:
            # adds nothing, and keeps PyTorch from a fused kernel that no ONNX export has
            del text.attn_mask
            length = text.positional_embedding.shape[0]
            text.register_buffer("attn_mask", torch.zeros(length, length), persistent=False)
        self.text: Any = text

    def forward(self, ids: Tensor, _mask: Tensor) -> Tensor:
        """(n, context length) ids to (n, embed_dim)."""
        encode = self.text.encode_text if isinstance(self.text, CLIP) else self.text
        return first(encode(ids))


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
