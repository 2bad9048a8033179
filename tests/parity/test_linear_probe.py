"""The linear probe as clip_benchmark fits it, on the same embeddings.

Its `evaluate` asserts a GPU; its own `train`, `infer` and `find_peak` are called here with `cuda()`
turned into the identity. It minimises by AdamW with a falling rate, ours by L-BFGS: without a
penalty both have one minimum, and with one its decay is another penalty than ours.
"""

import numpy as np
import pytest
import torch
from clip_benchmark.metrics import linear_probe as theirs
from torch.utils.data import DataLoader

from clipbench.probes.linear import Regression, linear_probe
from tests.probes.test_linear import problem

CLASSES, DIM = 5, 16


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setattr(theirs, "tqdm", lambda batches: batches)
    for kind in (torch.nn.Module, torch.Tensor):
        monkeypatch.setattr(kind, "cuda", lambda self, *_, **__: self)
    monkeypatch.setattr(theirs, "print", lambda *_: None, raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def loader(rows, labels, size):
    data = theirs.FeatureDataset(torch.from_numpy(rows), torch.from_numpy(labels))
    return DataLoader(data, batch_size=size, shuffle=size < len(rows))


def predicted(model, rows):
    labels = np.zeros(len(rows), np.int64)
    logits, _ = theirs.infer(model, loader(rows, labels, len(rows)), False, "cpu")
    return logits.argmax(axis=1).numpy()


def test_without_a_penalty_both_end_at_the_same_minimum():
    train, labels, images, truth = problem(CLASSES, 60, noise=4.0, images=1000)
    model = theirs.train(
        *(loader(train, labels, len(train)), DIM, CLASSES), 0.0, 0.5, 150, False, "cpu", 0
    )
    probe = Regression(train.astype(np.float64), labels)
    assert probe.fit(1e8)
    same = predicted(model, images) == probe.predict(images.astype(np.float64))
    assert same.mean() > 0.985
    assert 0.3 < (predicted(model, images) == truth).mean() < 0.9


@pytest.mark.parametrize("a_class", [4, 16])
def test_with_the_strength_that_each_chooses_the_accuracy_is_the_same(a_class):
    train, labels, images, truth = problem(CLASSES, a_class, noise=2.0, images=2000)
    held_out, of_held_out, _, _ = problem(CLASSES, 40, noise=2.0, seed=0)
    torch.manual_seed(0)
    loaders = loader(train, labels, 16), loader(held_out, of_held_out, 64)
    strengths = np.logspace(-4, 1, num=6).tolist()
    settings = (DIM, CLASSES, 0.1, 40, False, "cpu", False, 0)
    best = strengths[theirs.find_peak(strengths, range(6), *loaders, *settings)]
    model = theirs.train(loaders[0], DIM, CLASSES, best, 0.1, 40, False, "cpu", 0)
    their = (predicted(model, images) == truth).mean()
    our = (linear_probe(train, labels, images).predicted == truth).mean()
    assert abs(our - their) < 0.04
    assert our > 0.4
