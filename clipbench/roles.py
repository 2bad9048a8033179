"""The processes of the Flow: one row each, in the order of flow.yml.

A row's name is that of its folder in executors/, of its Executor in flow.yml, of its container and
of its Service. Everything that lists processes reads this table, or a test compares it: ports of
metrics, images, sizes, network rules, the profiler's peers. docs/add.md shows how to add one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

GRPC_PORT, HTTP_PORT = 51000, 51001  # of the gateway on one machine, as in flow.yml
CONTAINER_PORT = 52000  # where an Executor listens in its container


@dataclass(frozen=True)
class Role:
    """One process. Sizes are written as Kubernetes and compose write them.

    cpu, memory: what its container asks for; limit: the memory at which Kubernetes stops it;
    compose_limit: the same of docker-compose.yml. database: it keeps jobs, in a SQLite file or
    PostgreSQL. weights: it reads and fetches model weights. gpu: it uses one where there is one.
    """

    name: str
    metrics_port: int
    cpu: str
    memory: str
    limit: str
    compose_limit: str
    image: Literal["slim", "encoder"] = "slim"
    database: bool = False
    weights: bool = False
    gpu: bool = False


GATEWAY = Role("gateway", 9468, "500m", "512Mi", "2Gi", "1g")
PROFILER = Role("profiler", 9464, "100m", "256Mi", "512Mi", "512m")
EXECUTORS = (
    Role("encoder", 9465, "2", "8Gi", "16Gi", "8g", image="encoder", weights=True, gpu=True),
    Role("retrieval", 9466, "1", "2Gi", "4Gi", "4g", database=True),
    Role("classification", 9467, "500m", "1Gi", "2Gi", "2g", database=True),
    PROFILER,
)
ROLES = (GATEWAY, *EXECUTORS)
BY_NAME = {role.name: role for role in ROLES}
PEERS = tuple(role for role in ROLES if role is not PROFILER)
"""Whose metrics the profiler merges with its own."""
