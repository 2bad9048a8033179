"""What classifiers learned from labelled images, in words."""

from __future__ import annotations

from collections.abc import Iterator

from clipbench.metrics.measures import LinearProbe
from clipbench.results import Learned, Probe, Result

HOW = (
    "Of each class so many labelled images were drawn, and classifiers fitted to their normalised "
    "embeddings: a linear probe (multinomial logistic regression with an L2 penalty, by "
    "scikit-learn) and the vote of the k nearest by cosine. C and k were chosen by "
    "cross-validation within the drawn images, where a class had two of them; no scored image took "
    "part. Each figure is the mean over the draws; its interval draws scored images."
)


def words(result: Result) -> str:
    """A paragraph on the classifiers; empty where none was fitted."""
    learned = result.few_labels
    if learned is None:
        return ""
    if not learned.probes:
        return f"No labelled image of the split {learned.split} was counted: nothing was learned."
    lines = [_line(result, probe) for probe in learned.probes]
    said = [f"{learned.images:,} labelled images of the split {learned.split} were encoded. {HOW}"]
    said += [f"  {line}" for line in lines]
    said += [f"  {note}" for note in _of_images(learned)]
    return "\n".join(said)


def notes(result: Result, metric: str) -> list[str]:
    """The reservations on one measure of few labels."""
    learned = result.few_labels
    if learned is None:
        return []
    said = list(_of_images(learned))
    for probe in (probe for probe in learned.probes if probe.name == metric):
        said += _of_probe(probe)
    return said


def _line(result: Result, probe: Probe) -> str:
    shares = [draw.right / max(1, result.dataset.images) for draw in probe.draws]
    low, high = result.intervals[probe.name]
    spread = f"; draws from {min(shares):.4f} to {max(shares):.4f}" if len(shares) > 1 else ""
    each = str(probe.fewest) if probe.fewest == probe.most else f"{probe.fewest} to {probe.most}"
    chosen = ", ".join(dict.fromkeys(f"{draw.chosen:.3g}" for draw in probe.draws))
    setting = "C" if probe.name.startswith(LinearProbe.name) else "k"
    by = "" if probe.draws[0].folds else ", fixed: no class has two images"
    notes = "".join(f" {note}" for note in _of_probe(probe))
    return (
        f"{probe.name} is {result.metrics[probe.name]:.4f} ({low:.3f} to {high:.3f}{spread}): "
        f"{probe.draws[0].images:,} images, {each} a class, {setting} {chosen}{by}.{notes}"
    )


def _of_probe(probe: Probe) -> Iterator[str]:
    if probe.short:
        yield (
            f"{probe.short:,} classes have fewer labelled images than {probe.shots}: all of theirs "
            "were taken."
        )
    if probe.absent:
        yield (
            f"{probe.absent:,} classes have no labelled image and are never predicted: their "
            "images count as wrong."
        )
    if not all(draw.converged for draw in probe.draws):
        yield "The solver stopped at its limit of iterations."


def _of_images(learned: Learned) -> Iterator[str]:
    if learned.among_scored:
        yield (
            f"{learned.among_scored:,} labelled images are among the scored ones as well, which "
            "flatters the classifiers."
        )
