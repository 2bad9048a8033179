"""A model's configuration in open_clip's form: the shape of its towers, and its preprocessing.

    {"embed_dim": …, "vision_cfg": {…}, "text_cfg": {…}}
    {"model_cfg": {…}, "preprocess_cfg": {"mean": …, "std": …, "resize_mode": …}}

The second is a hub repository's `open_clip_config.json`. All of it is followed; what cannot be is
refused by name. Needs no torch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clipbench.errors import InvalidRequest
from clipbench.pixels.geometry import ResizeMode

OPENAI_MEAN = (0.48145466, 0.4578275, 0.40821073)
OPENAI_STD = (0.26862954, 0.26130258, 0.27577711)

_MODEL = {
    *("embed_dim", "vision_cfg", "text_cfg", "quick_gelu", "custom_text"),
    *("init_logit_scale", "init_logit_bias", "nonscalar_logit_scale", "multimodal_cfg"),
}
_BOTH = {
    *("layers", "width", "mlp_ratio", "ls_init_value", "act_kwargs", "norm_kwargs", "pool_type"),
    *("block_type", "qk_norm", "scaled_cosine_attn", "scale_heads", "scale_attn_inner"),
    *("scale_attn", "scale_fc", "output_tokens", "final_ln_after_pool"),
}
# What the towers follow, and what changes nothing in a forward pass of one embedding.
_VISION = _BOTH | {
    *("head_width", "patch_size", "image_size", "no_ln_pre", "pos_embed_type"),
    *("patch_dropout", "attentional_pool", "attn_pooler_queries", "attn_pooler_heads"),
    *("timm_model_pretrained", "timm_pool", "timm_proj", "timm_proj_bias"),
    *("timm_drop", "timm_drop_path", "timm_model_name"),
}
_TEXT = _BOTH | {
    *("context_length", "vocab_size", "hf_tokenizer_name", "heads", "pad_id", "eos_id"),
    *("hf_model_name", "hf_model_pretrained", "hf_proj_type", "hf_pooler_type", "proj"),
    *("pooler_type", "tokenizer_kwargs", "embed_cls", "no_causal_mask", "proj_type", "proj_bias"),
    *("use_pad_mask", "correct_cls_mask"),
}
# What open_clip's CLIP, unlike its `custom_text` models, has in one way only.
_PLAIN_TEXT = {"embed_cls": (False,), "output_tokens": (False,)}
_PREPROCESS = {"size", "mode", "mean", "std", "interpolation", "resize_mode", "fill_color"}
_INTERPOLATIONS = ("bicubic", "bilinear", "lanczos", "nearest")


@dataclass(frozen=True)
class Preprocess:
    """The preprocessing. fill_color: 0 to 255, of the padding of `longest`."""

    mean: tuple[float, float, float] = OPENAI_MEAN
    std: tuple[float, float, float] = OPENAI_STD
    interpolation: str = "bicubic"
    resize_mode: ResizeMode = ResizeMode.SHORTEST
    fill_color: int = 0


@dataclass(frozen=True)
class OpenClipConfig:
    """towers: `model_cfg`, in open_clip's names."""

    towers: dict[str, Any]
    preprocess: Preprocess = field(default_factory=Preprocess)

    @property
    def image_size(self) -> int:
        """Pixels of the square's side."""
        return int(_side(self.towers["vision_cfg"].get("image_size", 224), "vision_cfg.image_size"))


def read(path: Path) -> OpenClipConfig:
    """The configuration in a file. Raises InvalidRequest, which names the file and the key."""
    if path.is_dir():
        raise InvalidRequest(f"{path} is a folder: name the configuration in it")
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise InvalidRequest(f"there is no model configuration at {path}") from None
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"{path} is not a readable model configuration: {error}") from error
    try:
        return parse(content)
    except InvalidRequest as error:
        raise InvalidRequest(f"{path}: {error}") from None


def parse(content: object) -> OpenClipConfig:
    """Checks every key. Raises InvalidRequest for what is unknown or cannot be followed."""
    whole = _mapping(content, "the configuration")
    towers = _mapping(whole.get("model_cfg", whole), "model_cfg")
    if missing := sorted({"embed_dim", "vision_cfg", "text_cfg"} - set(towers)):
        raise InvalidRequest(f"{', '.join(missing)} is missing")
    _check_keys(towers, _MODEL, {}, "")
    _check_keys(_mapping(towers["vision_cfg"], "vision_cfg"), _VISION, {}, "vision_cfg.")
    fixed = {} if towers.get("custom_text") else _PLAIN_TEXT
    _check_keys(_mapping(towers["text_cfg"], "text_cfg"), _TEXT, fixed, "text_cfg.")
    config = OpenClipConfig(dict(towers))
    stated = _mapping(whole.get("preprocess_cfg") or {}, "preprocess_cfg")
    given = {key: value for key, value in stated.items() if value is not None}
    preprocess = parse_preprocess(given, config.image_size)
    return OpenClipConfig(config.towers, preprocess)


def _check_keys(
    values: Mapping[str, Any], known: set[str], fixed: Mapping[str, tuple[Any, ...]], prefix: str
) -> None:
    for key, value in values.items():
        if key in fixed and value not in fixed[key]:
            raise InvalidRequest(
                f"{prefix}{key} = {json.dumps(value)} is not supported: the towers here have "
                f"{json.dumps(fixed[key][0])}"
            )
        if key == "tokenizer_kwargs":
            _check_keys(_mapping(value, key), {"clean", "strip_sep_token"}, {}, f"{prefix}{key}.")
        if key not in known and key not in fixed:
            raise InvalidRequest(
                f"{prefix}{key} is not known: it may be of a newer open_clip. Known are "
                f"{', '.join(sorted(known | set(fixed)))}"
            )


def parse_preprocess(stated: Mapping[str, Any], image_size: int) -> Preprocess:
    _check_keys(stated, _PREPROCESS, {"mode": ("RGB",)}, "preprocess_cfg.")
    size = _side(stated.get("size", image_size), "preprocess_cfg.size")
    if size != image_size:
        raise InvalidRequest(
            f"preprocess_cfg.size is {size} and vision_cfg.image_size is {image_size}: the tower "
            "takes images of one size, so both must be equal"
        )
    interpolation = stated.get("interpolation", "bicubic")
    if interpolation == "random":  # of training only: open_clip evaluates with bicubic
        interpolation = "bicubic"
    fill = stated.get("fill_color", 0)
    if not isinstance(fill, int) or not 0 <= fill <= 255:
        raise InvalidRequest(f"preprocess_cfg.fill_color {fill!r} is not a number from 0 to 255")
    return Preprocess(
        _three(stated.get("mean", OPENAI_MEAN), "preprocess_cfg.mean"),
        _three(stated.get("std", OPENAI_STD), "preprocess_cfg.std", above=0.0),
        _one_of(interpolation, _INTERPOLATIONS, "preprocess_cfg.interpolation"),
        ResizeMode(
            _one_of(stated.get("resize_mode", "shortest"), ResizeMode, "preprocess_cfg.resize_mode")
        ),
        fill,
    )


def _side(value: object, name: str) -> int:
    if isinstance(value, list | tuple) and len(value) in (1, 2) and value[0] == value[-1]:
        value = value[0]
    if not isinstance(value, int) or value < 1:
        raise InvalidRequest(f"{name} {value!r} is not the side of a square in pixels")
    return value


def _three(value: object, name: str, above: float = float("-inf")) -> tuple[float, float, float]:
    values: list[Any] = list(value) if isinstance(value, list | tuple) else [value] * 3
    if len(values) != 3 or not all(isinstance(x, int | float) and x > above for x in values):
        raise InvalidRequest(f"{name} {value!r} is not three numbers, of red, green and blue")
    return float(values[0]), float(values[1]), float(values[2])


def _one_of(value: object, choices: Any, name: str) -> str:
    if value not in list(choices):
        raise InvalidRequest(f"{name} {value!r} is not one of {', '.join(choices)}")
    return str(value)


def _mapping(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidRequest(f"{name} is not a table of names and values")
    return value
