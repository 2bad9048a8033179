"""Passes of a GPU: one thread launches at a time, and the next does while one is copied back."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from clipbench import registry
from clipbench.embedded import WEIGHTS
from clipbench.networks.families.clip import PlainCLIP
from clipbench.networks.families.family import Weights
from clipbench.networks.runtimes import TorchRuntime, turn
from clipbench.weights.checkpoints import read
from tests.conftest import MODEL


class OnCard(torch.Tensor):
    """A tensor of a card that computes until the other pass is launched, too."""

    both = threading.Barrier(2, timeout=60)

    def float(self):
        OnCard.both.wait()
        return self.as_subclass(torch.Tensor)


@pytest.fixture
def runtime():
    state = read(WEIGHTS / "nano.safetensors").state
    towers = PlainCLIP().build(Weights(registry.find(MODEL), {"towers": state}))
    made = TorchRuntime(towers, torch.device("cpu"), packed=False)
    made._turn = turn(side_by_side=False)
    launch = towers.images.forward
    launching = threading.Lock()

    def launched(pixels):
        assert launching.acquire(blocking=False), "two threads launch at a time"
        try:
            return launch(pixels).as_subclass(OnCard)
        finally:
            launching.release()

    towers.images.forward = launched
    return made


def test_a_pass_is_launched_while_the_one_before_is_waited_for(runtime):
    pixels = torch.rand(2, 1, 3, 64, 64)
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(runtime.encode_images, pixels))
    assert [rows.shape[0] for rows in found] == [1, 1]
    assert np.isfinite(found).all()
