"""Documents of equal content count alike, whatever bits their batches gave their embeddings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from clipbench.contract.endpoints import Kind, Task
from tests.distributed import evaluations as made

NAMES = [f"class {i}" for i in range(made.CLASSES)]


def with_repeats(parts, every, other_bits):
    """Each `every`-th document gets the content of an earlier one; its embedding is equal too, or
    rounded as in another batch. The first half of the batches stays as it is."""
    held = len(parts) // 2
    whole = [
        pair for part in parts[:held] for pair in zip(part.digests, part.embeddings, strict=True)
    ]
    changed = list(parts[:held])
    for part in parts[held:]:
        digests, rows = list(part.digests), part.embeddings.copy()
        for i in range(0, len(digests), every):
            digests[i], row = whole[(7 * i) % len(whole)]
            rows[i] = np.nextafter(row, np.float32(9)) if other_bits else row
        changed.append(replace(part, digests=tuple(digests), embeddings=rows))
    return changed


def retrieval(url, other_bits, parts=1):
    evaluator = made.retrieval(url)
    evaluator.open(made.spec(Task.RETRIEVAL), made.OWNER, made.MODEL, ())
    images = with_repeats(made.images(), 5, other_bits)
    texts = with_repeats(made.texts(), 3, other_bits)
    for batch in reversed([*images, *texts]):
        evaluator.add("job", made.OWNER, batch)
    if parts > 1:
        evaluator.count_in_shards(parts)
    return made.everything(evaluator)


def classification(url, other_bits, multilabel=False):
    evaluator = made.classification(url)
    spec = replace(made.spec(Task.CLASSIFICATION), multilabel=multilabel)
    evaluator.open(spec, made.OWNER, made.MODEL, NAMES)
    evaluator.add_prompts("job", made.OWNER, made.prompts())
    for batch in reversed(with_repeats(made.images(labelled=True), 3, other_bits)):
        evaluator.add("job", made.OWNER, batch)
    return made.everything(evaluator)


@pytest.fixture
def exact(tmp_path):
    return f"sqlite:///{tmp_path / 'exact.sqlite'}"


def test_a_repeated_image_or_text_ties_exactly_in_retrieval(url, exact):
    assert retrieval(url, other_bits=True) == retrieval(exact, other_bits=False)


@pytest.mark.postgres
def test_a_repeated_text_ties_exactly_in_every_share(cluster, exact):
    assert retrieval(cluster.database(), other_bits=True, parts=7) == retrieval(
        exact, other_bits=False
    )


@pytest.mark.parametrize("multilabel", [False, True])
def test_a_repeated_image_has_the_outcome_of_the_first(multilabel, url, exact):
    first = classification(url, other_bits=True, multilabel=multilabel)
    assert first == classification(exact, other_bits=False, multilabel=multilabel)


def test_equal_images_with_different_labels_share_one_order_of_the_classes(url):
    """The right class of a near-tie is decided once: it cannot be first for both labels."""
    evaluator = made.classification(url)
    evaluator.open(made.spec(Task.CLASSIFICATION), made.OWNER, made.MODEL, NAMES)
    prompts = made.prompts()
    evaluator.add_prompts("job", made.OWNER, prompts)
    images = made.batch(Kind.IMAGE, [made.Item(f"i{k}", k, labels=(k % 2,)) for k in range(4)], 9)
    halfway = prompts.embeddings[:2].mean(axis=0) + prompts.embeddings[2:4].mean(axis=0)
    rows = np.stack([halfway] * 4).astype(np.float32)
    for k, sign in enumerate((1, -1, -1, 1)):  # on either side of the border of two classes
        rows[k] += sign * 1e-6 * (prompts.embeddings[0] - prompts.embeddings[2])
    same = replace(images, embeddings=rows, digests=(images.digests[0],) * 4)
    evaluator.add("job", made.OWNER, same)
    records = made.everything(evaluator)[Kind.IMAGE]
    assert len({tuple(row["best"]) for row in records}) == 1
    assert [row["rank"] for row in records[:2]] == [row["rank"] for row in records[2:]]
    for row in records:
        assert row["best"][row["rank"] - 1] == row["labels"][0]
