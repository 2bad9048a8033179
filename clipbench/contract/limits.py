"""Bounds on a client's requests. Each is a setting; the defaults fit the published data."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """The bounds on a request, a document and a job."""

    request_bytes: int = 64 * MIB
    documents_per_request: int = 4096
    image_bytes: int = 32 * MIB
    image_pixels: int = 100_000_000
    text_bytes: int = 64 * 1024
    id_bytes: int = 512
    classes: int = 100_000
    prompts: int = 2_000_000
    documents_per_job: int = 10_000_000
    jobs: int = 10_000
    state_bytes: int = 64 * 1024 * MIB  # of one evaluator's database
    waiting_bytes: int = 1024 * MIB  # of requests that the gateway holds
    records_per_page: int = 10_000
    fit_bytes: int = 1024 * MIB  # of memory that a fit to labelled images may take
