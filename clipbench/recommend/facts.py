"""What a model is, whatever was measured: its size, dimension and licence."""

from __future__ import annotations

from dataclasses import replace

from clipbench.figures import Figures
from clipbench.recommend.candidates import Candidate, Field
from clipbench.registry import ModelInfo, packaged

COMMERCIAL = ("MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause")
FACTS = ("params", "image_params", "dim")


def with_facts(found: Field, figures: Figures) -> Field:
    """Each candidate with what the registry, else the source of figures, states of its model.

    Where no speed is known the facts are the costs, so that there is a front.
    """
    candidates = [_stated(candidate, figures) for candidate in found.candidates]
    if not any(c.costs for c in candidates):
        candidates = [replace(c, costs=c.facts) for c in candidates]
    return replace(found, candidates=tuple(candidates))


def _stated(candidate: Candidate, figures: Figures) -> Candidate:
    info, profile = _registered(candidate.model), figures.profile(candidate.model)
    known = {
        "params": profile.params,
        "image_params": profile.image_params,
        "dim": info.embed_dim if info else profile.embed_dim,
    }
    facts = {key: float(value) for key, value in known.items() if value is not None}
    return replace(candidate, facts=facts, licence=info.licence if info else None)


def licence_problem(candidate: Candidate, wanted: str) -> str:
    """Why the licence is not the wanted one; empty where it is. An unknown one is not."""
    if candidate.licence is None:
        return "its licence is unknown"
    if wanted.lower() == "commercial":
        allowed = candidate.licence in COMMERCIAL
    else:
        allowed = candidate.licence.lower() == wanted.lower()
    return "" if allowed else f"its licence is {candidate.licence}"


def _registered(model: str) -> ModelInfo | None:
    registry = packaged()
    return registry.find(model) if model in registry.names() else None
