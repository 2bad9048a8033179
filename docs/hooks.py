"""What MkDocs does besides: links to files of the repository, and every page in the menu.

The pages are read in the repository too, where `../clipbench/x.json` is a link. On the site it
becomes the file's name; one that is not there is a warning, and so fails a strict build.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = re.compile(r"\[(?P<text>[^\]\[]+)\]\(\.\./(?P<path>[^)#\s]+)\)")
_log = logging.getLogger("mkdocs.hooks.clipbench")


def on_page_markdown(markdown: str, *, page: Page, **_: Any) -> str:
    """The page with links out of docs/ written as names of files."""

    def name(found: re.Match[str]) -> str:
        path = found["path"]
        if not (ROOT / path).exists():
            _log.warning("%s links to ../%s, which is not there", page.file.src_uri, path)
        text = found["text"].strip("`")
        return f"`{path}`" if text in path else f"{found['text']} (`{path}`)"

    return OUTSIDE.sub(name, markdown)
