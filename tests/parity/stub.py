"""clip_benchmark's own evaluation of given embeddings, and ours of the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from clip_benchmark.metrics import zeroshot_classification, zeroshot_retrieval

from clipbench.metrics import (
    ArrayEmbeddings,
    average_precisions,
    class_vectors,
    classify,
    normalise,
    retrieval_ranks,
)

TEMPLATES = ["a photo of a {c}.", "a drawing of the {c}.", "{c}"]


class Table:
    """A "model" whose embedding of an image is the image, and of a text a row of a table."""

    def __init__(self, rows: dict[str, np.ndarray]) -> None:
        self.number = {text: i for i, text in enumerate(rows)}
        self.rows = torch.from_numpy(np.stack(list(rows.values())))

    def tokenize(self, texts: list[str]) -> torch.Tensor:
        return torch.tensor([self.number[text] for text in texts])

    def encode_text(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.rows[tokens]

    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        return images


class Batches:
    """What clip_benchmark needs of a data loader."""

    def __init__(self, images: np.ndarray, targets, classes=None, size: int = 64) -> None:
        self.images, self.targets, self.size = torch.from_numpy(images), targets, size
        self.dataset = self
        self.classes = classes

    def __iter__(self):
        for start in range(0, len(self.images), self.size):
            part = slice(start, start + self.size)
            yield self.images[part], self.targets[part]


@dataclass(frozen=True)
class Problem:
    """A classification: raw image embeddings (n, d), class names, raw prompt embeddings."""

    images: np.ndarray
    classnames: list[str]
    prompts: dict[str, np.ndarray]

    @classmethod
    def random(cls, labels, classnames, *, dim=64, noise=1.0, seed=0) -> Problem:
        """labels: (n,) or (n, c) of 0 and 1; each image is the sum of its classes plus noise."""
        rng = np.random.default_rng(seed)
        centre = {name: rng.standard_normal(dim) for name in classnames}
        prompts = {
            template.format(c=name): (centre[name] + rng.standard_normal(dim)).astype(np.float32)
            for name in classnames
            for template in TEMPLATES
        }
        centres = np.stack([centre[name] for name in classnames])
        of_image = centres[labels] if labels.ndim == 1 else labels @ centres
        images = of_image + noise * 3 * rng.standard_normal((len(labels), dim))
        return cls(images.astype(np.float32), list(classnames), prompts)

    def theirs(self, targets) -> dict[str, float]:
        model = Table(self.prompts)
        batches = Batches(self.images, torch.from_numpy(np.asarray(targets)), self.classnames)
        return zeroshot_classification.evaluate(
            model, batches, model.tokenize, self.classnames, TEMPLATES, "cpu", amp=False
        )

    def classes(self) -> np.ndarray:
        """Our class vectors."""
        return class_vectors(
            (
                (
                    np.full(len(TEMPLATES), index),
                    np.stack([self.prompts[template.format(c=name)] for template in TEMPLATES]),
                )
                for index, name in enumerate(self.classnames)
            ),
            len(self.classnames),
        )

    def ours(self, labels):
        return classify(normalise(self.images), self.classes(), labels)

    def our_average_precisions(self, targets) -> np.ndarray:
        return average_precisions(normalise(self.images), self.classes(), targets)


@dataclass(frozen=True)
class Corpus:
    """A retrieval: raw image embeddings (n, d), raw text embeddings (m, d), captions of each."""

    images: np.ndarray
    texts: np.ndarray
    owner: np.ndarray

    @classmethod
    def random(cls, captions, *, dim=64, noise=4.0, seed=0) -> Corpus:
        """captions: (n,) how many each image has."""
        rng = np.random.default_rng(seed)
        images = rng.standard_normal((len(captions), dim)).astype(np.float32)
        owner = np.repeat(np.arange(len(captions)), captions)
        texts = images[owner] + noise * rng.standard_normal((len(owner), dim))
        return cls(images, texts.astype(np.float32), owner)

    def theirs(self, cutoffs) -> dict[str, float]:
        model = Table({str(i): row for i, row in enumerate(self.texts)})
        captions = [
            list(map(str, np.flatnonzero(self.owner == i))) for i in range(len(self.images))
        ]
        return zeroshot_retrieval.evaluate(
            model,
            Batches(self.images, captions),
            model.tokenize,
            "cpu",
            amp=False,
            recall_k_list=list(cutoffs),
        )

    def ours(self):
        return retrieval_ranks(
            ArrayEmbeddings(normalise(self.images)),
            ArrayEmbeddings(normalise(self.texts)),
            self.owner,
        )
