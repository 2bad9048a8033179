"""What each kind of open_clip's models is at small size, as its `open_clip_config.json` says it."""

from __future__ import annotations

from clipbench.networks.token_batches import TokenLayout

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
            "hf_tokenizer_name": "tests/siglip-texts",
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
        "vision_cfg": VISION
        | {"image_size": 224, "timm_model_name": "eva02_tiny_patch14_224"}
        | {"timm_pool": "token", "timm_proj": None},
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
            "hf_tokenizer_name": "tests/clipa-texts",
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
        | {
            "vocab_size": 300,
            "hf_tokenizer_name": "tests/metaclip2-texts",
            "pool_type": "eos",
            "eos_id": 1,
        },
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
            "hf_tokenizer_name": "tests/nllb-texts",
            "hf_proj_type": "linear",
            "hf_pooler_type": "cls_pooler",
        },
    },
    "preprocess_cfg": {},
}
XLMR = {
    "model_cfg": {
        "embed_dim": 48,
        "vision_cfg": VIT,
        "text_cfg": {
            "hf_model_name": "small-xlmr",
            "hf_tokenizer_name": "tests/xlmr-texts",
            "hf_pooler_type": "mean_pooler",
        },
    },
    "preprocess_cfg": {},
}
PLAIN = {
    "model_cfg": {"embed_dim": 48, "quick_gelu": True, "vision_cfg": VIT, "text_cfg": CLIP_TEXT}
}
RESNET = {
    "model_cfg": {
        "embed_dim": 48,
        "vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 16, "patch_size": None},
        "text_cfg": CLIP_TEXT,
    },
}
CONVNEXT = {
    "model_cfg": {
        "embed_dim": 48,
        "vision_cfg": VISION
        | {"timm_model_name": "test_convnext", "timm_pool": "", "timm_proj": "linear"},
        "text_cfg": CLIP_TEXT,
    },
}
PE = {
    "model_cfg": {
        "embed_dim": 48,
        "custom_text": True,
        "vision_cfg": VISION
        | {"image_size": 384, "timm_model_name": "vit_pe_core_tiny_patch16_384"}
        | {"timm_pool": "map", "timm_proj": None},
        "text_cfg": CLIP_TEXT | {"context_length": 32},
    },
    "preprocess_cfg": {
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "interpolation": "bilinear",
        "resize_mode": "squash",
    },
}
VITAMIN = {
    "model_cfg": {
        "embed_dim": 48,
        "custom_text": True,
        "vision_cfg": VISION
        | {"image_size": 224, "timm_model_name": "vitamin_small_224"}
        | {"timm_pool": "", "timm_proj": "linear"},
        "text_cfg": CLIP_TEXT,
    },
}
# The shapes of the text towers of transformers, as the `config.json` of their own repositories.
TEXT_SHAPES = {
    "small-nllb": {
        "model_type": "m2m_100",
        "vocab_size": 300,
        "d_model": 32,
        "encoder_layers": 2,
        "encoder_ffn_dim": 64,
        "encoder_attention_heads": 2,
        "decoder_layers": 1,
        "decoder_ffn_dim": 64,
        "decoder_attention_heads": 2,
        "scale_embedding": True,
        "activation_function": "relu",
        "pad_token_id": 0,
        "max_position_embeddings": 80,
    },
    "small-xlmr": {
        "model_type": "xlm-roberta",
        "vocab_size": 300,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 80,
        "type_vocab_size": 1,
        "pad_token_id": 0,
    },
}
KINDS = {
    "clip": PLAIN,
    "resnet": RESNET,
    "convnext": CONVNEXT,
    "siglip": SIGLIP,
    "mobileclip": MOBILE,
    "fastvit": FAST,
    "eva": EVA,
    "pe": PE,
    "vitamin": VITAMIN,
    "clipa": CLIPA,
    "metaclip2": META,
    "coca": COCA,
    "nllb": NLLB,
    "xlmr": XLMR,
}
LAYOUTS = {
    **dict.fromkeys(KINDS, TokenLayout.WHOLE),
    **dict.fromkeys(
        ("clip", "resnet", "convnext", "eva", "pe", "vitamin", "metaclip2"), TokenLayout.PREFIXES
    ),
    **dict.fromkeys(("nllb", "xlmr"), TokenLayout.MASKED),
}
# Of each kind whose tokenizer is not CLIP's: the special tokens of the small one beside `</s>`.
TOKENIZERS = {
    "siglip": {"pad_token": "</s>"},
    "clipa": {"pad_token": "<pad>", "sep_token": "</s>"},
    "metaclip2": {"pad_token": "<pad>"},
    "nllb": {"pad_token": "<pad>"},
    "xlmr": {"pad_token": "<pad>"},
}
