"""The contrastive loss with several positives."""

from __future__ import annotations

import torch
from torch.nn import functional

from training.losses import multi_positive_loss

SCALE = torch.tensor(20.0)


def embeddings(count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return functional.normalize(torch.randn(count, 8, generator=generator), dim=-1)


def test_with_different_groups_it_is_the_loss_of_clip() -> None:
    images, texts = embeddings(6, 0), embeddings(6, 1)
    logits, diagonal = SCALE * images @ texts.T, torch.arange(6)
    clip = functional.cross_entropy(logits, diagonal) + functional.cross_entropy(logits.T, diagonal)
    loss = multi_positive_loss(images, texts, torch.arange(6), SCALE)
    torch.testing.assert_close(loss, clip / 2)
    assert loss.shape == ()


def test_a_text_of_the_same_group_is_no_negative() -> None:
    pair = embeddings(2, 2)
    vectors = pair[[0, 0, 1]]
    shared = multi_positive_loss(vectors, vectors, torch.tensor([5, 5, 7]), SCALE)
    apart = multi_positive_loss(vectors, vectors, torch.tensor([5, 6, 7]), SCALE)
    lowest = 2 / 3 * torch.log(torch.tensor(2.0))
    torch.testing.assert_close(shared, lowest, atol=1e-3, rtol=0)
    assert shared <= apart + 1e-6


def test_the_order_of_the_pairs_does_not_matter() -> None:
    images, texts = embeddings(5, 3), embeddings(5, 4)
    groups, order = torch.tensor([0, 1, 1, 2, 0]), torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(
        multi_positive_loss(images, texts, groups, SCALE),
        multi_positive_loss(images[order], texts[order], groups[order], SCALE),
    )


def test_it_falls_when_the_right_pairs_come_closer() -> None:
    images, texts = embeddings(4, 5), embeddings(4, 6)
    closer = functional.normalize(texts + images, dim=-1)
    groups = torch.arange(4)
    assert multi_positive_loss(images, closer, groups, SCALE) < multi_positive_loss(
        images, texts, groups, SCALE
    )
