"""Small tables with open_clip's columns, made up; no published number is copied."""

from __future__ import annotations

import csv
import io
from pathlib import Path

MODELS = [  # architecture, tag; ImageNet, CIFAR-100, SUN397; COCO and Flickr R@1; de, ar
    ("ViT-B-32", "laion2b_s34b_b79k", 0.66, 0.75, 0.68, 0.39, 0.56, 0.66, 0.84, 0.22, 0.05),
    ("ViT-B-32-quickgelu", "openai", 0.63, 0.62, 0.62, 0.30, 0.50, 0.58, 0.78, 0.20, 0.03),
    ("ViT-B-32", "openai", 0.59, 0.60, 0.60, 0.29, 0.48, 0.57, 0.76, 0.19, 0.02),
    ("ViT-L-14", "openai", 0.75, 0.75, 0.66, 0.36, 0.56, 0.65, 0.85, 0.25, 0.04),
    ("ViT-H-14", "laion2b_s32b_b79k", 0.78, 0.84, 0.75, 0.49, 0.66, 0.77, 0.90, 0.40, 0.08),
    ("ViT-H-14-quickgelu", "dfn5b", 0.83, 0.90, 0.77, 0.53, 0.71, 0.80, 0.92, 0.35, 0.06),
    ("nllb-clip-base", "v1", 0.24, 0.44, 0.32, 0.38, 0.40, 0.60, 0.62, 0.55, 0.45),
]
PROFILES = [  # architecture, dimension, parameters of image and text tower (10^6), GFLOPs
    ("ViT-B-32", 512, 88.0, 63.0, 9.0, 6.0),
    ("ViT-L-14", 768, 304.0, 124.0, 162.0, 13.0),
    ("ViT-H-14", 1024, 632.0, 354.0, 334.0, 47.0),
    ("nllb-clip-base", 512, 87.0, 415.0, 35.0, 30.0),
]
FRONT = ["params (M)", "FLOPs (B)"]
PROFILE_TITLES = [
    "model",
    "image_size",
    "image_width",
    "text_width",
    "embed_dim",
    "mparams",
    "image_mparams",
    "text_mparams",
    "gflops",
    "image_gflops",
    "text_gflops",
]
TITLES = ["ImageNet 1k", "CIFAR-100", "SUN397"]
RECALLS = [f"{d} {w} retr. R@1" for d in ("MSCOCO", "Flickr") for w in ("image", "text")]


def write(folder: Path) -> list[Path]:
    """The four tables, under the names that open_clip gives them."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for name, rows in tables().items():
        file = io.StringIO()
        csv.writer(file, lineterminator="\n").writerows(rows)
        path = folder / name
        path.write_text(file.getvalue())
        found.append(path)
    return found


def tables() -> dict[str, list[list[object]]]:
    """Rows with the heading first, by file name."""
    kinds, languages = ("image_retrieval", "text_retrieval"), ("de", "ar", "en")
    spoken = [f"crossmodal3600 {k}_recall@1 {lang}" for k in kinds for lang in languages]
    return {
        "openclip_results.csv": [
            ["name", "pretrained", *FRONT, "Average perf. on 38 datasets", *TITLES],
            *([m[0], m[1], 100, 10, 0.5, *m[2:5]] for m in MODELS),
        ],
        "openclip_retrieval_results.csv": [
            ["name", "pretrained", *FRONT, "Average score", *RECALLS],
            *([m[0], m[1], 100, 10, 0.5, *m[5:9]] for m in MODELS),
        ],
        "openclip_multilingual_retrieval_results.csv": [
            ["model", "version", "avg", *spoken],
            *([m[0], m[1], 0.5, m[9], m[10], 0.5, m[9], m[10], 0.5] for m in MODELS),
        ],
        "model_profile.csv": [
            PROFILE_TITLES,
            *(
                [name, 224, 768, 512, dim, image + text, image, text, one + two, one, two]
                for name, dim, image, text, one, two in PROFILES
            ),
        ],
    }
