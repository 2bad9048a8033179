"""Scores the embedded models on the embedded data: `python -m training.evaluate`.

Nothing of the service is used: the tokenizer is clip-server's own, preprocessing and the model are
open_clip's.
"""

from __future__ import annotations

import argparse
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from clip_server.model.tokenization import Tokenizer
from open_clip.model import CLIP
from open_clip.transform import image_transform
from PIL import Image
from torch import Tensor
from torch.nn import functional

from clipbench.embedded import DATA, WEIGHTS
from training import model

BATCH = 256


def read_samples(split: Path, suffix: str) -> Iterator[tuple[bytes, str]]:
    """Image bytes and text of each sample of all shards in order."""
    for number in range(int((split / "nshards.txt").read_text())):
        with tarfile.open(split / f"{number}.tar") as tar:
            contents = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
        for name, content in contents.items():
            if name.endswith(".png"):
                yield content, contents[name.removesuffix("png") + suffix].decode()


@torch.inference_mode()
def embed_images(clip: CLIP, blobs: list[bytes]) -> Tensor:
    """(n, d) normalised embeddings, made RGB and preprocessed as CLIP_benchmark does."""
    side = clip.visual.image_size[0]
    resized = image_transform(side, is_train=False, interpolation="bicubic")

    def transform(blob: bytes) -> Tensor:
        pixels: Tensor = resized(Image.open(io.BytesIO(blob)).convert("RGB"))
        return pixels

    starts = range(0, len(blobs), BATCH)
    batches = (torch.stack([transform(blob) for blob in blobs[s : s + BATCH]]) for s in starts)
    return functional.normalize(torch.cat([clip.encode_image(batch) for batch in batches]), dim=-1)


@torch.inference_mode()
def embed_texts(clip: CLIP, texts: list[str]) -> Tensor:
    """(n, d) normalised embeddings of texts at the full context length."""
    tokens = Tokenizer("ViT-B-32::openai")(texts)["input_ids"]
    return functional.normalize(
        torch.cat([clip.encode_text(part) for part in tokens.split(BATCH)]), dim=-1
    )


def ranks(scores: Tensor, positive: Tensor) -> npt.NDArray[np.int64]:
    """(n,) 1-based rank of each row's best positive: ties go to the smaller index."""
    masked = scores.masked_fill(~positive, -torch.inf)
    best = masked.argmax(dim=1, keepdim=True)
    value = scores.gather(1, best)
    higher = (scores > value).sum(dim=1)
    earlier = ((scores == value) & (torch.arange(scores.shape[1]) < best)).sum(dim=1)
    return (1 + higher + earlier).numpy()


def classification(clip: CLIP, root: Path) -> dict[str, float]:
    """Top-1 and top-5 accuracy; a class vector is the normalised mean of its prompts."""
    names = (root / "classnames.txt").read_text().splitlines()
    templates = (root / "zeroshot_classification_templates.txt").read_text().splitlines()
    prompts = [[template.format(c=name) for template in templates] for name in names]
    vectors = [
        functional.normalize(embed_texts(clip, of_class).mean(dim=0), dim=-1)
        for of_class in prompts
    ]
    samples = list(read_samples(root / "test", "cls"))
    labels = torch.tensor([int(label) for _, label in samples])
    scores = embed_images(clip, [blob for blob, _ in samples]) @ torch.stack(vectors).T
    found = ranks(scores, functional.one_hot(labels, len(names)).bool())
    return {"top-1": float(np.mean(found <= 1)), "top-5": float(np.mean(found <= 5))}


def retrieval(clip: CLIP, root: Path) -> dict[str, float]:
    """Any-hit recall in both directions over the whole corpus."""
    samples = list(read_samples(root / "test", "txt"))
    captions = [
        (number, line) for number, (_, text) in enumerate(samples) for line in text.splitlines()
    ]
    owner = torch.tensor([number for number, _ in captions])
    images = embed_images(clip, [blob for blob, _ in samples])
    scores = embed_texts(clip, [line for _, line in captions]) @ images.T
    own = owner[:, None] == torch.arange(len(samples))[None, :]
    by_text, by_image = ranks(scores, own), ranks(scores.T, own.T)
    recalls = {f"text to image recall@{k}": float(np.mean(by_text <= k)) for k in (1, 5, 10)}
    return recalls | {
        f"image to text recall@{k}": float(np.mean(by_image <= k)) for k in (1, 5, 10)
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", nargs="*", type=Path, help="default: every embedded model")
    for path in parser.parse_args().weights or sorted(WEIGHTS.glob("*.safetensors")):
        clip = model.read(path)
        for task, root in ((classification, DATA / "fashion_mnist"), (retrieval, DATA / "emoji")):
            for name, value in task(clip, root).items():
                print(f"{path.stem}  {root.name:14} {name:24} {value:.4f}", flush=True)


if __name__ == "__main__":
    main()
