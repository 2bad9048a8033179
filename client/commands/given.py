"""Options of `clipbench run` for embeddings that this service does not make."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Annotated

import typer

from clipbench import results
from clipbench.client.commands.common import TOKEN_BYTES
from clipbench.client.given.apis import Api
from clipbench.client.given.endpoint import CONCURRENCY, TIMEOUT, Endpoint
from clipbench.client.given.file import EmbeddingFile
from clipbench.encode_settings import EncodeSettings
from clipbench.errors import InvalidRequest
from clipbench.files import read_text

KEY_VARIABLE = "CLIPBENCH_ENDPOINT_KEY"

Address = Annotated[
    str | None,
    typer.Option(
        "--endpoint",
        help="Score the model served there (http://HOST:PORT/v1, grpc://HOST:PORT), not ours.",
    ),
]
ApiChoice = Annotated[Api, typer.Option("--api", help="How the endpoint is asked.")]
ModelName = Annotated[
    str,
    typer.Option(
        "--endpoint-model",
        help="The endpoint's name of the model, where it serves several; of a file, a name for it.",
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--endpoint-key-file",
        help=f"File that holds the endpoint's key; {KEY_VARIABLE} does as well.",
    ),
]
Concurrency = Annotated[
    int, typer.Option("--endpoint-concurrency", help="Requests to the endpoint at a time.")
]
Timeout = Annotated[
    float, typer.Option("--endpoint-timeout", help="Seconds of one request to the endpoint.")
]
File = Annotated[
    Path | None,
    typer.Option(
        "--embeddings", help="Score embeddings of a file: .npz, .safetensors, .parquet, or folder."
    ),
]
DEFAULT_CONCURRENCY, DEFAULT_TIMEOUT = CONCURRENCY, TIMEOUT


def source_of(
    address: str | None,
    file: Path | None,
    *,
    api: Api,
    key_file: Path | None,
    concurrency: int,
    timeout: float,
) -> Endpoint | EmbeddingFile | None:
    """The source that the options name. Raises InvalidRequest for two, and for a key of no use."""
    if address is not None and file is not None:
        raise InvalidRequest("embeddings come from --endpoint or from --embeddings, not from both")
    if address is None:
        return None if file is None else EmbeddingFile(file)
    key = os.environ.get(KEY_VARIABLE)
    if key_file is not None:
        key = read_text(key_file, what="key file", limit=TOKEN_BYTES).strip()
    return Endpoint(address, api, key or None, concurrency, timeout)


def refuse_options_of_ours(settings: EncodeSettings, *others: str) -> None:
    """Raises InvalidRequest for what only a model of this service follows."""
    named = [f"--{name}" for name in settings.differing(EncodeSettings())] + list(others)
    if named:
        raise InvalidRequest(
            f"{', '.join(named)}: this is of models that the server runs; an endpoint or a file "
            "has embeddings as it has them (--endpoint-model names the model)"
        )


def statistics_of(finished: Collection[results.Result], folder: Path) -> list[results.Statistics]:
    """The rates of the endpoints among these results, the last of each; written to the folder."""
    found = {}
    for result in finished:
        rates = result.throughput
        if rates is not None:
            found[result.key.run] = results.Statistics(
                model=result.model,
                settings=result.settings,
                run=result.run,
                created=result.created,
                text_qps=rates.text_qps,
                image_qps=rates.image_qps,
                concurrency=rates.concurrency,
                batch_size=result.run.batch_size,
                client=result.client,
            )
    for statistics in found.values():
        results.write_statistics(statistics, folder)
    return list(found.values())
