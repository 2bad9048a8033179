"""How many of the user's own texts a model's context would cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from clipbench.errors import InvalidRequest, Unsupported
from clipbench.files import read_text

CONTEXTS = (32, 64, 77)  # tokens, start and end among them
MAX_BYTES = 256 << 20


def cut_shares(texts: Sequence[str], contexts: Sequence[int] = CONTEXTS) -> dict[int, float]:
    """Share of the texts of which each context keeps only the beginning, by CLIP's tokenizer.

    Raises InvalidRequest without a text, Unsupported where the tokenizer is not installed.
    """
    if not texts:
        raise InvalidRequest("there is no caption to count: one a line is expected")
    lengths = [len(ids) for ids in _tokenizer()(texts)]
    return {size: sum(length > size for length in lengths) / len(texts) for size in contexts}


def read_captions(path: Path) -> list[str]:
    """The lines that hold something. Raises InvalidRequest."""
    text = read_text(path, what="captions", limit=MAX_BYTES)
    return [line for line in text.splitlines() if line.strip()]


def _tokenizer() -> Callable[[Sequence[str]], list[list[int]]]:
    try:
        from clipbench.networks.tokenizers import ClipTokenizer  # it needs the server's packages
    except ImportError as error:
        raise Unsupported(
            "counting tokens needs the server's packages: see docs/start.md"
        ) from error
    tokenizer, longest = ClipTokenizer(), 1 << 40
    return lambda texts: tokenizer(texts, longest).ids
