"""What the sources that a recommendation does not rest on say of its pick, each by name."""

from __future__ import annotations

from contextlib import suppress

from clipbench.errors import DataError
from clipbench.figures import Figures
from clipbench.recommend.candidates import Candidate, Field, published_field
from clipbench.recommend.imported import imported_field
from clipbench.results import Task


def elsewhere(task: Task, found: Field, pick: Candidate, figures: Figures) -> tuple[str, ...]:
    """A sentence for each other source that has the model; its figure is never ranked with ours."""
    others = []
    if found.measured or found.source:
        others.append(("CLIP-as-service", published_field(task, None)))
    if figures.printed and not found.source:
        with suppress(DataError):  # it may have no table of this task
            others.append((figures.source, imported_field(task, figures, (), None)))
    return tuple(
        f"{pick.model} as {name} publishes it: {other.quality} {candidate.quality.value:.3f} "
        "(another protocol, shown beside)."
        for name, other in others
        for candidate in other.candidates
        if candidate.model == pick.model
    )
