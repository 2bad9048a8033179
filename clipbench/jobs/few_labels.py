"""Classification jobs with labelled images: classifiers are fitted when the result is asked for.

The images that are scored are only predicted; what is drawn, fitted and chosen comes from the
labelled ones.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clipbench.contract.batches import EncodedBatch
from clipbench.contract.endpoints import Kind
from clipbench.contract.few_labels import ALL, FewLabels
from clipbench.contract.limits import Limits
from clipbench.errors import InvalidRequest, TooLarge
from clipbench.jobs.account import duplicates
from clipbench.jobs.job import Job
from clipbench.jobs.repeats import FirstOf, StoredEmbeddings
from clipbench.jobs.store import JobStore
from clipbench.metrics.measures import FewLabelMeasure, LinearProbe, NearestNeighbours, Shares
from clipbench.metrics.vectors import Float32Array, Float64Array, IntArray
from clipbench.probes.draws import drawn
from clipbench.probes.fitted import Fitted
from clipbench.probes.linear import linear_probe
from clipbench.probes.nearest import nearest_neighbours

_COPIES = 3  # of a draw's embeddings and scores in float64, at most, while a probe is fitted
Fit = Callable[[Float32Array, IntArray, Float32Array], Fitted]

_PROBES: tuple[tuple[type[FewLabelMeasure], Fit], ...] = (
    (LinearProbe, linear_probe),
    (NearestNeighbours, nearest_neighbours),
)


@dataclass(frozen=True, eq=False)
class Learned:
    """shares: of each measure; columns: the same by image, as the table of documents holds them.

    report: what was drawn, fitted and chosen, as the result has it.
    """

    shares: Shares
    columns: list[dict[str, Any]]
    report: dict[str, Any]


@dataclass(frozen=True, eq=False)
class _Images:
    """Images of one kind in the order of position and id. rows: (n, d) float32, normalised."""

    ids: Sequence[str]
    positions: IntArray
    digests: Sequence[str]
    labels: IntArray
    rows: Float32Array


def admit(job: Job, batch: EncodedBatch, held: int, limits: Limits) -> None:
    """Raises InvalidRequest where the job learns nothing, TooLarge past what a fit may take.

    held: labelled images that the job has.
    """
    if job.spec.few_labels is None:
        raise InvalidRequest("the job was not opened with the parameter 'few_labels'")
    if not batch.items:
        return
    count, dim, classes = held + len(batch.items), batch.embeddings.shape[1], job.spec.classes
    largest = min(count, classes * max(job.spec.few_labels.shots))
    needed = 4 * count * dim + 8 * largest * _COPIES * (dim + classes)
    if needed > limits.fit_bytes:
        raise TooLarge(
            f"a fit to {largest:,} labelled images of {classes:,} classes takes {needed:,} bytes "
            f"of memory, the limit is {limits.fit_bytes:,}: ask for fewer shots, or raise "
            "CLIPBENCH_LIMIT_FIT_BYTES on the server"
        )


def learn(store: JobStore, job: Job, wanted: FewLabels) -> Learned:
    """Fit every classifier to every draw, and let each predict the images that are scored."""
    scored, train = (_read(store, job, kind) for kind in (Kind.IMAGE, Kind.TRAIN))
    by_name: dict[str, Float64Array] = {}
    probed: list[dict[str, Any]] = []
    for shots in wanted.shots if len(train.labels) else ():
        draws = [drawn(train.positions, train.labels, shots, s) for s in wanted.seeds(shots)]
        about = _about(train, draws, shots, job.spec.classes)
        for measure, fit in _PROBES:
            name = str(measure(shots))
            right, told = _fitted(train, draws, scored, fit)
            by_name[name] = right.mean(axis=0)
            probed.append({"name": name, **about, "draws": told})
    counts = {row["name"]: len(row["draws"]) for row in probed}
    values = zip(*by_name.values(), strict=True)
    texts = [json.dumps([round(float(share), 9) for share in image]) for image in values]
    columns = [{"id": id_, "shares": text} for id_, text in zip(scored.ids, texts, strict=False)]
    return Learned(Shares(by_name, counts), columns, _report(wanted, train, scored, probed))


def _fitted(
    train: _Images, draws: Sequence[IntArray], scored: _Images, fit: Fit
) -> tuple[Float64Array, list[dict[str, Any]]]:
    """(draws, n) 1 where an image was right, and what is told of each draw; equal ones fit once."""
    known: dict[bytes, Fitted] = {}
    right, told = [], []
    for seed, rows in enumerate(draws):
        found = known.get(rows.tobytes())
        if found is None:
            found = fit(train.rows[rows], train.labels[rows], scored.rows)
            known[rows.tobytes()] = found
        right.append((found.predicted == scored.labels).astype(np.float64))
        told.append(
            {
                "seed": seed,
                "images": len(rows),
                "right": int(right[-1].sum()),
                "chosen": float(found.chosen),
                "folds": found.folds,
                "converged": found.converged,
            }
        )
    return np.stack(right), told


def _about(train: _Images, draws: Sequence[IntArray], shots: int, classes: int) -> dict[str, Any]:
    """How many images of a class were drawn, and a digest of which."""
    there = np.bincount(train.labels, minlength=classes)
    taken = np.minimum(there, shots)[there > 0]
    picks = [[train.positions[row].item(), train.digests[row]] for rows in draws for row in rows]
    labels = [train.labels[rows].tolist() for rows in draws]
    return {
        "shots": None if shots == ALL else shots,
        "fewest": int(taken.min()),
        "most": int(taken.max()),
        "short": 0 if shots == ALL else int(np.count_nonzero((there > 0) & (there < shots))),
        "absent": int(np.count_nonzero(there == 0)),
        "picks_sha256": hashlib.sha256(json.dumps([picks, labels]).encode()).hexdigest(),
    }


def _report(
    wanted: FewLabels, train: _Images, scored: _Images, probed: list[dict[str, Any]]
) -> dict[str, Any]:
    known = set(scored.digests)
    return {
        "split": wanted.split,
        "images": len(train.labels),
        "duplicates": duplicates(Counter(train.digests)),
        "among_scored": sum(digest in known for digest in train.digests),
        "probes": probed,
    }


def _read(store: JobStore, job: Job, kind: Kind) -> _Images:
    """The images with their embeddings; equal ones have that of the first."""
    ids, positions, digests, labels = [], [], [], []
    first: dict[str, str] = {}
    seen = FirstOf(store, job, kind)
    for row in store.documents(job, kind, "id", "position", "digest", "labels"):
        ids.append(row.id)
        positions.append(row.position)
        digests.append(row.digest)
        labels.append(json.loads(row.labels)[0])
        if (same := seen.repeats(row.digest, row.id)) is not None:
            first[row.id] = same
    stored = StoredEmbeddings.of(store, job, kind, len(labels), first)
    blocks = [block for _, block in stored.blocks(4096)]
    return _Images(
        ids,
        np.array(positions, np.int64),
        digests,
        np.array(labels, np.int64),
        np.concatenate(blocks) if blocks else np.zeros((0, 0), np.float32),
    )
