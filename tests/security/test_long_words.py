"""A word without an end costs as much as its length, and gives the published tokenizer's ids."""

from __future__ import annotations

import time

from clip_server.model.simple_tokenizer import SimpleTokenizer
from hypothesis import given, settings
from hypothesis import strategies as st

from clipbench.contract.limits import Limits
from clipbench.networks import bpe
from clipbench.networks.tokenizers import clip_tokenizer

TABLES = SimpleTokenizer()


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="abcdeénsti", min_size=2, max_size=150))
def test_the_merges_are_those_of_the_published_tokenizer(word):
    token = "".join(TABLES.byte_encoder[byte] for byte in word.encode())
    merged = bpe.merge([*token[:-1], token[-1] + "</w>"], TABLES.bpe_ranks)
    assert merged == TABLES.bpe(token).split(" ")


def test_the_longest_word_allowed_takes_no_minutes():
    word = "thequickbrownfoxjumpsoverthelazydog" * (Limits().text_bytes // 35)
    started = time.process_time()
    tokens = clip_tokenizer()([word], 77)
    assert time.process_time() - started < 5
    assert len(tokens.ids[0]) == 77
    assert tokens.truncated == (0,)
