"""Passes of a GPU: one thread launches at a time, and the next does while one is copied back."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from clipbench import registry
from clipbench.embedded import WEIGHTS
from clipbench.networks.copies import PlainCopies
from clipbench.networks.families.clip import PlainCLIP
from clipbench.networks.families.family import Weights
from clipbench.networks.runtimes import TorchRuntime, turn
from clipbench.weights.checkpoints import read
from tests.conftest import MODEL


class CopiesOfTwo(PlainCopies):
    """A card computes each of two passes until the other one is launched, too."""

    def __init__(self, launching):
        self._launching = launching
        self._both = threading.Barrier(2, timeout=60)

    def fetch(self, tensor):
        assert self._launching.locked(), "the copy is launched after another pass"

        def waited():
            self._both.wait()
            return tensor

        return waited


@pytest.fixture
def runtime():
    state = read(WEIGHTS / "nano.safetensors").state
    towers = PlainCLIP().build(Weights(registry.find(MODEL), {"towers": state}))
    made = TorchRuntime(towers, torch.device("cpu"), packed=False)
    made._turn = turn(side_by_side=False)
    made._copies = CopiesOfTwo(made._turn)
    return made


def test_a_pass_is_launched_while_the_one_before_is_waited_for(runtime):
    launch = runtime._towers.images.forward
    launching = threading.Lock()

    def launched(pixels):
        assert launching.acquire(blocking=False), "two threads launch at a time"
        try:
            return launch(pixels)
        finally:
            launching.release()

    runtime._towers.images.forward = launched
    pixels = torch.rand(2, 1, 3, 64, 64)
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(runtime.encode_images, pixels))
    assert [rows.shape[0] for rows in found] == [1, 1]
    assert np.isfinite(found).all()
