"""What the drawn pictures of the page share."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement


def label(svg: Element, text: str, attributes: dict[str, str]) -> None:
    """A quiet word at a place in the picture."""
    SubElement(svg, "text", {"font-size": "12", "fill": "var(--quiet)", **attributes}).text = text


def shown(text: str) -> str:
    """A name without characters that XML cannot hold or nobody can see."""
    return "".join(sign for sign in text if sign.isprintable())
