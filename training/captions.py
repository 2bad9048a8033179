"""Samples the training captions and turns them into CLIP's tokens."""

from __future__ import annotations

import random
from functools import cache

import torch
from clip_server.model.simple_tokenizer import SimpleTokenizer
from torch import Tensor

from training.emoji_set import Emoji
from training.fashion import CLASS_NAMES, TEMPLATES

CONTEXT_LENGTH = 77


@cache
def _tokenizer() -> SimpleTokenizer:
    return SimpleTokenizer()


@cache
def _encode(text: str) -> tuple[int, ...]:
    return tuple(_tokenizer().encode(text))


def tokenize(captions: list[list[str]]) -> Tensor:
    """(n, longest) tokens of captions given as parts: exactly CLIP's for the parts joined by ", ".

    Columns after the longest caption are left out: attention is causal, so they change nothing.
    """
    start, end = (_tokenizer().encoder[mark] for mark in ("<|startoftext|>", "<|endoftext|>"))
    rows = [[start, *_joined(parts)[: CONTEXT_LENGTH - 2], end] for parts in captions]
    tokens = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
    for number, row in enumerate(rows):
        tokens[number, : len(row)] = torch.tensor(row)
    return tokens


def _joined(parts: list[str]) -> list[int]:
    comma = _encode(",")
    tokens: list[int] = []
    for number, part in enumerate(parts):
        tokens += (*comma, *_encode(part)) if number else _encode(part)
    return tokens


def of_emoji(emoji: Emoji, chance: random.Random) -> list[str]:
    """The parts of one caption: the name, all keywords, or a few of them in any order."""
    draw = chance.random()
    if draw < 0.45 or not emoji.keywords:
        return [emoji.name]
    if draw < 0.75:
        return list(emoji.keywords)
    few = chance.randint(min(2, len(emoji.keywords)), len(emoji.keywords))
    return chance.sample(emoji.keywords, few)


def of_garment(label: int, chance: random.Random) -> list[str]:
    """One template about the class, as a single part."""
    return [chance.choice(TEMPLATES).format(c=CLASS_NAMES[label])]
