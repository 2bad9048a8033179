"""Each kind of open_clip's models once at full size, against open_clip itself.

    python -m tests.networks.full_size [MODEL …]

A model's own architecture and preprocessing with random weights, in a folder as the hub has it,
which both sides read. Compared are pixels, token ids and embeddings, for each model in a process of
its own; the exit status is 1 where one differs. Texts of a vocabulary that is in no package are cut
by a small tokenizer of the same kind, given to both sides.
"""

from __future__ import annotations

import argparse
import gc
import io
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import open_clip
import torch
from PIL import Image

from clipbench.networks.architectures import config_of_architecture
from clipbench.networks.token_batches import pad
from clipbench.pixels.pillow import PillowPixels
from clipbench.serving.encoder import EncodeOptions, Encoder, EncoderSettings
from clipbench.serving.options import UserCheckpoint
from tests.networks.kind_settings import TOKENIZERS
from tests.networks.kinds import TEXTS, reference, write_folder
from tests.networks.stock import cosines
from tests.pictures import encoded, picture

# (kind of kinds.py, architecture, open_clip's tag; none where the architecture has no weights
# that fit: MetaCLIP 2's are ViT-H and bigG, of 7 and 15 GB)
MODELS = (
    ("clip", "ViT-B-16", "datacomp_xl_s13b_b90k"),
    ("clip", "ViT-L-14", "metaclip_fullcc"),
    ("resnet", "RN50", "cc12m"),
    ("convnext", "convnext_base_w", "laion2b_s13b_b82k"),
    ("siglip", "ViT-B-16-SigLIP", "webli"),
    ("siglip", "ViT-B-16-SigLIP2", "webli"),
    ("mobileclip", "MobileCLIP-B", "datacompdr"),
    ("fastvit", "MobileCLIP2-S2", "dfndr2b"),
    ("eva", "EVA02-B-16", "merged2b_s8b_b131k"),
    ("pe", "PE-Core-B-16", "meta"),
    ("vitamin", "ViTamin-B", "datacomp1b"),
    ("clipa", "ViT-L-14-CLIPA", "datacomp1b"),
    ("metaclip2", "ViT-L-14-worldwide", None),
    ("coca", "coca_ViT-B-32", "laion2b_s13b_b90k"),
    ("nllb", "nllb-clip-base", "v1"),
    ("xlmr", "roberta-ViT-B-32", "laion2b_s12b_b32k"),
    ("xlmr", "xlm-roberta-base-ViT-B-32", "laion5b_s13b_b90k"),
)
PREPROCESSING = ("mean", "std", "interpolation", "resize_mode")
PICTURES = [encoded(picture(500, 375, 1)), encoded(picture(91, 164, 3), "PNG")]
LINE = "{:<26}{:>8}{:>9}{:>8}{:>7}{:>14}{:>14}{:>9}{:>7}"
HEAD = (
    "model",
    "params",
    "float32",
    "pixels",
    "ids",
    "image cosine",
    "text cosine",
    "peak",
    "time",
)


def write(folder: Path, kind: str, architecture: str, tag: str | None) -> None:
    """The model's folder, with random weights."""
    published = open_clip.get_pretrained_cfg(architecture, tag) if tag else {}
    towers = config_of_architecture(architecture)
    if published.get("quick_gelu"):
        towers["quick_gelu"] = True
    chosen = {name: published[name] for name in PREPROCESSING if published.get(name)}
    write_folder(folder, {"model_cfg": towers, "preprocess_cfg": chosen}, TOKENIZERS.get(kind))


@torch.inference_mode()
def originals(folder: Path) -> tuple[torch.Tensor, ...]:
    """open_clip's pixels, ids, and embeddings of both."""
    model, transform = reference(folder)
    model.eval()
    pixels = torch.stack([transform(Image.open(io.BytesIO(data))) for data in PICTURES])
    ids = open_clip.get_tokenizer(f"local-dir:{folder}")(TEXTS)
    as_it_is = {"normalize": False}
    return pixels, ids, model.encode_image(pixels, **as_it_is), model.encode_text(ids, **as_it_is)


def compare(kind: str, architecture: str, tag: str | None) -> bool:
    """Prints the model's line; whether nothing differs."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / "model"
        write(folder, kind, architecture, tag)
        gc.collect()
        pixels, ids, of_images, of_texts = originals(folder)
        gc.collect()
        weights, config = folder / "open_clip_model.safetensors", folder / "open_clip_config.json"
        own = (UserCheckpoint("model", weights, str(config)),)
        encoder = Encoder(EncoderSettings(Path(root) / "cache", checkpoints=own, offline=True))
        loaded = encoder.load("model", EncodeOptions())
        ours = PillowPixels.of(loaded.info)
        same_pixels = torch.equal(ours.normalise([ours.decode(d) for d in PICTURES]), pixels)
        tokens = loaded.tokenizer(TEXTS, loaded.info.context_length)
        rows, _ = pad(tokens.ids, loaded.tokenizer.padding, loaded.info.context_length)
        same_ids = np.array_equal(rows, ids.numpy())
        images = encoder.encode_images("model", EncodeOptions(), PICTURES).embeddings
        texts = encoder.encode_texts("model", EncodeOptions(), TEXTS).embeddings
        size = weights.stat().st_size
        encoder.close()
    near = cosines(images, of_images.numpy()).min(), cosines(texts, of_texts.numpy()).min()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(
        LINE.format(
            architecture,
            f"{size / 4e6:.0f} M",
            f"{size / 1e9:.1f} GB",
            "equal" if same_pixels else "NOT",
            "equal" if same_ids else "NOT",
            *(f"{cosine:.9f}" for cosine in near),
            f"{peak / 1e9:.1f} GB",
            f"{time.monotonic() - start:.0f} s",
        )
    )
    return same_pixels and same_ids and min(near) >= 0.99999


def main() -> None:
    known = {model[1]: model for model in MODELS}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("models", nargs="*", metavar="MODEL", help=", ".join(known))
    parser.add_argument("--within", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.within:
        sys.exit(not compare(*known[chosen.models[0]]))
    print(LINE.format(*HEAD), flush=True)
    command = [sys.executable, "-W", "ignore", "-m", "tests.networks.full_size", "--within"]
    failed = [
        name for name in chosen.models or known if subprocess.run([*command, name]).returncode
    ]
    if failed:
        sys.exit(f"not as open_clip's: {', '.join(failed)}")


if __name__ == "__main__":
    main()
