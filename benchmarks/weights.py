"""Random weights of a published architecture, in the form that each side reads.

    python -m benchmarks.weights FOLDER [ARCHITECTURE [DEVICE]]

makes those of `checkpoint` and prints their path. Speed does not depend on what the weights are,
and nothing has to be fetched.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.environments import ARCHITECTURE


def checkpoint(folder: Path, architecture: str = ARCHITECTURE, device: str = "cpu") -> Path:
    """A state dict as open_clip and clip-server save it, made once, by the device."""
    path = folder / f"{architecture}-random.pt"
    if not path.exists():
        import open_clip

        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(0)
        model = open_clip.create_model(architecture, device=device)
        partial = path.with_suffix(".part")
        torch.save({name: tensor.cpu() for name, tensor in model.state_dict().items()}, partial)
        partial.rename(path)
    return path


def hugging_face_folder(folder: Path) -> Path:
    """The same weights as a folder of the transformers library, with tokenizer and processor."""
    target = folder / "ViT-B-32-random-hf"
    if (target / "config.json").exists():
        return target
    import open_clip

    state = torch.load(checkpoint(folder), weights_only=True)
    write_hugging_face(target, state, open_clip.get_model_config("ViT-B-32"))
    return target


def write_hugging_face(target: Path, state: Mapping[str, Tensor], config: dict[str, Any]) -> None:
    """Weights of an open_clip ViT with GELU as a folder of the transformers library.

    config: open_clip's, of the architecture.
    """
    from safetensors.torch import save_file

    target.mkdir(parents=True, exist_ok=True)
    renamed = {name: tensor.contiguous().clone() for name, tensor in hugging_face_state(state)}
    save_file(renamed, target / "model.safetensors", metadata={"format": "pt"})
    _write_tokenizer(target)
    image, text, dim = config["vision_cfg"], config["text_cfg"], config["embed_dim"]
    side = image["image_size"]
    processor = {
        "image_processor_type": "CLIPImageProcessor",
        "processor_class": "CLIPProcessor",
        "size": {"shortest_edge": side},
        "crop_size": {"height": side, "width": side},
        "resample": 3,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
    }
    for step in ("resize", "center_crop", "rescale", "normalize", "convert_rgb"):
        processor[f"do_{step}"] = True
    (target / "preprocessor_config.json").write_text(json.dumps(processor))
    texts = {"vocab_size": text["vocab_size"], "bos_token_id": 49406, "eos_token_id": 49407}
    images = {"image_size": side, "patch_size": image["patch_size"]}
    whole = {
        "architectures": ["CLIPModel"],
        "model_type": "clip",
        "projection_dim": dim,
        "torch_dtype": "float32",
        "text_config": _tower(text, text["heads"], dim) | texts,
        "vision_config": _tower(image, image["width"] // image.get("head_width", 64), dim) | images,
    }
    (target / "config.json").write_text(json.dumps(whole))


def _tower(config: Mapping[str, Any], heads: int, dim: int) -> dict[str, Any]:
    """The shape of a tower as transformers names it."""
    width = config["width"]
    sizes = {"hidden_size": width, "intermediate_size": 4 * width, "projection_dim": dim}
    layers = {"num_attention_heads": heads, "num_hidden_layers": config["layers"]}
    return {"hidden_act": "gelu"} | sizes | layers


_RENAMED = (
    (r"^visual\.conv1\.", "vision_model.embeddings.patch_embedding."),
    (r"^visual\.class_embedding$", "vision_model.embeddings.class_embedding"),
    (r"^visual\.positional_embedding$", "vision_model.embeddings.position_embedding.weight"),
    (r"^visual\.ln_pre\.", "vision_model.pre_layrnorm."),
    (r"^visual\.ln_post\.", "vision_model.post_layernorm."),
    (r"^visual\.transformer\.resblocks\.", "vision_model.encoder.layers."),
    (r"^transformer\.resblocks\.", "text_model.encoder.layers."),
    (r"^token_embedding\.", "text_model.embeddings.token_embedding."),
    (r"^positional_embedding$", "text_model.embeddings.position_embedding.weight"),
    (r"^ln_final\.", "text_model.final_layer_norm."),
    (r"\.ln_1\.", ".layer_norm1."),
    (r"\.ln_2\.", ".layer_norm2."),
    (r"\.mlp\.c_fc\.", ".mlp.fc1."),
    (r"\.mlp\.c_proj\.", ".mlp.fc2."),
    (r"\.attn\.out_proj\.", ".self_attn.out_proj."),
)


def hugging_face_state(state: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """open_clip's tensors under the names of transformers' CLIPModel."""
    for name, tensor in state.items():
        if name == "visual.proj":
            yield "visual_projection.weight", tensor.T
        elif name == "text_projection":
            yield "text_projection.weight", tensor.T
        elif name == "logit_scale":
            yield name, tensor
        elif "attn.in_proj_" in name:
            suffix = name.rsplit("_", 1)[1]
            base = _renamed(name.split(".attn.in_proj_")[0] + ".ln_1.").removesuffix("layer_norm1.")
            for part, rows in zip("qkv", tensor.chunk(3), strict=True):
                yield f"{base}self_attn.{part}_proj.{suffix}", rows
        elif name != "attn_mask":
            yield _renamed(name), tensor


def _renamed(name: str) -> str:
    for pattern, replacement in _RENAMED:
        name = re.sub(pattern, replacement, name)
    return name


def _write_tokenizer(target: Path) -> None:
    """vocab.json and merges.txt from the table that clip-server carries."""
    from clip_server.model import simple_tokenizer

    tokenizer = simple_tokenizer.SimpleTokenizer()
    table = Path(simple_tokenizer.default_bpe())
    with gzip.open(table, "rt", encoding="utf-8") as file:
        merges = file.read().split("\n")[1 : 49152 - 256 - 2 + 1]
    (target / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    (target / "vocab.json").write_text(json.dumps(tokenizer.encoder))
    special = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>"}
    special |= {"unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}
    (target / "special_tokens_map.json").write_text(json.dumps(special))
    settings = special | {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77}
    (target / "tokenizer_config.json").write_text(json.dumps(settings))


if __name__ == "__main__":
    print(checkpoint(Path(sys.argv[1]), *sys.argv[2:]))
