"""Corpora that are hard to rank: few distinct vectors, so that ties and near-ties are common."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from clipbench.metrics import normalise


@st.composite
def vectors(draw, rows, dim):
    """Unit rows drawn from a small pool, some moved by about the width of a near-tie."""
    seed = draw(st.integers(0, 2**32 - 1))
    distinct = draw(st.integers(1, 12))
    rng = np.random.default_rng(seed)
    pool = normalise(rng.standard_normal((distinct, dim)))
    chosen = pool[rng.integers(0, distinct, rows)]
    jitter = draw(st.sampled_from([0.0, 1e-7, 1e-6, 1e-2]))
    return normalise(chosen + jitter * rng.standard_normal((rows, dim)).astype(np.float32))


@st.composite
def corpora(draw, max_images=24, max_texts=60):
    """(images, texts, owner): any number of captions an image, some texts without an image."""
    dim = draw(st.sampled_from([1, 2, 3, 16, 33]))
    n, m = draw(st.integers(1, max_images)), draw(st.integers(0, max_texts))
    owner = draw(st.lists(st.integers(-1, n - 1), min_size=m, max_size=m))
    return draw(vectors(n, dim)), draw(vectors(m, dim)), np.array(owner, np.int64)
