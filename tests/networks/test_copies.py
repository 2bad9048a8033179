"""Copies beside the passes: what an encoder asks of them, and in which order."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest
import torch

from clipbench.networks import runtimes
from clipbench.networks.copies import CudaCopies, PlainCopies, checked, copies_of
from clipbench.pixels.pillow import PillowPixels
from clipbench.serving import encoder as serving
from clipbench.serving.encoder import EncodeOptions, Encoder, EncoderSettings
from tests.conftest import MODEL
from tests.pictures import encoded, picture

CPU = torch.device("cpu")


class Told(PlainCopies):
    """Plain copies that keep what was asked of them, by thread."""

    def __init__(self):
        self.order = []
        self._inside = threading.local()

    @contextmanager
    def ahead(self):
        self._inside.now = True
        yield self.hand_over
        self._inside.now = False

    def tell(self, what):
        self.order.append((what, getattr(self._inside, "now", False)))

    def hand_over(self, tensor):
        self.tell("hand over")
        return tensor

    def fetch(self, tensor):
        self.tell("fetch")

        def waited():
            self.tell("wait")
            return tensor

        return waited


@pytest.fixture
def told(monkeypatch):
    copies = Told()
    for module in (runtimes, serving):
        monkeypatch.setattr(module, "copies_of", lambda _device: copies)
    prepare = PillowPixels.prepare

    def prepared(self, *given):
        copies.tell("prepare")
        return prepare(self, *given)

    monkeypatch.setattr(PillowPixels, "prepare", prepared)
    return copies


def test_pixels_are_made_ahead_and_handed_over_before_their_pass(told):
    encoder = Encoder(EncoderSettings(offline=True, device="cpu", as_gpu=False))
    options = EncodeOptions(cached=False)
    encoder.encode_images(MODEL, options, [encoded(picture(64, 64, 1))])
    assert told.order == [
        ("prepare", True),
        ("hand over", False),
        ("fetch", False),
        ("wait", False),
    ]
    told.order.clear()
    encoder.encode_texts(MODEL, options, ["a word"])
    assert told.order == [("fetch", False), ("wait", False)]
    encoder.close()


def test_a_pass_waits_for_its_own_pixels_and_for_no_later_ones(monkeypatch):
    """Two batches are made ahead; the first one's pass waits for what was launched up to it."""
    launched, waited = [], []

    class Event:
        def record(self, _stream):
            self.after = len(launched)

    current = SimpleNamespace(wait_event=lambda event: waited.append(event.after))
    monkeypatch.setattr(torch.cuda, "Stream", lambda _device: None)
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "stream", nullcontext)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _device: current)
    copies = CudaCopies(CPU)
    made = []
    for batch in ("first", "second"):
        with copies.ahead() as hand_over:
            launched.append(batch)
        made.append(hand_over)
    pixels = SimpleNamespace(record_stream=lambda stream: waited.append(stream))
    assert made[0](pixels) is pixels
    assert waited == [1, current]


class Broken(PlainCopies):
    """What comes back is what lay there before: a copy that nobody waited for."""

    def fetch(self, tensor):
        return lambda: torch.zeros_like(tensor)


def unavailable():
    raise RuntimeError("no stream is left")


@pytest.mark.parametrize(
    ("make", "said"), [(Broken, "other numbers came back"), (unavailable, "no stream is left")]
)
def test_copies_that_do_not_work_here_give_way_to_plain_ones(make, said, caplog):
    with caplog.at_level(logging.WARNING):
        assert type(checked(make, CPU)) is PlainCopies
    assert said in caplog.text


def test_copies_that_work_are_used_and_a_cpu_s_are_plain(caplog):
    assert type(checked(Told, CPU)) is Told
    assert type(copies_of(CPU)) is PlainCopies
    assert not caplog.messages
