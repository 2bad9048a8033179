"""A model's configuration in open_clip's form: the shape of its towers, and its preprocessing.

    {"embed_dim": …, "vision_cfg": {…}, "text_cfg": {…}}
    {"model_cfg": {…}, "preprocess_cfg": {"mean": …, "std": …, "resize_mode": …}}

The second is a hub repository's `open_clip_config.json`. All of it is followed; what cannot be is
refused by name. Needs no torch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from clipbench.errors import InvalidRequest
from clipbench.networks.architectures import BESIDE
from clipbench.pixels.geometry import ResizeMode

TEXT_CONFIG = "text_config.json"
Parsed = TypeVar("Parsed")

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


# Of a text tower of transformers: the kinds that are built, and what shapes them.
_TEXT_KINDS = ("bert", "roberta", "xlm-roberta", "m2m_100")
_TEXT_SHAPE = {
    *("model_type", "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads"),
    *("intermediate_size", "hidden_act", "max_position_embeddings", "type_vocab_size"),
    *("layer_norm_eps", "pad_token_id", "bos_token_id", "eos_token_id", "d_model"),
    *("encoder_layers", "encoder_attention_heads", "encoder_ffn_dim", "scale_embedding"),
    *("activation_function",),
}
_MOST_LAYERS, _MOST = 200, 1 << 20


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
    """The configuration in a file, and that of a transformers text tower in TEXT_CONFIG beside it.

    Raises InvalidRequest, which names the file and the key.
    """
    config = _parsed(path, parse)
    beside = path.with_name(TEXT_CONFIG)
    if "hf_model_name" in config.towers["text_cfg"] and beside.is_file():
        text = {**config.towers["text_cfg"], BESIDE: _parsed(beside, parse_text)}
        config = replace(config, towers={**config.towers, "text_cfg": text})
    return config


def _parsed(path: Path, parser: Callable[[object], Parsed]) -> Parsed:
    if path.is_dir():
        raise InvalidRequest(f"{path} is a folder: name the configuration in it")
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise InvalidRequest(f"there is no model configuration at {path}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"{path} is not a readable model configuration: {error}") from error
    try:
        return parser(content)
    except InvalidRequest as error:
        raise InvalidRequest(f"{path}: {error}") from None


def parse_text(content: object) -> dict[str, Any]:
    """The shape of a text tower, from transformers' `config.json`: of known kinds, bounded.

    What shapes no forward pass of the encoder is dropped. Raises InvalidRequest.
    """
    whole = _mapping(content, "the configuration")
    _one_of(whole.get("model_type"), _TEXT_KINDS, "model_type")
    shape = {key: value for key, value in whole.items() if key in _TEXT_SHAPE}
    for key, value in shape.items():
        most = _MOST_LAYERS if key.endswith("_layers") else _MOST
        if not isinstance(value, str | bool | None) and not (
            isinstance(value, int | float) and 0 <= value <= most
        ):
            raise InvalidRequest(f"{key} = {json.dumps(value)} is not a number from 0 to {most:,}")
    if shape["model_type"] == "m2m_100":  # its decoder is not built
        shape |= {"decoder_layers": 1, "decoder_ffn_dim": 1}
        shape["decoder_attention_heads"] = shape.get("encoder_attention_heads", 16)
    return shape


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
