"""The tensors of cn_clip under the names of transformers."""

from __future__ import annotations


def as_chinese_clip(state):
    """A state dict of cn_clip's under the names that transformers' ChineseCLIPModel gives."""
    renamed = {}
    for name, tensor in state.items():
        if name.startswith("bert."):
            renamed["text_model." + name.removeprefix("bert.")] = tensor
        elif name in ("text_projection", "visual.proj"):
            key = "text_projection" if name == "text_projection" else "visual_projection"
            renamed[f"{key}.weight"] = tensor.T.contiguous()
        elif name.endswith(("in_proj_weight", "in_proj_bias")):
            prefix, kind = name.rsplit(".in_proj_", 1)
            for letter, part in zip("qkv", tensor.chunk(3), strict=True):
                renamed[f"{_vision(prefix)}.{letter}_proj.{kind}"] = part
        else:
            renamed[_vision(name)] = tensor
    return renamed


def _vision(name):
    for old, new in (
        ("visual.conv1.weight", "vision_model.embeddings.patch_embedding.weight"),
        ("visual.class_embedding", "vision_model.embeddings.class_embedding"),
        ("visual.positional_embedding", "vision_model.embeddings.position_embedding.weight"),
        ("visual.ln_pre", "vision_model.pre_layrnorm"),
        ("visual.ln_post", "vision_model.post_layernorm"),
        ("visual.transformer.resblocks", "vision_model.encoder.layers"),
        (".attn", ".self_attn"),
        (".ln_1", ".layer_norm1"),
        (".ln_2", ".layer_norm2"),
        (".mlp.c_fc", ".mlp.fc1"),
        (".mlp.c_proj", ".mlp.fc2"),
    ):
        name = name.replace(old, new)
    return name
