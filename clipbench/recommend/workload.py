"""What an archive costs to encode and to keep."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from clipbench.errors import InvalidRequest

COUNTS = {"": 1, "k": 1e3, "m": 1e6, "b": 1e9}
COUNT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmb]?)\s*", re.IGNORECASE)
BITS = {"float32": 32, "float16": 16, "int8": 8, "binary": 1}  # of one dimension in an index


@dataclass(frozen=True)
class Workload:
    """images and texts to encode once; price of an hour of the machine, in the user's money.

    instance: the machine's name, as the user calls it.
    """

    images: float = 0
    texts: float = 0
    price_per_hour: float | None = None
    instance: str = ""

    @classmethod
    def of(
        cls,
        *,
        images: str | float | None = None,
        texts: str | float | None = None,
        price_per_hour: str | float | None = None,
    ) -> Workload:
        """From what a command line holds: counts as `10M`, a price as `2.50` or `g5.xlarge=1.01`.

        Raises InvalidRequest.
        """
        instance, _, price = str(price_per_hour or 0).rpartition("=")
        if price_per_hour is not None and not 0 < _number(price) < float("inf"):
            raise InvalidRequest(
                f"the price of an hour is a number above 0, or NAME=PRICE, not {price_per_hour!r}"
            )
        if price_per_hour is not None and images is None and texts is None:
            raise InvalidRequest("a price needs what to encode: --images 10M, --texts 1M, or both")
        return cls(
            images=0.0 if images is None else parse_count(images),
            texts=0.0 if texts is None else parse_count(texts),
            price_per_hour=None if price_per_hour is None else _number(price),
            instance=instance.strip(),
        )

    @property
    def vectors(self) -> float:
        """Of images and texts together."""
        return self.images + self.texts

    def costs(self, known: Mapping[str, float]) -> dict[str, float]:
        """Hours, and money where there is a price; empty where a rate that it needs is unknown."""
        parts = ((self.images, "image_qps"), (self.texts, "text_qps"))
        needed = [(count, known.get(rate)) for count, rate in parts if count]
        if not needed or not all(rate for _, rate in needed):
            return {}
        hours = sum(count / rate for count, rate in needed if rate) / 3600
        price = {} if self.price_per_hour is None else {"price": hours * self.price_per_hour}
        return {"hours": hours, **price}

    def index_bytes(self, dim: float) -> dict[str, float]:
        """Of the vectors alone, by type: what a flat index holds in memory and on disk."""
        return {name: self.vectors * dim * bits / 8 for name, bits in BITS.items()}


def parse_count(text: str | float) -> float:
    """`10M` is 10,000,000; k, M, B: thousands, millions, billions. Raises InvalidRequest."""
    found = COUNT.fullmatch(str(text))
    if found is None or float(found[1]) <= 0:
        raise InvalidRequest(f"cannot read the number {text!r}; write 250k, 10M or 1.5B")
    return float(found[1]) * COUNTS[found[2].lower()]


def _number(text: str) -> float:
    """The number that a text says; 0 where it says none."""
    try:
        return float(text)
    except ValueError:
        return 0.0
