"""The person's token for the Hugging Face hub, which gated data and weights ask for."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

_HOST = "huggingface.co"
_MAX_BYTES = 4096


def hub_token(url: str) -> str | None:
    """What to show at this address: `HF_TOKEN`, else what `hf auth login` wrote; None elsewhere.

    Only the hub itself, by https, is ever shown it. A token that no header can hold is none.
    """
    parts = urlsplit(url)
    if (parts.scheme, parts.hostname) != ("https", _HOST):
        return None
    token = os.environ.get("HF_TOKEN", "").strip() or _written()
    return token if re.fullmatch(r"[!-~]+", token) else None


def how_to_be_let_in(url: str) -> str:
    """What a person can do when the hub does not give a file; empty for another address."""
    parts = urlsplit(url)
    if parts.hostname != _HOST:
        return ""
    page = f"https://{_HOST}{parts.path.partition('/resolve/')[0]}"
    return f": accept the terms at {page}, and give your token in HF_TOKEN or by `hf auth login`"


def _written() -> str:
    """The token in the hub's own file, empty without one."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache/huggingface")
    path = Path(os.environ.get("HF_TOKEN_PATH") or home / "token")
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return file.read(_MAX_BYTES).decode("ascii", "replace").strip()
    except OSError:
        return ""
