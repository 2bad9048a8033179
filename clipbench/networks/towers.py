"""Image and text towers as PyTorch modules, filled from a checkpoint.

The modules are open_clip's (`open_clip.model.CLIP`), so that a checkpoint's names fit;
the forward passes are those of `blocks`. They are built without values and take the checkpoint's
tensors, so that loading needs the weights once.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from open_clip.model import CLIP, convert_weights_to_lp
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.nn import init
from torch.overrides import TorchFunctionMode

from clipbench.encode_settings import Activation
from clipbench.errors import CheckpointError
from clipbench.networks.architectures import config_of_architecture
from clipbench.networks.blocks import Prefixes, ToAll, ToEarlier, run_blocks
from clipbench.networks.text_towers import build_cnclip_text, build_hf_text, build_mclip_text
from clipbench.registry.table import ModelInfo

State = Mapping[str, Tensor]
# Buffers that older versions of the libraries saved and that are computed here.
_IGNORED = ("input_resolution", "context_length", "vocab_size", "attn_mask", "text.attn_mask")
_INITIAL = (Tensor.normal_, Tensor.uniform_, init.normal_, init.uniform_, init.kaiming_uniform_)


class Towers(nn.Module):
    """One model: `images` takes pixels (n, 3, side, side), `texts` what `batches` makes of ids.

    causal: texts come as `prefixes`, otherwise padded with their mask.
    """

    def __init__(self, images: ImageTower, texts: nn.Module) -> None:
        super().__init__()
        self.images = images
        self.texts = texts
        self.causal = isinstance(texts, CausalTextTower)


class ImageTower(nn.Module):
    """open_clip's VisionTransformer or ModifiedResNet with a shorter way through its end."""

    def __init__(self, visual: Any) -> None:
        super().__init__()
        self.visual: Any = visual
        self.resnet = hasattr(visual, "attnpool")

    @property
    def dtype(self) -> torch.dtype:
        """Of the pixels and the products."""
        dtype: torch.dtype = self.visual.conv1.weight.dtype
        return dtype

    def forward(self, pixels: Tensor) -> Tensor:
        """(n, 3, side, side) normalised pixels to (n, embed_dim)."""
        visual = self.visual
        x = pixels.to(self.dtype)
        if self.resnet:
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


def build(
    info: ModelInfo,
    states: Mapping[str, State],
    *,
    dtype: torch.dtype = torch.float32,
    activation: Activation | None = None,
) -> Towers:
    """The towers of a model in evaluation mode on the CPU.

    states: by role of the model's files, `towers` and, for M-CLIP, `text`. float16 and bfloat16
    convert the weights that open_clip converts. Raises CheckpointError when the tensors are not
    those of the model's architecture.
    """
    quick = (activation or info.activation) is Activation.QUICKGELU
    config = copy.deepcopy(dict(info.config or config_of_architecture(info.architecture)))
    config["quick_gelu"] = quick
    state = {n: t for n, t in states["towers"].items() if not _ignored(n)}
    if info.family == "openclip" and "hf_model_name" not in config["text_cfg"]:
        clip = _clip(config, dtype)
        _fill(clip, state, info.name, dtype)
        if dtype is not torch.float32:
            convert_weights_to_lp(clip, dtype=dtype)
        towers = Towers(ImageTower(clip.visual), CausalTextTower(clip))
    else:
        visual = _clip(config | {"text_cfg": {"layers": 1}}, dtype).visual
        text = _other_text(info, config)
        visual_state = _below(state, "visual.")
        text_state: State = {n: t for n, t in state.items() if not n.startswith("visual.")}
        if info.family == "mclip":
            text_state = {n: t for n, t in states["text"].items() if not _ignored(n)}
        text_state = {n: t for n, t in text_state.items() if n != "logit_scale"}
        _fill(visual, visual_state, info.name, dtype)
        _fill(text, _below(text_state, "text.") or text_state, info.name, dtype)
        if dtype is not torch.float32:
            convert_weights_to_lp(visual, dtype=dtype)
            text.to(dtype)
        towers = Towers(ImageTower(visual), text)
    return towers.eval().requires_grad_(False)


def logit_scale(state: State) -> float:
    """What the model multiplies a cosine by."""
    return float(state["logit_scale"].float().exp()) if "logit_scale" in state else 100.0


def _other_text(info: ModelInfo, config: Mapping[str, Any]) -> nn.Module:
    if info.family == "mclip":
        return build_mclip_text(str(info.text_architecture), info.embed_dim)
    if info.family == "cnclip":
        return build_cnclip_text(str(info.text_architecture), info.embed_dim)
    return build_hf_text(config["text_cfg"], info.embed_dim)


def _clip(config: Mapping[str, Any], dtype: torch.dtype) -> Any:
    config = {name: value for name, value in config.items() if name != "custom_text"}
    with _WithoutValues():
        return CLIP(**config, cast_dtype=dtype)


class _WithoutValues(TorchFunctionMode):
    """Parameters are left as allocated: a page that nobody writes takes no memory.

    Not on the meta device, which computes in Python what has no kernel there, and imports
    PyTorch's compiler for it: 116 MB and a second.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Skip the random initialisers, which return the tensor that they are given first."""
        kwargs = kwargs or {}
        if func in _INITIAL:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def _fill(module: nn.Module, state: State, name: str, dtype: torch.dtype) -> None:
    """Gives the module the checkpoint's tensors as float32, without a copy where they are."""
    expected = module.state_dict()
    wrong = [
        f"{key} is {tuple(state[key].shape)} instead of {tuple(tensor.shape)}"
        for key, tensor in expected.items()
        if key in state and state[key].shape != tensor.shape
    ]
    missing, extra = sorted(expected.keys() - state), sorted(state.keys() - expected)
    if wrong or missing or extra:
        problems = [*wrong[:3], *(f"{key} is missing" for key in missing[:3])]
        problems += [f"{key} is not of this architecture" for key in extra[:3]]
        raise CheckpointError(
            f"the weights of {name} do not fit its architecture: {'; '.join(problems)}"
        )
    floats = {
        key: tensor.float() if tensor.is_floating_point() else tensor
        for key, tensor in state.items()
    }
    module.load_state_dict(floats, assign=True)
    for child in module.modules():
        for key, buffer in child.named_buffers(recurse=False):
            if buffer.is_meta:
                setattr(child, key, _computed(key, buffer))


def _computed(name: str, buffer: Tensor) -> Tensor:
    """A buffer that checkpoints do not hold."""
    if name == "position_ids":
        return torch.arange(buffer.shape[-1]).expand(buffer.shape)
    return torch.zeros(buffer.shape, dtype=buffer.dtype)


def _below(state: State, prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}


def _ignored(name: str) -> bool:
    computed = name.endswith((".position_ids", ".token_type_ids"))
    return name in _IGNORED or computed or ".pooler." in name


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
