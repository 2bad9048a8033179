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
    """images and texts to encode once; price of an hour of the machine, in the user's money."""

    images: float = 0
    texts: float = 0
    price_per_hour: float | None = None

    @classmethod
    def of(
        cls,
        *,
        images: str | float | None = None,
        texts: str | float | None = None,
        price_per_hour: float | None = None,
    ) -> Workload:
        """From what a command line holds: counts as `10M`. Raises InvalidRequest."""
        if price_per_hour is not None and not 0 < price_per_hour < float("inf"):
            raise InvalidRequest(f"the price of an hour must be above 0, not {price_per_hour:g}")
        if price_per_hour is not None and images is None and texts is None:
            raise InvalidRequest("a price needs what to encode: --images 10M, --texts 1M, or both")
        return cls(
            images=0.0 if images is None else parse_count(images),
            texts=0.0 if texts is None else parse_count(texts),
            price_per_hour=price_per_hour,
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
