"""Loaded models under a limit, and what a process keeps of those given up."""

import subprocess
import sys
from dataclasses import dataclass

import pytest

from clipbench.errors import Unsupported
from clipbench.serving.model_pool import Pool

PROGRAM = """
import psutil, torch
from clipbench.serving.model_pool import Pool

class Model:
    def __init__(self, reserve, blocks):
        self.bytes = blocks * 4 << 20
        reserve(self.bytes)
        self.weights = []
        for _ in range(blocks):
            self.weights.append(torch.ones(4 << 18))
            pinned.append(torch.ones(1000))  # what outlives the model lies among its weights

pinned = []
del [torch.ones(31 << 18)][:]  # from here on glibc takes such blocks from its heap
pool = Pool(330 << 20)
resident = psutil.Process().memory_info
before = resident().rss
pool.get("large", lambda reserve: Model(reserve, 80))
large = resident().rss - before
pool.get("small", lambda reserve: Model(reserve, 8))
print(large >> 20, (resident().rss - before) >> 20)
"""


@dataclass
class Item:
    bytes: int
    name: str = ""


def test_the_least_recently_used_is_given_up_for_the_next():
    pool = Pool(10)
    for name in "ab":
        pool.get(name, lambda room, name=name: Item(4, name))
    assert pool.get("a", None).name == "a"
    pool.get("c", lambda room: Item(4, "c"))
    assert list(pool.loaded()) == ["a", "c"]


def test_room_is_made_before_the_memory_is_taken():
    pool = Pool(10)
    pool.get("a", lambda room: Item(6))
    seen = []

    def load(reserve):
        reserve(6)
        seen.append(list(pool.loaded()))
        return Item(6)

    pool.get("b", load)
    assert seen == [[]]


def test_more_than_the_limit_is_refused_and_says_what_to_do():
    with pytest.raises(Unsupported, match="raise memory_limit_bytes"):
        Pool(10).get("a", lambda room: Item(11))


def test_the_memory_of_a_model_that_is_given_up_leaves_the_process():
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    large, small = (int(megabytes) for megabytes in said.split())
    assert large > 300  # MB; the models have 320 and 32
    assert small < 100
