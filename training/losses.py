"""The contrastive loss of CLIP with several correct texts for one image."""

from __future__ import annotations

from torch import Tensor


def multi_positive_loss(images: Tensor, texts: Tensor, groups: Tensor, scale: Tensor) -> Tensor:
    """Mean of both directions' cross-entropies, targets spread evenly over pairs of one group.

    images, texts: (n, d), L2-normalised; groups: (n,), equal where the meaning is; scale: ().
    With n different groups this is CLIP's loss.
    """
    logits = scale * images @ texts.T
    same = (groups[:, None] == groups[None, :]).to(logits.dtype)
    target = same / same.sum(dim=1, keepdim=True)
    by_image = -(target * logits.log_softmax(dim=1)).sum(dim=1).mean()
    by_text = -(target * logits.T.log_softmax(dim=1)).sum(dim=1).mean()
    return (by_image + by_text) / 2
