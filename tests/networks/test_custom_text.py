"""Each kind of open_clip's models at small size, from a folder that open_clip itself reads.

A folder has random weights and, where the kind has one, a small tokenizer of its own. The reference
is open_clip's model, transform and tokenizer: the same pixels, ids and embeddings.
"""

import io
import json

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from clipbench.networks.architectures import TEXT_CONFIGS
from clipbench.networks.families import family_of
from clipbench.networks.token_batches import TokenLayout, pad
from clipbench.pixels.pillow import PillowPixels
from clipbench.serving.encoder import EncodeOptions, Encoder, EncoderSettings, EncodeSettings
from clipbench.serving.options import UserCheckpoint
from clipbench.weights.checkpoints import read
from tests.networks.files import state_of, transformers_configs
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
FAST = {  # branches for training, which are merged
    "model_cfg": {
        "embed_dim": 48,
        "custom_text": True,
        "vision_cfg": {
            "image_size": 64,
            "timm_model_name": "fastvit_mci0",
            "timm_model_pretrained": False,
            "timm_pool": "avg",
            "timm_proj": None,
        },
        "text_cfg": CLIP_TEXT | {"no_causal_mask": True},
    },
    "preprocess_cfg": MOBILE["preprocess_cfg"],
}
VIT = {"image_size": 64, "patch_size": 16, "width": 96, "head_width": 32, "layers": 3}
CLIPA = {
    "model_cfg": {
        "embed_dim": 48,
        "vision_cfg": VIT | {"no_ln_pre": True, "pool_type": "avg", "final_ln_after_pool": True},
        "text_cfg": CLIP_TEXT
        | {
            "context_length": 16,
            "vocab_size": 300,
            "hf_tokenizer_name": "small",
            "tokenizer_kwargs": {"strip_sep_token": True},
            "pool_type": "last",
            "no_causal_mask": True,
        },
    },
    "preprocess_cfg": {
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
        "interpolation": "bilinear",
        "resize_mode": "squash",
    },
}
META = {  # MetaCLIP 2's: causal, read at the end token of another vocabulary
    "model_cfg": {
        "embed_dim": 48,
        "quick_gelu": True,
        "vision_cfg": VIT,
        "text_cfg": CLIP_TEXT
        | {"vocab_size": 300, "hf_tokenizer_name": "small", "pool_type": "eos", "eos_id": 1},
    },
    "preprocess_cfg": {"resize_mode": "squash"},
}
COCA = {
    "model_cfg": {
        "embed_dim": 48,
        "custom_text": True,
        "vision_cfg": VIT
        | {"attentional_pool": True, "attn_pooler_heads": 4, "output_tokens": True},
        "text_cfg": CLIP_TEXT | {"context_length": 76, "embed_cls": True, "output_tokens": True},
        "multimodal_cfg": {
            "context_length": 76,
            "vocab_size": 49408,
            "width": 48,
            "heads": 2,
            "layers": 2,
            "attn_pooler_heads": 2,
        },
    },
    "preprocess_cfg": {},
}
NLLB = {
    "model_cfg": {
        "embed_dim": 48,
        "vision_cfg": VIT,
        "text_cfg": {
            "hf_model_name": "small-nllb",
            "hf_tokenizer_name": "small",
            "hf_proj_type": "linear",
            "hf_pooler_type": "cls_pooler",
        },
    },
    "preprocess_cfg": {},
}
SMALL_NLLB = TEXT_CONFIGS["facebook/nllb-200-distilled-600M"] | {
    "vocab_size": 300,
    "d_model": 32,
    "encoder_layers": 2,
    "encoder_ffn_dim": 64,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "pad_token_id": 0,
    "max_position_embeddings": 80,
}
KINDS = {
    "siglip": SIGLIP,
    "mobileclip": MOBILE,
    "fastvit": FAST,
    "eva": EVA,
    "clipa": CLIPA,
    "metaclip2": META,
    "coca": COCA,
    "nllb": NLLB,
}
LAYOUTS = dict.fromkeys(KINDS, TokenLayout.WHOLE) | {
    "eva": TokenLayout.PREFIXES,
    "nllb": TokenLayout.MASKED,
}
# Of each kind whose tokenizer is not CLIP's: the special tokens of the small one beside `</s>`.
TOKENIZERS = {
    "siglip": {"pad_token": "</s>"},
    "clipa": {"pad_token": "<pad>", "sep_token": "</s>"},
    "metaclip2": {"pad_token": "<pad>"},
    "nllb": {"pad_token": "<pad>"},
}


def write_tokenizer(folder, **special):
    """A byte-pair tokenizer that ends a text with token 1."""
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
        tokenizer_object=tokenizer, eos_token="</s>", unk_token="<unk>", **special
    ).save_pretrained(folder)


def reference(folder):
    """open_clip's model and transform of a folder."""
    with transformers_configs():
        return open_clip.create_model_from_pretrained(f"local-dir:{folder}", pretrained_text=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder for each kind, as a hub repository has it."""
    root = tmp_path_factory.mktemp("kinds")
    TEXT_CONFIGS["small-nllb"] = SMALL_NLLB
    for name, config in KINDS.items():
        made = root / name
        made.mkdir()
        (made / "open_clip_config.json").write_text(json.dumps(config))
        with transformers_configs():
            model = open_clip.create_model(
                f"local-dir:{made}", load_weights=False, pretrained_text=False
            )
        shapes = {n: t.shape for n, t in model.state_dict().items()}
        state = state_of(shapes)
        for key, tensor in state.items():
            if key.endswith("running_var"):
                tensor.fill_(4)  # sums of branches stay in float16's range, as trained ones do
        save_file(state, made / "open_clip_model.safetensors")
        if name in TOKENIZERS:
            write_tokenizer(made, **TOKENIZERS[name])
    yield root
    del TEXT_CONFIGS["small-nllb"]


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
    theirs, transform = reference(folder / name)
    theirs.eval()
    tokenize = open_clip.get_tokenizer(f"local-dir:{folder / name}")
    pixels = torch.stack([transform(image) for image in pictures_as_rgb()])
    ids = tokenize(TEXTS)

    loaded = encoder.load(name, EncodeOptions())
    ours = PillowPixels.of(loaded.info)
    assert torch.equal(ours.normalise([ours.decode(data) for data in PICTURES]), pixels)
    tokens = loaded.tokenizer(TEXTS, loaded.info.context_length)
    longest = max(map(len, tokens.ids))
    padding = loaded.tokenizer.padding
    assert np.array_equal(pad(tokens.ids, padding, loaded.info.context_length)[0], ids.numpy())
    assert tokens.truncated == ((3,) if longest == loaded.info.context_length else ())
    assert loaded.layout is family_of(loaded.info).layout(loaded.info) is LAYOUTS[name]
    of_images = encoder.encode_images(name, EncodeOptions(), PICTURES).embeddings
    of_texts = encoder.encode_texts(name, EncodeOptions(), TEXTS).embeddings
    as_it_is = {"normalize": False}
    assert_equal(of_images, theirs.encode_image(pixels, **as_it_is).numpy())
    assert_equal(of_texts, theirs.encode_text(ids, **as_it_is).numpy())


def test_branches_for_training_are_merged(encoder, folder):
    stored = sum(1 for name in read(folder / "fastvit/open_clip_model.safetensors").state)
    towers = encoder.load("fastvit", EncodeOptions()).runtime._towers
    assert len(towers.state_dict()) < stored / 2


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
