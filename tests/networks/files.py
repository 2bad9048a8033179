"""Random weights of real architectures in the formats that real checkpoints have."""

from __future__ import annotations

import zlib
from contextlib import contextmanager
from unittest import mock

import open_clip
import torch
from open_clip.model import CLIP, convert_weights_to_lp
from torch import nn

from clipbench.networks.architectures import TEXT_CONFIGS, config_of_architecture

_NOISE = torch.randn(1 << 20, generator=torch.Generator().manual_seed(7))


@contextmanager
def without_initialisation():
    """Modules are built with whatever is in memory: their weights are about to be replaced."""
    nothing = lambda *arguments, **options: None  # noqa: E731
    with (
        mock.patch.object(nn.Linear, "reset_parameters", nothing),
        mock.patch.object(nn.Embedding, "reset_parameters", nothing),
        mock.patch.object(nn.Conv2d, "reset_parameters", nothing),
        mock.patch.object(nn.MultiheadAttention, "_reset_parameters", nothing),
        mock.patch.object(nn.init, "normal_", nothing),
        mock.patch.object(torch.Tensor, "normal_", lambda tensor, *a, **k: tensor),  # transformers
    ):
        yield


def noise(name, shape, dtype=torch.float32):
    """Numbers of the size that trained weights have, the same for a name whenever it is asked."""
    if name.endswith("running_var"):
        return torch.ones(shape, dtype=dtype)
    if name.endswith("num_batches_tracked"):
        return torch.tensor(1)
    if name.endswith("logit_scale"):
        return torch.tensor(4.6052, dtype=dtype)
    count = 1
    for length in shape:
        count *= length
    start = zlib.crc32(name.encode()) % (1 << 19)
    span = _NOISE[start : start + (1 << 19) - 1]
    flat = span.repeat(count // len(span) + 1)[:count].to(dtype)
    if len(shape) < 2:
        is_scale = name.endswith("weight")
        return (flat * 0.05 + (1 if is_scale else 0)).reshape(shape)
    fan_in = shape[0] if "projection" in name or name.endswith("proj") else count // shape[0]
    if "embedding" in name:
        fan_in = 400
    return (flat * fan_in**-0.5).reshape(shape)


def state_of(shapes, dtype=torch.float32):
    return {name: noise(name, shape, dtype) for name, shape in shapes.items()}


def clip_shapes(config):
    """Names and shapes of open_clip's CLIP, which are those of every checkpoint of this kind."""
    with torch.device("meta"):
        return {n: t.shape for n, t in CLIP(**config).state_dict().items()}


def visual_shapes(architecture):
    config = config_of_architecture(architecture)
    config["text_cfg"] = {"layers": 1}
    config.pop("quick_gelu", None)
    shapes = clip_shapes(config)
    return {n: s for n, s in shapes.items() if n.startswith("visual.") or n == "logit_scale"}


def encoder_shapes(architecture, prefix, *, pooler=False):
    """Names and shapes of a transformers text encoder, as checkpoints have them."""
    from transformers import AutoConfig, AutoModel

    with torch.device("meta"):
        config = AutoConfig.for_model(**TEXT_CONFIGS[architecture])
        encoder = AutoModel.from_config(config, add_pooling_layer=pooler)
    shapes = {prefix + n: t.shape for n, t in encoder.state_dict().items()}
    return shapes | {f"{prefix}embeddings.position_ids": (1, 514)}


def cnclip_shapes(info):
    shapes = visual_shapes(info.architecture) | encoder_shapes(info.text_architecture, "bert.")
    del shapes["bert.embeddings.position_ids"]
    width = TEXT_CONFIGS[info.text_architecture]["hidden_size"]
    return shapes | {"text_projection": (width, info.embed_dim)}


def mclip_shapes(info):
    """Of the text tower's file."""
    width = TEXT_CONFIGS[info.text_architecture]["hidden_size"]
    shapes = encoder_shapes(info.text_architecture, "transformer.", pooler=True) | {
        "LinearTransformation.weight": (info.embed_dim, width),
        "LinearTransformation.bias": (info.embed_dim,),
    }
    del shapes["transformer.embeddings.position_ids"]
    return shapes


def openai_state(architecture):
    """OpenAI's mixture: float16 where open_clip converts, float32 elsewhere, three numbers."""
    config = config_of_architecture(architecture)
    with torch.device("meta"):
        model = CLIP(**config)
        convert_weights_to_lp(model)
    state = {n: noise(n, t.shape, t.dtype) for n, t in model.state_dict().items()}
    state["input_resolution"] = torch.tensor(config["vision_cfg"]["image_size"])
    state["context_length"] = torch.tensor(77)
    state["vocab_size"] = torch.tensor(49408)
    return state


class _Node(nn.Module):
    """A module that only holds: what a TorchScript archive needs to have a model's names."""

    def forward(self, x):
        return x


def save_torchscript(state, path):
    root = _Node()
    for name, tensor in state.items():
        *parents, last = name.split(".")
        node = root
        for parent in parents:
            if not hasattr(node, parent):
                node.add_module(parent, _Node())
            node = getattr(node, parent)
        if tensor.is_floating_point() and "running_" not in name:
            node.register_parameter(last, nn.Parameter(tensor, requires_grad=False))
        else:
            node.register_buffer(last, tensor)
    torch.jit.trace(root, torch.zeros(1)).save(str(path))


@contextmanager
def transformers_configs():
    """open_clip finds the configurations of text encoders that it would ask the hub for."""
    from transformers import AutoConfig

    def from_pretrained(name, **_):
        return AutoConfig.for_model(**TEXT_CONFIGS[name])

    with mock.patch.object(AutoConfig, "from_pretrained", from_pretrained):
        yield


def open_clip_model(architecture, device="meta"):
    """open_clip's own model of an architecture, without values."""
    with torch.device(device), transformers_configs(), without_initialisation():
        return open_clip.create_model(
            architecture, load_weights=False, pretrained_text=False, device=device
        )


def meta_checkpoint(info):
    """A model's files by role, with their names, shapes and types, and without values."""
    if info.image_model is not None:
        return {
            "towers": _meta(visual_shapes(info.architecture)),
            "text": _meta(mclip_shapes(info)),
        }
    if info.text_architecture is not None:
        return {"towers": _meta(cnclip_shapes(info))}
    if info.config is not None:
        return {"towers": _meta(clip_shapes(dict(info.config)))}
    return {"towers": open_clip_model(info.architecture).state_dict()}


def _meta(shapes):
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
