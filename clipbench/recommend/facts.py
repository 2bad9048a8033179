"""What a model is, whatever was measured: its size, dimension and licence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from clipbench.figures import Figures
from clipbench.recommend.candidates import Candidate, Field
from clipbench.registry import ModelInfo, packaged

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
        "dim": profile.embed_dim,
    }
    if info is None:
        return replace(candidate, facts=_numbers(known))
    image, text = info.image_parameters, info.text_parameters
    stated = {
        "params": image + text if image and text else None,
        "image_params": image,
        "dim": info.embed_dim,
    }
    facts = _numbers(known) | _numbers(stated)
    return replace(candidate, facts=facts, licence=info.licence, commercial=info.commercial)


def _numbers(known: Mapping[str, float | None]) -> dict[str, float]:
    return {key: float(value) for key, value in known.items() if value is not None}


def licence_problem(candidate: Candidate, wanted: str) -> str:
    """Why the licence is not the wanted one; empty where it is. An unknown one is not.

    `commercial`: what the registry states to allow it; where that needs a lawyer, it is said.
    """
    if candidate.licence is None:
        return "its licence is unknown"
    if wanted.lower() != "commercial":
        same = candidate.licence.lower() == wanted.lower()
        return "" if same else f"its licence is {candidate.licence}"
    if candidate.commercial is None:
        return f"its licence is {candidate.licence}: read it for commercial use"
    return "" if candidate.commercial else f"its licence is {candidate.licence}"


def _registered(model: str) -> ModelInfo | None:
    registry = packaged()
    return registry.find(model) if model in registry.names() else None
