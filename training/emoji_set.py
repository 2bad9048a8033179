"""The emoji that the embedded data are about, with their CLDR names and keywords."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

COMPONENT_GROUP = 2
REGIONAL_FLAGS = "country-flag", "subdivision-flag"
DIRECTIONAL = (
    "left",
    "right",
    "clock",
    "letter",
    "button",
    "east",
    "west",
    "flag",
    "thirty",
    "keycap",
)


@dataclass(frozen=True)
class Emoji:
    """One emoji: `code` is its hexadecimal sequence in lower case without the selector FE0F."""

    code: str
    name: str
    keywords: tuple[str, ...]

    @property
    def captions(self) -> tuple[str, ...]:
        """What the data set says of it: its name, then its keywords where there are any."""
        return (self.name, ", ".join(self.keywords)) if self.keywords else (self.name,)

    @property
    def mirrors(self) -> bool:
        """Whether its mirror image still shows the same thing."""
        return not any(word in self.name for word in DIRECTIONAL)


def plain_code(code: str) -> str:
    """`0023-FE0F-20E3` and `0023-20E3` are the same emoji: `0023-20e3`."""
    return "-".join(part for part in code.lower().split("-") if part != "fe0f")


def regional_flags(datasource: Path) -> frozenset[str]:
    """Codes of the flags of countries and subdivisions, hardly told apart at 64 pixels."""
    entries = json.loads((datasource / "emoji.json").read_text())
    return frozenset(
        plain_code(e["unified"]) for e in entries if e["subcategory"] in REGIONAL_FLAGS
    )


def load(cldr: Path, leave_out: frozenset[str] = frozenset()) -> tuple[Emoji, ...]:
    """Every emoji of CLDR in its order, without skin-tone variants, components and `leave_out`."""
    entries = json.loads((cldr / "en" / "data.json").read_text())
    chosen = [e for e in entries if e.get("group", COMPONENT_GROUP) != COMPONENT_GROUP]
    chosen.sort(key=lambda entry: entry["order"])
    every = (Emoji(plain_code(e["hexcode"]), e["label"], tuple(e.get("tags", ()))) for e in chosen)
    return tuple(emoji for emoji in every if emoji.code not in leave_out)
