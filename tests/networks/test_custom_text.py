"""open_clip's `custom_text` models, from a folder that open_clip itself reads.

A folder has random weights and, where the kind has one, a small tokenizer of its own. The reference
is open_clip's model, transform and tokenizer: the same pixels, ids and embeddings.
"""

import io
import json

import numpy as np
import open_clip
import pytest
import torch
from open_clip.model import CustomTextCLIP
from PIL import Image
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from clipbench.networks.families import family_of
from clipbench.networks.token_batches import TokenLayout, pad
from clipbench.pixels.pillow import PillowPixels
from clipbench.serving.encoder import EncodeOptions, Encoder, EncoderSettings, EncodeSettings
from clipbench.serving.options import UserCheckpoint
from tests.networks.files import state_of
from tests.networks.stock import cosines
from tests.pictures import encoded, picture

PICTURES = [
    encoded(picture(*size, seed), "PNG") for seed, size in enumerate([(300, 200), (90, 220)])
]
PICTURES.append(encoded(picture(200, 160, 5).convert("RGBA"), "PNG"))
TEXTS = [
    "A photo of a cat.",
    "two_men & a DOG,  running!",
    "x",
    "a small red apple on a table " * 9,
]
VISION = {"image_size": 160, "timm_model_name": "test_vit", "timm_model_pretrained": False}
CLIP_TEXT = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2}

SIGLIP = {
    "model_cfg": {
        "embed_dim": 64,
        "init_logit_bias": -10,
        "custom_text": True,
        "vision_cfg": VISION | {"timm_pool": "map", "timm_proj": "none"},
        "text_cfg": {
            "context_length": 16,
            "vocab_size": 300,
            "hf_tokenizer_name": "small",
            "tokenizer_kwargs": {"clean": "canonicalize"},
            "width": 64,
            "heads": 2,
            "layers": 2,
            "no_causal_mask": True,
            "proj_bias": True,
            "pool_type": "last",
            "norm_kwargs": {"eps": 1e-6},
            "act_kwargs": {"approximate": "tanh"},
        },
    },
    "preprocess_cfg": {
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "interpolation": "bicubic",
        "resize_mode": "squash",
    },
}
MOBILE = {
    "model_cfg": {
        "embed_dim": 48,
        "custom_text": True,
        "vision_cfg": VISION | {"timm_pool": "avg", "timm_proj": None},
        "text_cfg": CLIP_TEXT | {"no_causal_mask": True},
    },
    "preprocess_cfg": {"mean": [0, 0, 0], "std": [1, 1, 1], "interpolation": "bilinear"},
}
EVA = {
    "model_cfg": {
        "embed_dim": 48,
        "custom_text": True,
        "vision_cfg": VISION | {"timm_pool": "token", "timm_proj": None},
        "text_cfg": CLIP_TEXT,
    },
    "preprocess_cfg": {"resize_mode": "longest", "fill_color": 7},
}
KINDS = {"siglip": SIGLIP, "mobileclip": MOBILE, "eva": EVA}
LAYOUTS = {
    "siglip": TokenLayout.WHOLE,
    "mobileclip": TokenLayout.WHOLE,
    "eva": TokenLayout.PREFIXES,
}


def write_tokenizer(folder):
    """A byte-pair tokenizer that ends a text with token 1 and pads with it, as SigLIP's does."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<pad>", "</s>", "<unk>"], show_progress=False
    )
    tokenizer.train_from_iterator([text.lower() for text in TEXTS] * 3, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="</s>", pad_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder for each kind, as a hub repository has it."""
    root = tmp_path_factory.mktemp("custom-text")
    for name, config in KINDS.items():
        made = root / name
        made.mkdir()
        (made / "open_clip_config.json").write_text(json.dumps(config))
        model_cfg = {n: value for n, value in config["model_cfg"].items() if n != "custom_text"}
        shapes = {n: t.shape for n, t in CustomTextCLIP(**model_cfg).state_dict().items()}
        save_file(state_of(shapes), made / "open_clip_model.safetensors")
    write_tokenizer(root / "siglip")
    return root


@pytest.fixture(scope="module")
def encoder(folder):
    own = tuple(
        UserCheckpoint(
            name,
            folder / name / "open_clip_model.safetensors",
            str(folder / name / "open_clip_config.json"),
        )
        for name in KINDS
    )
    made = Encoder(EncoderSettings(cache=folder / "cache", checkpoints=own, offline=True))
    yield made
    made.close()


def pictures_as_rgb():
    return [Image.open(io.BytesIO(data)).convert("RGB") for data in PICTURES]


def assert_equal(ours, theirs):
    assert ours.shape == theirs.shape
    assert cosines(ours, theirs).min() >= 0.99999
    assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()


@pytest.mark.parametrize("name", KINDS)
@torch.inference_mode()
def test_pixels_ids_and_embeddings_are_open_clip_s(name, folder, encoder):
    reference, transform = open_clip.create_model_from_pretrained(f"local-dir:{folder / name}")
    tokenize = open_clip.get_tokenizer(f"local-dir:{folder / name}")
    pixels = torch.stack([transform(image) for image in pictures_as_rgb()])
    ids = tokenize(TEXTS)

    loaded = encoder.load(name, EncodeOptions())
    ours = PillowPixels.of(loaded.info)
    assert torch.equal(ours.normalise([ours.decode(data) for data in PICTURES]), pixels)
    tokens = loaded.tokenizer(TEXTS, loaded.info.context_length)
    padding = loaded.tokenizer.padding
    assert np.array_equal(pad(tokens.ids, padding, loaded.info.context_length)[0], ids.numpy())
    assert tokens.truncated == (3,) if name == "siglip" else tokens.truncated == ()
    assert loaded.layout is family_of(loaded.info).layout(loaded.info) is LAYOUTS[name]
    of_images = encoder.encode_images(name, EncodeOptions(), PICTURES).embeddings
    of_texts = encoder.encode_texts(name, EncodeOptions(), TEXTS).embeddings
    assert_equal(of_images, reference.encode_image(pixels).numpy())
    assert_equal(of_texts, reference.encode_text(ids).numpy())


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    ("precision", "runtime", "least"),
    [
        ("float32", "onnx", 0.99999),
        ("int8", "onnx", 0.9),
        ("bfloat16", "torch", 0.99),
        ("float16", "torch", 0.9999),
    ],
)
def test_every_precision_is_near_float32(encoder, name, precision, runtime, least):
    options = EncodeOptions(EncodeSettings(precision=precision, runtime=runtime), forced=True)
    for encode, documents in ((encoder.encode_images, PICTURES), (encoder.encode_texts, TEXTS)):
        near = encode(name, options, documents).embeddings
        assert cosines(near, encode(name, EncodeOptions(), documents).embeddings).min() >= least
