"""The limits of a machine and a budget: memory, disk, speed, size and money."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

from clipbench.errors import InvalidRequest
from clipbench.recommend.workload import parse_count

UNITS = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt])i?b?\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Cost:
    """One cost of a model. `unit` bytes are shown in GB or MB of 2^30 or 2^20."""

    key: str
    title: str
    lower_is_better: bool
    unit: str

    def text(self, value: float) -> str:
        """The value for a person."""
        if self.unit in ("million", "money", "hours"):
            scale = 1e6 if self.unit == "million" else 1
            digits = 1 if value < 100 * scale else 0
            sign = {"million": " M", "hours": " h"}.get(self.unit, "")
            return f"{value / scale:,.{digits}f}{sign}"
        if self.unit != "bytes":
            return f"{value:,.0f} {self.unit}".rstrip()
        if value < 2**30:
            return f"{value / 2**20:,.0f} MB"
        return f"{value / 2**30:.2f} GB"


COSTS = (
    Cost("image_qps", "image QPS", False, "images/s"),
    Cost("text_qps", "text QPS", False, "texts/s"),
    Cost("vram", "VRAM", True, "bytes"),
    Cost("ram", "RAM", True, "bytes"),
    Cost("disk", "disk", True, "bytes"),
    Cost("hours", "hours", True, "hours"),
    Cost("price", "price", True, "money"),
    Cost("params", "parameter count", True, "million"),
    Cost("image_params", "image parameter count", True, "million"),
    Cost("dim", "dimension", True, ""),
)
COST = {cost.key: cost for cost in COSTS}


@dataclass(frozen=True)
class Constraints:
    """Bytes and documents a second; None: no limit."""

    max_vram: float | None = None
    max_ram: float | None = None
    max_disk: float | None = None
    min_image_qps: float | None = None
    min_text_qps: float | None = None
    max_params: float | None = None
    max_image_params: float | None = None
    max_dim: float | None = None
    max_price: float | None = None
    licence: str | None = None  # a name, or `commercial`

    @classmethod
    def of(
        cls,
        *,
        max_vram: str | float | None = None,
        max_ram: str | float | None = None,
        max_disk: str | float | None = None,
        min_image_qps: float | None = None,
        min_text_qps: float | None = None,
        max_params: str | float | None = None,
        max_image_params: str | float | None = None,
        max_dim: float | None = None,
        max_price: float | None = None,
        licence: str | None = None,
    ) -> Constraints:
        """From what a command line holds: sizes as `2GB`, counts as `100M`. Raises InvalidRequest.

        max_price: of the whole workload, which `recommend` is told.
        """
        sizes = {"max_vram": max_vram, "max_ram": max_ram, "max_disk": max_disk}
        counts = {"max_params": max_params, "max_image_params": max_image_params}
        rates = {
            "min_image_qps": min_image_qps,
            "min_text_qps": min_text_qps,
            "max_dim": max_dim,
            "max_price": max_price,
        }
        for name, rate in rates.items():
            if rate is not None and not rate > 0:
                raise InvalidRequest(f"{name} must be above 0, not {rate:g}")
        return cls(
            **{name: None if size is None else parse_size(size) for name, size in sizes.items()},
            **{name: None if n is None else parse_count(n) for name, n in counts.items()},
            **rates,
            licence=licence,
        )

    def limits(self) -> list[tuple[Cost, float]]:
        """The stated limits with the cost that each is of."""
        names = [field.name for field in fields(self) if field.name != "licence"]
        stated = [(name, getattr(self, name)) for name in names]
        return [(COST[name[4:]], value) for name, value in stated if value is not None]

    def __str__(self) -> str:
        signs = {True: "≤", False: "≥"}
        parts = [f"{c.title} {signs[c.lower_is_better]} {c.text(v)}" for c, v in self.limits()]
        parts += [f"licence {self.licence}"] if self.licence else []
        return ", ".join(parts) or "no limit"


def parse_size(text: str | float) -> float:
    """Bytes of `2GB`, `500 MB`, `1.5GiB`; a number is bytes already.

    MB and GB are 2^20 and 2^30 bytes, as in the published tables and in nvidia-smi. Raises
    InvalidRequest.
    """
    if isinstance(text, int | float):
        if text <= 0:
            raise InvalidRequest(f"a size must be above 0, not {text}")
        return float(text)
    found = SIZE.fullmatch(text)
    if found is None or float(found[1]) <= 0:
        raise InvalidRequest(f"cannot read the size {text!r}; write 2GB, 500MB or 1.5GiB")
    return float(found[1]) * UNITS[found[2].lower()]
