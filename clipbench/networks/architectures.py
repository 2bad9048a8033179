"""Shapes of towers: open_clip's model configs, and those of the text towers that it lacks.

Read as data, without importing open_clip or torch.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from clipbench.errors import UnknownName, Unsupported
from clipbench.networks.open_clip_data import open_clip_data

# The transformers configurations of the text towers. Sources: `config.json` of roberta-base,
# xlm-roberta-base, xlm-roberta-large, sentence-transformers/LaBSE and facebook/nllb-200-distilled-*
# on the Hugging Face hub, and cn_clip/clip/model_configs/*.json of OFA-Sys/Chinese-CLIP.
_XLM_ROBERTA: dict[str, Any] = {
    "model_type": "xlm-roberta",
    "vocab_size": 250002,
    "max_position_embeddings": 514,
    "type_vocab_size": 1,
    "layer_norm_eps": 1e-5,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
_BASE = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
}
_LARGE = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
}
_BERT: dict[str, Any] = {
    "model_type": "bert",
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
    "pad_token_id": 0,
}
_NLLB: dict[str, Any] = {  # of an encoder and a decoder, of which the encoder is the text tower
    "model_type": "m2m_100",
    "vocab_size": 256206,
    "max_position_embeddings": 1024,
    "d_model": 1024,
    "encoder_attention_heads": 16,
    "decoder_layers": 1,
    "decoder_ffn_dim": 1,
    "scale_embedding": True,
    "activation_function": "relu",
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
BESIDE = "hf_config"  # the key of `text_cfg` that holds what `text_config.json` says
TEXT_CONFIGS: dict[str, dict[str, Any]] = {
    "roberta-base": {**_XLM_ROBERTA, **_BASE, "model_type": "roberta", "vocab_size": 50265},
    "xlm-roberta-base": {**_XLM_ROBERTA, **_BASE},
    "xlm-roberta-large": {**_XLM_ROBERTA, **_LARGE},
    "facebook/nllb-200-distilled-600M": {**_NLLB, "encoder_layers": 12, "encoder_ffn_dim": 4096},
    "facebook/nllb-200-distilled-1.3B": {**_NLLB, "encoder_layers": 24, "encoder_ffn_dim": 8192},
    "labse": {**_BERT, **_BASE, "vocab_size": 501153},
    "chinese-base": {**_BERT, **_BASE, "vocab_size": 21128},
    "chinese-large": {**_BERT, **_LARGE, "vocab_size": 21128},
    "chinese-rbt3": {**_BERT, **_BASE, "vocab_size": 21128, "num_hidden_layers": 3},
}


def text_config(text_cfg: Mapping[str, Any]) -> dict[str, Any]:
    """transformers' configuration of a text tower: that beside the checkpoint, or the table's.

    Raises Unsupported where there is neither.
    """
    name = text_cfg["hf_model_name"]
    beside: dict[str, Any] | None = text_cfg.get(BESIDE)
    if beside is None and name not in TEXT_CONFIGS:
        raise Unsupported(
            f"the shape of the text tower {name!r} is not known: put the config.json of that "
            "model beside the weights as text_config.json. Without it there are "
            f"{', '.join(TEXT_CONFIGS)}"
        )
    return beside or TEXT_CONFIGS[name]


def config_of_architecture(name: str) -> dict[str, Any]:
    """open_clip's config of an architecture, such as `ViT-B-32`. Raises UnknownName."""
    known = open_clip_data().architectures
    if name not in known:
        raise UnknownName("architecture", name, known)
    return copy.deepcopy(known[name])
