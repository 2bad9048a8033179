"""The server's settings: defaults here, then flow.yml, then the environment, then the command line.

`clipbench config` prints what is in force. Environment names are `CLIPBENCH_` and the setting in
capitals; lists are separated by commas.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from clipbench.contract.limits import Limits
from clipbench.errors import InvalidRequest
from clipbench.roles import BY_NAME, GRPC_PORT, HTTP_PORT

PREFIX = "CLIPBENCH_"
REPLICA_STEP = 100  # between the metrics ports of an Executor's replicas
T = TypeVar("T", bound="Settings | Limits")


@dataclass(frozen=True)
class Settings:
    """All settings of an operator. Paths are the server's, never a client's."""

    host: str = "127.0.0.1"  # where the gateway listens
    grpc_port: int = GRPC_PORT
    http_port: int = HTTP_PORT
    state: str = "state"  # folder of the evaluators' SQLite files
    database: str = ""  # a PostgreSQL URL replaces the SQLite files
    retrieval_shards: int = 1  # of a result, counted by every evaluator on PostgreSQL
    weights: str = "~/.cache/clipbench/weights"
    checkpoints: str = ""  # NAME=ARCHITECTURE=PATH, comma-separated, or JSON: own weights
    model: str = "ViT-mini-16-64::embedded"  # of `/` and `/encode`
    device: str = ""  # cpu, cuda, cuda:1; empty: CUDA when there is one
    memory_limit_bytes: int = 0  # of loaded models; 0: 90 % of the GPU's, or half of the RAM
    embedding_cache_bytes: int = 1 << 30  # on disk, of the embedding cache; 0: none
    threads: int = 0  # of the forward pass; 0: as many as processors
    decoders: int = 0  # threads that only decode images; 0: one a processor, for a GPU
    minibatch: int = 0  # images of a forward pass; 0: 128 on a GPU, 32 on a CPU
    offline: bool = False  # never fetch weights
    token_file: str = ""  # one `role:token` a line; empty and no CLIPBENCH_TOKEN: no token asked
    tls_certificate: str = ""
    tls_key: str = ""
    insecure: bool = False  # listen beyond this machine without TLS and a token
    rate_limit: float = 0.0  # requests a second of one token; 0: unlimited
    max_in_flight: int = 256  # requests the gateway works on at a time
    metrics_ports: str = ""  # ROLE=PORT, comma-separated, instead of those of clipbench/roles.py
    metrics_host: str = "127.0.0.1"

    def database_url(self, task: str) -> str:
        """The state of one task's jobs: PostgreSQL when set, else a SQLite file."""
        if self.database:
            return self.database
        return f"sqlite:///{Path(self.state).expanduser().resolve() / f'{task}.sqlite'}"

    def metrics_port(self, role: str, pod: object = None) -> int:
        """The port of one process's metrics; a replica's is a step after the one before.

        pod: Jina's arguments of the process, whose name is encoder/rep-0, encoder/rep-1, …
        Raises InvalidRequest for a `metrics_ports` that cannot be read.
        """
        port = self._metrics_ports().get(role, BY_NAME[role].metrics_port)
        number = re.search(r"/rep-(\d+)", str(getattr(pod, "name", "")))
        return port + REPLICA_STEP * int(number[1]) if number else port

    def _metrics_ports(self) -> dict[str, int]:
        found = {}
        for part in filter(None, (part.strip() for part in self.metrics_ports.split(","))):
            role, _, port = part.partition("=")
            if role not in BY_NAME or not port.isdecimal():
                raise InvalidRequest(
                    f"{PREFIX}METRICS_PORTS: {part!r} must be ROLE=PORT, ROLE one of "
                    f"{', '.join(BY_NAME)}"
                )
            found[role] = int(port)
        return found

    def limits(self) -> Limits:
        """The bounds on requests; `CLIPBENCH_LIMIT_<NAME>` changes one."""
        return _overlay(Limits(), {}, f"{PREFIX}LIMIT_")


def load(overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings in force: `overrides` (from flow.yml), then the environment over them."""
    return _overlay(Settings(), overrides or {}, PREFIX)


_PATHS = ("state", "weights", "token_file", "tls_certificate", "tls_key")


def absolute(settings: Settings, folder: Path) -> Settings:
    """The same settings, relative paths as paths of `folder`: for a process that runs elsewhere.

    Raises InvalidRequest for checkpoints that cannot be read.
    """
    from clipbench.weights import own  # it reads the table of models, which most commands do not

    changed: dict[str, Any] = {
        name: str(folder / Path(path).expanduser())
        for name in _PATHS
        if (path := getattr(settings, name))
    }
    changed["checkpoints"] = own.as_text(own.parse(settings.checkpoints, folder))
    return replace(settings, **changed)


def environment(settings: Settings) -> dict[str, str]:
    """The environment that makes another process load the same settings."""
    return {
        PREFIX + field.name.upper(): _text(getattr(settings, field.name))
        for field in fields(settings)
    }


def _overlay(base: T, overrides: Mapping[str, Any], prefix: str) -> T:
    values = {field.name: getattr(base, field.name) for field in fields(base)}
    unknown = set(overrides) - set(values)
    if unknown:
        raise InvalidRequest(f"unknown setting {', '.join(sorted(unknown))}")
    for name, default in values.items():
        if name in overrides:
            values[name] = _read(name, str(overrides[name]), default)
        variable = os.environ.get(prefix + name.upper())
        if variable is not None:
            values[name] = _read(prefix + name.upper(), variable, default)
    return type(base)(**values)


def _read(name: str, text: str, default: Any) -> Any:
    if isinstance(default, bool):
        if text.lower() in ("1", "true", "yes", "on"):
            return True
        if text.lower() in ("", "0", "false", "no", "off"):
            return False
        raise InvalidRequest(f"setting {name} must be true or false, not {text!r}")
    try:
        return type(default)(text)
    except ValueError as error:
        wanted = "a whole number" if isinstance(default, int) else "a number"
        raise InvalidRequest(f"setting {name} must be {wanted}, not {text!r}") from error


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
