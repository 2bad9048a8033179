"""From texts to token ids, as clip-server tokenizes them, with what was cut counted.

A tokenizer gives one list of ids per text, start and end tokens included, never longer than the
context; what is longer keeps its beginning and its end token.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from clip_server.model.simple_tokenizer import SimpleTokenizer, basic_clean, whitespace_clean

from clipbench.errors import CheckpointError
from clipbench.networks import bpe

_MAX_WORDS = 200_000
_LONG_WORD = 64  # bytes; longer ones are not remembered


@dataclass(frozen=True)
class Tokens:
    """ids: one list a text. truncated: positions of the texts that were cut."""

    ids: list[list[int]]
    truncated: tuple[int, ...]


class Tokenizer(Protocol):
    """Texts in, ids out; `padding` is the id that fills a batch."""

    padding: int

    def __call__(self, texts: Sequence[str], context_length: int) -> Tokens: ...


class ClipTokenizer:
    """clip-server's SimpleTokenizer, with the ids of every word remembered."""

    padding = 0

    def __init__(self) -> None:
        self._tables = SimpleTokenizer()
        self._words: dict[str, list[int]] = {}
        self._start = self._tables.encoder["<|startoftext|>"]
        self._end = self._tables.encoder["<|endoftext|>"]

    def __call__(self, texts: Sequence[str], context_length: int) -> Tokens:
        rows, truncated = [], []
        for position, text in enumerate(texts):
            ids = [self._start]
            for word in self._tables.pat.findall(_clean(text)):
                ids += self._words.get(word) or self._encode_word(word)
            if len(ids) >= context_length:
                truncated.append(position)
                del ids[context_length - 1 :]
            ids.append(self._end)
            rows.append(ids)
        return Tokens(rows, tuple(truncated))

    def _encode_word(self, word: str) -> list[int]:
        tables = self._tables
        token = "".join(tables.byte_encoder[byte] for byte in word.encode("utf-8"))
        if len(token) > _LONG_WORD:
            pieces = bpe.merge([*token[:-1], token[-1] + "</w>"], tables.bpe_ranks)
            return [tables.encoder[piece] for piece in pieces]
        ids = [tables.encoder[piece] for piece in tables.bpe(token).split(" ")]
        if len(self._words) >= _MAX_WORDS:
            self._words.clear()
            tables.cache = {key: key for key in ("<|startoftext|>", "<|endoftext|>")}
        self._words[word] = ids
        return ids


class HuggingFaceTokenizer:
    """A tokenizer of the transformers library, from the files in a folder, as open_clip runs it.

    clean: what open_clip does to a text first, `canonicalize`, `lower` or `whitespace`; None is
    nothing. strip_sep_token: the separator becomes id 0. Raises CheckpointError for a folder
    without a tokenizer.
    """

    def __init__(
        self, folder: Path, clean: str | None = None, strip_sep_token: bool = False
    ) -> None:
        from open_clip.tokenizer import get_clean_fn
        from transformers import AutoTokenizer

        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
        except (OSError, ValueError) as error:
            raise CheckpointError(f"no tokenizer in {folder}: pull the model again") from error
        self._clean: Callable[[str], str] = get_clean_fn(clean) if clean else str
        self._separator = self._tokenizer.sep_token_id if strip_sep_token else None
        self.padding = int(self._tokenizer.pad_token_id)
        # Whether it cuts texts is a state of the library's object, not an argument of a call.
        self._lock = threading.Lock()

    def __call__(self, texts: Sequence[str], context_length: int) -> Tokens:
        cleaned = [self._clean(text) for text in texts]
        rows = self._ids(cleaned)
        truncated = [i for i, ids in enumerate(rows) if len(ids) > context_length]
        if truncated:  # the library knows which special tokens a cut text keeps
            cut = {"truncation": True, "max_length": context_length}
            again = self._ids([cleaned[i] for i in truncated], **cut)
            for i, ids in zip(truncated, again, strict=True):
                rows[i] = ids
        if self._separator is not None:
            rows = [[0 if token == self._separator else token for token in ids] for ids in rows]
        return Tokens(rows, tuple(truncated))

    def _ids(self, texts: Sequence[str], **options: Any) -> list[list[int]]:
        if not texts:
            return []
        with self._lock:
            found = self._tokenizer(list(texts), verbose=False, **options)
        ids: list[list[int]] = found["input_ids"]
        return ids


@cache
def clip_tokenizer() -> ClipTokenizer:
    """The one tokenizer that OpenAI's and open_clip's models share."""
    return ClipTokenizer()


def _clean(text: str) -> str:
    """As clip-server cleans a text; what is printable ASCII needs no repair by ftfy."""
    if text.isascii() and text.isprintable() and "&" not in text:
        return " ".join(text.split()).lower()
    cleaned: str = whitespace_clean(basic_clean(text)).lower()
    return cleaned
