"""A repository of the Hugging Face hub with open_clip's files, as weights of the operator's own.

Into one folder come what open_clip's `hf-hub:ORG/NAME` reads: `open_clip_config.json`, the weights,
the files of the tokenizer that it names, and, of a text tower of transformers whose shape is not in
our table, that model's `config.json`, as `text_config.json`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from clipbench.download import Download, new_client
from clipbench.download.transfer import MAX_BYTES
from clipbench.errors import CheckpointError, DataError, InvalidRequest, Unavailable
from clipbench.networks.architectures import TEXT_CONFIGS
from clipbench.networks.open_clip_config import TEXT_CONFIG, read
from clipbench.weights import own
from clipbench.weights.sources import Sources, has_tokenizer

PREFIX = "hf-hub:"
_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_CONFIG = "open_clip_config.json"
_CONFIG_BYTES = 1 << 20
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class Repository:
    """The files of a repository on this disk."""

    name: str
    config: Path
    weights: Path

    @property
    def setting(self) -> str:
        """The value of CLIPBENCH_CHECKPOINTS that serves it under the repository's last name."""
        entry = own.UserCheckpoint(self.name.split("/")[1], self.weights, str(self.config))
        plain = f"{entry.name}={entry.architecture}={entry.path}"
        try:
            same = own.parse(plain, Path("/")) == (entry,)
        except InvalidRequest:
            same = False
        return plain if same else own.as_text([entry])


def pull_repository(sources: Sources, name: str) -> Repository:
    """The repository ORG/NAME, fetched where it is not on this disk.

    Raises InvalidRequest for another name and for a configuration that cannot be followed,
    CheckpointError for what the hub does not give.
    """
    if not _REPOSITORY.fullmatch(name) or ".." in name:
        raise InvalidRequest(f"{name!r} is not a repository of the hub: write {PREFIX}ORG/NAME")
    folder = sources.cache.expanduser() / "hub" / name.replace("/", "--")
    with new_client(sources.patience) as client:
        fetch = partial(_fetch, sources, client)
        config = fetch(name, (_CONFIG,), folder, limit=_CONFIG_BYTES)
        text = read(config).towers["text_cfg"]
        shape, tokenizer = text.get("hf_model_name"), text.get("hf_tokenizer_name")
        if shape and shape not in TEXT_CONFIGS:
            fetch(shape, ("config.json",), folder, limit=_CONFIG_BYTES, target=TEXT_CONFIG)
            read(config)
        if tokenizer and not has_tokenizer(folder):
            if sources.offline:
                raise CheckpointError(f"no tokenizer is in {folder}, and this is offline mode")
            try:
                sources.pull_tokenizer_files(tokenizer, folder, client)
            except (DataError, Unavailable) as error:
                raise CheckpointError(f"the tokenizer of {name}: {error}") from error
        return Repository(name, config, fetch(name, _WEIGHTS, folder))


def _fetch(
    sources: Sources,
    client: httpx.Client,
    repository: str,
    filenames: Sequence[str],
    folder: Path,
    *,
    limit: int = MAX_BYTES,
    target: str = "",
) -> Path:
    """The first of the files that the repository has. Raises CheckpointError where it has none."""
    for filename in filenames:
        path = folder / (target or filename)
        if sources.offline and path.is_file():
            return path
        if sources.offline:
            continue
        url = sources.hub_url(repository, filename)
        try:
            return Download(
                url, path, progress=sources.progress, patience=sources.patience, limit=limit
            ).run(client)
        except FileNotFoundError:
            continue
        except (DataError, Unavailable) as error:
            raise CheckpointError(f"{PREFIX}{repository}: {error}") from error
    wanted = " or ".join(filenames)
    if sources.offline:
        raise CheckpointError(f"{wanted} is not in {folder}, and this is offline mode")
    raise CheckpointError(f"{PREFIX}{repository} has no {wanted}: open_clip cannot load it either")
