"""Shapes of towers: open_clip's model configs, and those of the text towers that it lacks.

Read as data, without importing open_clip or torch.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from clipbench.errors import InvalidRequest, UnknownName

# The transformers configurations of the text towers. Sources: `config.json` of roberta-base,
# xlm-roberta-base, xlm-roberta-large and sentence-transformers/LaBSE on the Hugging Face hub, and
# cn_clip/clip/model_configs/*.json of OFA-Sys/Chinese-CLIP.
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
TEXT_CONFIGS: dict[str, dict[str, Any]] = {
    "roberta-base": {**_XLM_ROBERTA, **_BASE, "model_type": "roberta", "vocab_size": 50265},
    "xlm-roberta-base": {**_XLM_ROBERTA, **_BASE},
    "xlm-roberta-large": {**_XLM_ROBERTA, **_LARGE},
    "labse": {**_BERT, **_BASE, "vocab_size": 501153},
    "chinese-base": {**_BERT, **_BASE, "vocab_size": 21128},
    "chinese-large": {**_BERT, **_LARGE, "vocab_size": 21128},
    "chinese-rbt3": {**_BERT, **_BASE, "vocab_size": 21128, "num_hidden_layers": 3},
}


def config_of_architecture(name: str) -> dict[str, Any]:
    """open_clip's config of an architecture, such as `ViT-B-32`. Raises UnknownName."""
    folder = _open_clip_folder()
    path = folder / f"{name}.json"
    if path.parent != folder or not path.is_file():
        raise UnknownName("architecture", name, (file.stem for file in folder.glob("*.json")))
    config: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return config


def _open_clip_folder() -> Path:
    spec = find_spec("open_clip")
    if spec is None or not spec.submodule_search_locations:
        raise InvalidRequest("open_clip is not installed: architectures are read from its configs")
    return Path(spec.submodule_search_locations[0]) / "model_configs"
