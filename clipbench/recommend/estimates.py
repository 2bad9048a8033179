"""Speeds that were not measured here: from GFLOPs, or from the published machine's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from clipbench.errors import DataError
from clipbench.figures import Figures, Profile
from clipbench.recommend.candidates import Candidate, Field, published_costs
from clipbench.reference import spelling
from clipbench.results import Statistics

RATES = {"image_qps": "image_gflops", "text_qps": "text_gflops"}


@dataclass(frozen=True)
class Rate:
    """GFLOPs a second of one tower on this machine: the median over `models` measured ones.

    error: the largest factor by which the rate of the others misses one of them; None for one
    model.
    """

    gflops_per_second: float
    models: int
    error: float | None

    @classmethod
    def of(cls, work: Sequence[float]) -> Rate:
        """From QPS × GFLOPs of each measured model."""
        left_out = [
            median([*work[:i], *work[i + 1 :]]) / own for i, own in enumerate(work) if len(work) > 1
        ]
        error = max((max(factor, 1 / factor) for factor in left_out), default=None)
        return cls(median(work), len(work), error)

    def __str__(self) -> str:
        off = "error unknown" if self.error is None else f"off by up to ×{self.error:.2f}"
        models = "model" if self.models == 1 else "models"
        return f"{self.gflops_per_second:,.0f} GFLOP/s from {self.models} measured {models}, {off}"


def with_estimates(found: Field, figures: Figures) -> Field:
    """Speeds for the candidates that lack them, marked as estimates; the fit stands in the notes.

    Raises DataError where no model with known GFLOPs was measured.
    """
    rates = fit(found.candidates, figures)
    if "image_qps" not in rates:
        raise DataError(
            "estimates need the speed of one model at least whose GFLOPs are known: "
            "`clipbench stats --models ViT-B-32::openai`, and `clipbench figures pull openclip`"
        )
    candidates = tuple(_estimated(c, rates, figures.profile(c.model)) for c in found.candidates)
    return replace(found, candidates=candidates, notes=(*found.notes, said(rates)))


def fit(candidates: Sequence[Candidate], figures: Figures) -> dict[str, Rate]:
    """The rate of each tower, by the key of its QPS; empty where nothing tells it."""
    rates = {}
    for key, gflops in RATES.items():
        pairs = [(c.costs.get(key), getattr(figures.profile(c.model), gflops)) for c in candidates]
        work = [qps * flops for qps, flops in pairs if qps and flops]
        if work:
            rates[key] = Rate.of(work)
    return rates


def said(rates: dict[str, Rate]) -> str:
    """The fit in words."""
    parts = [f"{key.removesuffix('_qps')}s at {rate}" for key, rate in rates.items()]
    return (
        f"Estimated speeds (≈) are GFLOPs at the rate of this machine: {'; '.join(parts)} (the "
        "largest error of a measured model when the others predict it). Measure before you rely "
        "on them."
    )


def _estimated(candidate: Candidate, rates: dict[str, Rate], profile: Profile) -> Candidate:
    if "image_qps" in candidate.costs:
        return candidate
    costs = dict(candidate.costs)
    for key, rate in rates.items():
        if gflops := getattr(profile, RATES[key]):
            costs.setdefault(key, rate.gflops_per_second / gflops)
    return replace(candidate, costs=costs, estimated=costs != candidate.costs)


def scaled(found: Field, factor: float) -> Field:
    """QPS multiplied by `factor`, marked as estimates; memory and disk as they are."""
    rule = (
        f"Estimates: every QPS is the one of {found.candidates[0].hardware} × {factor:.2f}; memory "
        "and disk are taken over. Measure before you rely on them."
    )
    candidates = tuple(
        replace(
            candidate,
            costs={k: v * factor if k.endswith("qps") else v for k, v in candidate.costs.items()},
            estimated=True,
        )
        for candidate in found.candidates
    )
    return replace(found, candidates=candidates, notes=(*found.notes, rule))


def anchor_factor(statistics: Iterable[Statistics]) -> float:
    """How much faster than the published machine yours is: the median ratio of image QPS over the
    models that both measured. Raises DataError when there is none."""
    theirs = published_costs()
    ratios = sorted(
        s.image_qps / theirs[spelling(s.model.name)]["image_qps"]
        for s in statistics
        if s.image_qps and spelling(s.model.name) in theirs
    )
    if not ratios:
        raise DataError(
            "to scale the published QPS to this machine, measure one published model here first "
            "(`clipbench stats`), or give a factor"
        )
    middle = len(ratios) // 2
    return ratios[middle] if len(ratios) % 2 else (ratios[middle - 1] + ratios[middle]) / 2
