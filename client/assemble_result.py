"""Assembles a result from the server's answer and the client's part of its provenance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from clipbench import results
from clipbench.contract.endpoints import Task
from clipbench.contract.parameters import JobSpec
from clipbench.datasets import Dataset, Inventory, Unreadable
from clipbench.encode_settings import EncodeSettings
from clipbench.environment import environment
from clipbench.results.codec import decode


def assemble(
    spec: JobSpec,
    dataset: Dataset,
    answer: Mapping[str, Any],
    *,
    unreadable: Sequence[Unreadable],
    inventory: Inventory,
    of_train: Inventory,
    repeated: int,
    seconds: Mapping[str, float],
    server: str,
    batch_size: int,
    throughput: results.Throughput | None = None,
) -> results.Result:
    """One result with everything needed to repeat it."""
    model, data = answer["model"], answer["data"]
    names = answer.get("class_names", [])
    return results.Result(
        job=spec.job,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        **described(model, batch_size, server),
        dataset=results.MeasuredData(
            id=dataset.id,
            split=dataset.split,
            task=spec.task,
            images=data["images"],
            texts=data["texts"],
            classes=spec.classes if spec.task is Task.CLASSIFICATION else 0,
            prompts=data.get("prompts", 0),
            templates=dataset.templates if spec.classes else (),
            prompts_sha256=data.get("prompts_sha256"),
            data_sha256=data["data_sha256"],
            source=dataset.source,
            language=dataset.language,
            duplicate_images=data["duplicate_images"],
            duplicate_texts=data["duplicate_texts"],
            embeddings_sha256=data.get("embeddings_sha256"),
            judgements=data.get("judgements", 0),
            judgements_missing=data.get("judgements_missing", 0),
            comparisons=data.get("comparisons", 0),
            comparisons_missing=data.get("comparisons_missing", 0),
            sample=results.Subset(dataset.sample.size, dataset.sample.seed)
            if dataset.sample
            else None,
            inventory=inventory.as_mapping(),
        ),
        documents=_documents(answer["documents"], unreadable, repeated),
        metrics=answer["metrics"],
        counts={name: (hits, total) for name, (hits, total) in answer["counts"].items()},
        intervals={name: (low, high) for name, (low, high) in answer["intervals"].items()},
        near_ties=answer["near_ties"],
        per_class=tuple(
            results.PerClass(
                row["index"],
                names[row["index"]],
                row["images"],
                row["top1"],
                row["top5"] if spec.classes >= 5 else None,
            )
            for row in answer["per_class"]
        ),
        confused=tuple(results.Confused(**pair) for pair in answer["confused"]),
        index=tuple(
            decode(results.IndexCost, row, where="index") for row in answer.get("index", ())
        ),
        thresholds=decode(results.Thresholds, answer["thresholds"], where="thresholds")
        if "thresholds" in answer
        else None,
        groups=tuple(
            decode(results.GroupScore, row, where="groups") for row in answer.get("groups", ())
        ),
        groups_left_out=answer.get("groups_left_out", {}),
        few_labels=_learned(answer.get("few_labels"), of_train),
        throughput=throughput,
        timings={stage: round(value, 3) for stage, value in seconds.items()},
    )


def _learned(told: Mapping[str, Any] | None, inventory: Inventory) -> results.Learned | None:
    if told is None:
        return None
    return decode(
        results.Learned, {**told, "inventory": inventory.as_mapping()}, where="few_labels"
    )


def described(description: Mapping[str, Any], batch_size: int, server: str) -> dict[str, Any]:
    """The model, its settings and its server from the encoder's description; and the client."""
    model = {name: description.get(name) for name in _names(results.Model)}
    run: dict[str, Any] = {name: description.get(name) for name in _names(results.Run)}
    return {
        "model": decode(results.Model, model, where="model"),
        "settings": EncodeSettings(**description["settings"]),
        "run": results.Run(**{**run, "batch_size": batch_size, "server": server}),
        "server": decode(results.Environment, description["environment"], where="environment"),
        "client": environment(),
    }


def _names(cls: type[results.Model] | type[results.Run]) -> list[str]:
    return [field.name for field in fields(cls)]


def _documents(
    counted: Mapping[str, Any], unreadable: Sequence[Unreadable], repeated: int
) -> results.Documents:
    reasons = Counter(counted["refused_by_reason"])
    reasons.update(str(item.reason) for item in unreadable)
    return results.Documents(
        counted=counted["counted"],
        refused=counted["refused"] + len(unreadable),
        refused_by_reason=dict(sorted(reasons.items())),
        repeated=repeated,
        truncated_texts=counted["truncated_texts"],
    )
