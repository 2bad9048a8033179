"""Builds the two embedded data sets in the wds layout: `python -m training.embedded_data`.

The bytes are the same each run, with the same Pillow.
"""

from __future__ import annotations

import argparse
import io
import shutil
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from clipbench.embedded import DATA
from training import emoji_set, fashion, sources

FASHION_SHARD = 2500
EMOJI_SHARD = 512

Member = tuple[str, bytes]
Sample = Sequence[Member]


def write_shards(split: Path, samples: Sequence[Sample], size: int) -> None:
    """Writes `samples` in order to `split/{n}.tar` of `size` samples each, and `nshards.txt`."""
    if split.exists():
        shutil.rmtree(split)
    split.mkdir(parents=True)
    starts = range(0, len(samples), size)
    for number, start in enumerate(starts):
        write_tar(
            split / f"{number}.tar",
            (member for one in samples[start : start + size] for member in one),
        )
    (split / "nshards.txt").write_text(f"{len(starts)}\n")


def write_tar(path: Path, members: Iterable[Member]) -> None:
    """A tar whose bytes depend on names and contents alone: no time, owner or mode."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in members:
            header = tarfile.TarInfo(name)
            header.size = len(content)
            header.mode = 0o644
            tar.addfile(header, io.BytesIO(content))


def png(image: npt.NDArray[np.uint8]) -> bytes:
    """A greyscale image as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "png", compress_level=9)
    return buffer.getvalue()


def fashion_samples(images: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8]) -> list[Sample]:
    """One sample an image, in the order of the original file: `KEY.png` and `KEY.cls`."""
    pairs = enumerate(zip(images, labels, strict=True))
    return [
        ((f"s{n:07d}.png", png(image)), (f"s{n:07d}.cls", str(label).encode()))
        for n, (image, label) in pairs
    ]


def emoji_samples(emoji: Iterable[emoji_set.Emoji], files: dict[str, Path]) -> list[Sample]:
    """One sample an emoji that has a file: the PNG as distributed, and its captions one a line."""
    drawn = [one for one in emoji if one.code in files]
    return [
        (
            (f"s{n:07d}.png", files[one.code].read_bytes()),
            (f"s{n:07d}.txt", "\n".join(one.captions).encode()),
        )
        for n, one in enumerate(drawn)
    ]


def build_fashion_mnist(root: Path, package: Path) -> int:
    """Writes Fashion-MNIST's test images; returns how many."""
    images, labels = fashion.read_split(package, "t10k")
    write_shards(root / "test", fashion_samples(images, labels), FASHION_SHARD)
    (root / "classnames.txt").write_text("\n".join(fashion.CLASS_NAMES) + "\n")
    (root / "zeroshot_classification_templates.txt").write_text("\n".join(fashion.TEMPLATES) + "\n")
    return len(images)


def build_emoji(root: Path, noto: Path, cldr: Path) -> int:
    """Writes the Noto drawings with their CLDR names and keywords; returns how many."""
    files = {
        emoji_set.plain_code(path.stem): path
        for path in (noto / "img" / "google" / "64").glob("*.png")
    }
    samples = emoji_samples(emoji_set.load(cldr, emoji_set.regional_flags(noto)), files)
    write_shards(root / "test", samples, EMOJI_SHARD)
    (root / "dataset_type.txt").write_text("retrieval\n")
    return len(samples)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=DATA)
    parser.add_argument("--cache", type=Path, default=sources.CACHE)
    args = parser.parse_args()
    garments = build_fashion_mnist(
        args.out / "fashion_mnist", sources.obtain(sources.FASHION_MNIST, args.cache)
    )
    noto = sources.obtain(sources.NOTO, args.cache) / "package"
    drawings = build_emoji(
        args.out / "emoji", noto, sources.obtain(sources.CLDR, args.cache) / "package"
    )
    print(f"fashion_mnist: {garments} images; emoji: {drawings} images")


if __name__ == "__main__":
    main()
