"""Trains one embedded model: `python -m training.train mini`."""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from open_clip.model import CLIP
from PIL import Image
from torch import Tensor
from torch.nn import functional

from clipbench.embedded import WEIGHTS
from training import augment, captions, drawings, emoji_set, fashion, leakage, model, sources
from training.losses import multi_positive_loss

LICENCE = (
    "Apache-2.0; trained on Twemoji (CC-BY-4.0), Fluent Emoji (MIT), FxEmoji (Apache-2.0), "
    "Fashion-MNIST (MIT)"
)
MAX_SCALE = math.log(100)


@dataclass(frozen=True)
class Recipe:
    """The settings of a run; `minutes` shortens the schedule of a run that would take longer."""

    steps: int
    emoji: int = 192
    garments: int = 64
    peak: float = 1e-3
    warm_up: int = 150
    decay: float = 0.1
    average: float = 0.998
    minutes: float = math.inf


RECIPES = {"mini": Recipe(steps=1800), "nano": Recipe(steps=1400, peak=2e-3)}


@dataclass(frozen=True)
class TrainingSet:
    """Everything in memory: drawings and garments at 64 pixels as bytes, with what each shows."""

    emoji: tuple[emoji_set.Emoji, ...]
    drawings: Tensor
    drawn: tuple[np.ndarray, ...]
    garments: Tensor
    labels: Tensor


def load(cache: Path) -> TrainingSet:
    """Drawings and garments of the training sources, without any that equals a test image."""
    noto = sources.obtain(sources.NOTO, cache) / "package"
    cldr = sources.obtain(sources.CLDR, cache) / "package"
    emoji = emoji_set.load(cldr, emoji_set.regional_flags(noto))
    drawn = drawings.load(emoji, cache)
    fresh = ~leakage.seen(drawn.pixels, leakage.noto_images(noto))
    debian = sources.obtain(sources.FASHION_MNIST, cache)
    garments, labels = fashion.read_split(debian, "train")
    clean = ~leakage.seen(garments, fashion.read_split(debian, "t10k")[0])
    print(
        f"left out as equal to a test image: {(~fresh).sum()} drawings, {(~clean).sum()} garments",
        flush=True,
    )
    shown = drawn.emoji[fresh]
    return TrainingSet(
        emoji,
        torch.from_numpy(drawn.pixels[fresh]),
        tuple(np.flatnonzero(shown == number) for number in range(len(emoji))),
        torch.from_numpy(enlarge(garments[clean])),
        torch.from_numpy(labels[clean].astype(np.int64)),
    )


def enlarge(images: np.ndarray) -> np.ndarray:
    """(n, 28, 28) to (n, 64, 64) by the very bicubic resize that inference uses."""
    size = (drawings.SIZE, drawings.SIZE)
    return np.stack(
        [np.asarray(Image.fromarray(one).resize(size, Image.Resampling.BICUBIC)) for one in images]
    )


class Batches:
    """Endless batches: different emoji, one drawing of each, and garments, with captions."""

    def __init__(self, data: TrainingSet, recipe: Recipe, seed: int) -> None:
        self.data, self.recipe = data, recipe
        self.chance = random.Random(seed)
        self.known = [number for number, rows in enumerate(data.drawn) if len(rows)]
        self.mirrors = torch.tensor([one.mirrors for one in data.emoji])
        self.texts: dict[str, int] = {}
        self.names = [self.texts.setdefault(one.name, len(self.texts)) for one in data.emoji]

    def next(self) -> tuple[Tensor, Tensor, Tensor]:
        """Normalised images (n, 3, 64, 64), tokens (n, length), groups (n,)."""
        data, chance = self.data, self.chance
        shown = chance.sample(self.known, self.recipe.emoji)
        rows = [int(chance.choice(data.drawn[number])) for number in shown]
        picked = [chance.randrange(len(data.garments)) for _ in range(self.recipe.garments)]
        labels = data.labels[picked]
        images = torch.cat(
            (
                augment.emoji_batch(data.drawings[rows], self.mirrors[shown]),
                augment.garment_batch(data.garments[picked]),
            )
        )
        texts = [captions.of_emoji(data.emoji[number], chance) for number in shown]
        texts += [captions.of_garment(label, chance) for label in labels.tolist()]
        groups = torch.cat((torch.tensor([self.names[number] for number in shown]), -1 - labels))
        return augment.normalise(images), captions.tokenize(texts), groups


def rate(progress: float, step: int, recipe: Recipe) -> float:
    """Learning rate: linear warm-up, then a half cosine down to a hundredth of the peak."""
    wave = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    return recipe.peak * min(1.0, (step + 1) / recipe.warm_up) * max(wave, 0.01)


def optimiser(clip: CLIP, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW that decays matrices only."""
    matrices = [p for n, p in clip.named_parameters() if p.ndim > 1 and "embedding" not in n]
    others = [p for n, p in clip.named_parameters() if p.ndim <= 1 or "embedding" in n]
    groups = [
        {"params": matrices, "weight_decay": recipe.decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.peak, betas=(0.9, 0.98), eps=1e-6)


def train(clip: CLIP, batches: Batches, recipe: Recipe, about: dict[str, str], out: Path) -> None:
    """Trains `clip`; writes its running average to `out` every two minutes and at the end."""
    adam = optimiser(clip, recipe)
    average = {name: tensor.detach().clone() for name, tensor in clip.state_dict().items()}
    started = written = time.monotonic()
    progress, step, recent = 0.0, 0, 0.0
    while progress < 1.0:
        for group in adam.param_groups:
            group["lr"] = rate(progress, step, recipe)
        images, tokens, groups = batches.next()
        scale = clip.logit_scale.clamp(max=MAX_SCALE).exp()
        loss = multi_positive_loss(
            functional.normalize(clip.visual(images), dim=-1),
            functional.normalize(model.encode_texts(clip, tokens), dim=-1),
            groups,
            scale,
        )
        adam.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(clip.parameters(), 1.0)
        adam.step()
        step += 1
        keep = min(recipe.average, step / (step + 10))
        for name, tensor in clip.state_dict().items():
            average[name].lerp_(tensor, 1 - keep)
        now = time.monotonic()
        progress = max(step / recipe.steps, (now - started) / 60 / recipe.minutes)
        recent += (loss.item() - recent) * max(0.02, 1 / step)
        if step % 50 == 0:
            print(
                f"step {step} loss {recent:.3f} scale {scale.item():.1f} {now - started:.0f} s",
                flush=True,
            )
        if now - written > 120 or progress >= 1.0:
            written = now
            model.write(
                out, average, {**about, "steps": str(step), "seconds": f"{now - started:.0f}"}
            )


def describe(
    name: str, config: dict[str, Any], recipe: Recipe, seed: int, start: Path | None
) -> dict[str, str]:
    """What the header of the weights says of the run, and of the one that it goes on from."""
    command = f"python -m training.train {name} --steps {recipe.steps} --seed {seed}"
    if start:
        first = model.header(start)
        command = (
            f"{first['command']} (until step {first['steps']}) && {command} --start {start.name}"
        )
    return {
        "config": json.dumps(config),
        "licence": LICENCE,
        "command": command,
        "activation": "gelu",
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=RECIPES)
    parser.add_argument("--out", type=Path, help="default: the embedded weights themselves")
    parser.add_argument("--start", type=Path, help="weights to go on from; default: random ones")
    parser.add_argument("--cache", type=Path, default=sources.CACHE)
    parser.add_argument("--steps", type=int, help="default: the recipe's")
    parser.add_argument("--minutes", type=float, default=math.inf, help="end the schedule by then")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    base = RECIPES[args.name]
    recipe = replace(base, steps=args.steps or base.steps, minutes=args.minutes)
    config = json.loads((WEIGHTS / f"{args.name}.json").read_text())
    about = describe(args.name, config, recipe, args.seed, args.start)
    clip = model.read(args.start).train() if args.start else model.build(config)
    out = args.out or WEIGHTS / f"{args.name}.safetensors"
    train(clip, Batches(load(args.cache), recipe, args.seed), recipe, about, out)


if __name__ == "__main__":
    main()
