"""The inventory of a data set: every file, member and row, and its role in the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from clipbench.datasets.types import Piece, Role, Unit

_EXAMPLES = 3  # names kept of each kind, so that a person knows where to look


def sums(mapping: Mapping[str, Mapping[str, int]]) -> list[str]:
    """An inventory of a result in words, one line a unit: `5 files = 4 image + 1 metadata: …`."""
    return [
        f"{sum(counts.values()):,} {unit} = "
        + " + ".join(f"{count:,} {what}" for what, count in counts.items())
        for unit, counts in mapping.items()
    ]


class Inventory:
    """Counts of pieces by unit and role; filled while a data set is read.

    The counts of a unit add up to all its files, members or rows.
    """

    def __init__(self) -> None:
        self.counts: dict[Unit, Counter[tuple[Role, str]]] = {unit: Counter() for unit in Unit}
        self.examples: dict[tuple[Unit, Role, str], list[str]] = {}

    def add(self, *pieces: Piece) -> None:
        """Count pieces as they are read."""
        for piece in pieces:
            self.counts[piece.unit][piece.role, piece.why] += piece.count
            if piece.role in (Role.METADATA, Role.REFUSED, Role.PASSED_OVER):
                names = self.examples.setdefault((piece.unit, piece.role, piece.why), [])
                if len(names) < _EXAMPLES:
                    names.append(piece.name)

    def refuse_images(self, reasons: Mapping[str, int]) -> None:
        """Move images that were read, and then refused for these reasons, to the refused.

        An image is a file, a member or a row, or a row and the file that it names.
        """
        images = {unit: self.of(unit, Role.IMAGE) for unit in Unit}
        for unit in (unit for unit, count in images.items() if count == max(images.values())):
            counts = self.counts[unit]
            for reason, count in sorted(reasons.items()):
                moved = min(count, counts[Role.IMAGE, ""])
                counts[Role.IMAGE, ""] -= moved
                counts[Role.REFUSED, str(reason)] += moved

    def total(self, unit: Unit) -> int:
        """The number of pieces of this unit."""
        return self.counts[unit].total()

    def of(self, unit: Unit, role: Role) -> int:
        """The number of pieces of this unit with this role."""
        return sum(n for (found, _), n in self.counts[unit].items() if found is role)

    def as_mapping(self) -> dict[str, dict[str, int]]:
        """For a result: {"files": {"image": 4, "passed over: hidden": 1}}."""
        return {
            str(unit): {
                f"{role}: {why}" if why else str(role): count
                for role in Role
                for (found, why), count in sorted(self.counts[unit].items())
                if found is role and count
            }
            for unit in Unit
            if self.counts[unit]
        }

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        for unit in Unit:
            if not self.total(unit):
                continue
            roles = [(role, self.of(unit, role)) for role in Role]
            sums = " + ".join(f"{count:,} {role}" for role, count in roles if count)
            yield f"{self.total(unit):,} {unit} = {sums}"
            for role in (Role.METADATA, Role.REFUSED, Role.PASSED_OVER):
                for (found, why), count in sorted(self.counts[unit].items()):
                    if found is role:
                        yield f"  {role}: {count:,} × {why or 'file'}{self._named(unit, role, why)}"

    def _named(self, unit: Unit, role: Role, why: str) -> str:
        names = self.examples.get((unit, role, why), [])
        if not names:  # images that the server or its checks refused: faults name them
            return ""
        more = ", …" if self.counts[unit][role, why] > len(names) else ""
        return f" ({', '.join(names)}{more})"
