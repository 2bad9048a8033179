"""Builds, runs, writes and reads the embedded models: open_clip's CLIP class and a config."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from open_clip.model import CLIP
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor


def build(config: dict[str, Any]) -> CLIP:
    """A model with random weights: `config` has embed_dim, vision_cfg and text_cfg."""
    return CLIP(**config)


def encode_texts(model: CLIP, tokens: Tensor, pieces: int = 4) -> Tensor:
    """What `model.encode_text` gives, (n, length) to (n, embed_dim), without computing on padding.

    Attention over text is causal, so nothing after the end of a caption counts: captions of about
    the same length go together, cut to the longest of them.
    """
    lengths = tokens.argmax(dim=1) + 1
    order = lengths.argsort()
    encoded = [
        _encode_cut(model, tokens[rows, : int(lengths[rows[-1]])]) for rows in order.chunk(pieces)
    ]
    return torch.cat(encoded)[order.argsort()]


def _encode_cut(model: CLIP, tokens: Tensor) -> Tensor:
    length = tokens.shape[1]
    x = model.token_embedding(tokens) + model.positional_embedding[:length]
    x = model.transformer(x, attn_mask=model.attn_mask[:length, :length])
    x = model.ln_final(x)
    ends: Tensor = x[torch.arange(len(x)), tokens.argmax(dim=-1)]
    projection: Tensor = model.text_projection
    return ends @ projection


def write(path: Path, state: dict[str, Tensor], about: dict[str, str]) -> None:
    """Writes float16 weights, `about` in the header; the file appears whole or not at all."""
    half = {name: tensor.detach().to(torch.float16).contiguous() for name, tensor in state.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file(half, partial, metadata=about)
    partial.chmod(0o644)
    partial.replace(path)


def header(path: Path) -> dict[str, str]:
    """What `write` was told about the weights."""
    with safe_open(path, framework="pt") as file:
        return dict(file.metadata())


def read(path: Path) -> CLIP:
    """The float32 model of a file that `write` wrote, in evaluation mode."""
    model = build(json.loads(header(path)["config"]))
    model.load_state_dict({name: tensor.float() for name, tensor in load_file(path).items()})
    return model.eval()
