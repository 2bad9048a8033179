"""The training vendors' drawings as 64-pixel RGBA arrays; none of the test vendor is read here."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from training import sources
from training.emoji_set import Emoji, plain_code

SIZE = 64


@dataclass(frozen=True)
class Drawings:
    """`pixels` (n, 64, 64, 4) with `emoji` (n,), the index of the emoji that each shows."""

    pixels: npt.NDArray[np.uint8]
    emoji: npt.NDArray[np.int64]


def load(emoji: tuple[Emoji, ...], cache: Path = sources.CACHE) -> Drawings:
    """Every training drawing of `emoji`, kept in `cache` once rasterised."""
    kept = cache / f"drawings-{len(emoji)}.npz"
    if not kept.is_file():
        index = {one.code: number for number, one in enumerate(emoji)}
        pairs = [*_twemoji(index, cache), *_fluent(index, cache), *_fxemoji(emoji, cache)]
        np.savez(
            kept,
            pixels=np.stack([p for _, p in pairs]),
            emoji=np.array([n for n, _ in pairs], np.int64),
        )
    with np.load(kept) as file:
        return Drawings(file["pixels"], file["emoji"])


Drawing = tuple[int, npt.NDArray[np.uint8]]


def _twemoji(index: dict[str, int], cache: Path) -> Iterator[Drawing]:
    folder = sources.obtain(sources.TWEMOJI, cache) / "package" / "img" / "twitter" / "64"
    for path in sorted(folder.glob("*.png")):
        number = index.get(plain_code(path.stem))
        if number is not None:
            yield number, _rgba(path.read_bytes())


def _fluent(index: dict[str, int], cache: Path) -> Iterator[Drawing]:
    """Fluent comes flat and shaded; only the flat package says which emoji a name means."""
    flat = sources.obtain(sources.FLUENT_FLAT, cache) / "package"
    shaded = sources.obtain(sources.FLUENT, cache) / "package"
    named: dict[str, str] = json.loads((flat / "chars.json").read_text())
    for package in (flat, shaded):
        icons = json.loads((package / "icons.json").read_text())
        for code, icon in sorted(named.items()):
            number = index.get(plain_code(code))
            if number is not None and (svg := svg_of(icons, icon)):
                yield number, rasterise(svg)


def _fxemoji(emoji: tuple[Emoji, ...], cache: Path) -> Iterator[Drawing]:
    """FxEmoji names its icons freely: those named like CLDR or Unicode, but for the spaces."""
    package = sources.obtain(sources.FXEMOJI, cache) / "package"
    datasource = sources.obtain(sources.TWEMOJI, cache) / "package"
    icons = json.loads((package / "icons.json").read_text())
    names = {_letters(one.name): number for number, one in enumerate(emoji)}
    index = {one.code: number for number, one in enumerate(emoji)}
    for entry in json.loads((datasource / "emoji.json").read_text()):
        number = index.get(plain_code(entry["unified"]))
        if number is not None:
            names.setdefault(_letters(entry["name"] or ""), number)
    for icon in sorted(icons["icons"]):
        number = names.get(_letters(icon))
        if number is not None and (svg := svg_of(icons, icon)):
            yield number, rasterise(svg)


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower().removesuffix(" face"))


def svg_of(icons: dict[str, Any], name: str) -> str | None:
    """The SVG document of one icon of an Iconify set, or None when the set has no such icon."""
    alias = icons.get("aliases", {}).get(name, {})
    icon = icons["icons"].get(alias.get("parent", name))
    if icon is None:
        return None
    box = {key: icon.get(key, icons.get(key, default)) for key, default in _BOX.items()}
    body = icon["body"]
    if alias.get("hFlip"):
        body = (
            f'<g transform="translate({box["width"] + 2 * box["left"]} 0) scale(-1 1)">{body}</g>'
        )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{box["left"]} {box["top"]} {box["width"]} {box["height"]}">{body}</svg>'
    )


_BOX = {"left": 0, "top": 0, "width": 16, "height": 16}


def rasterise(svg: str) -> npt.NDArray[np.uint8]:
    """`svg` drawn on a transparent square of 64 pixels."""
    import resvg_py

    return _rgba(
        bytes(
            resvg_py.svg_to_bytes(svg_string=svg, width=SIZE, height=SIZE, skip_system_fonts=True)
        )
    )


def _rgba(png: bytes) -> npt.NDArray[np.uint8]:
    with Image.open(io.BytesIO(png)) as image:
        drawn = image.convert("RGBA")
    if drawn.size != (SIZE, SIZE):
        drawn = drawn.resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    return np.asarray(drawn)
