"""NetworkPolicies between the processes, and the ServiceMonitor of Prometheus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clipbench.roles import EXECUTORS, PROFILER, ROLES, Role

Object = dict[str, Any]

GRPC_PORT, HTTP_PORT = 8080, 8081  # Jina's choice in Kubernetes
LABEL = "app.kubernetes.io/part-of"


def monitor() -> Object:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": {"name": "clipbench"},
        "spec": {
            "selector": {"matchLabels": {"app": "profiler", LABEL: "clipbench"}},
            "endpoints": [{"port": "metrics", "path": "/metrics", "interval": "5s"}],
        },
    }


def policies() -> list[Object]:
    """Only the gateway reaches an Executor; Executors reach only the hosts that they need."""
    ours: Object = {"podSelector": {"matchLabels": {LABEL: "clipbench"}}}
    metrics = _tcp(*sorted(role.metrics_port for role in ROLES))
    dns = {"ports": [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]}
    return [
        _policy("default-deny", {}, ingress=[], egress=[dns]),
        _policy(
            "gateway",
            {"app": "gateway"},
            ingress=[
                {"ports": _tcp(GRPC_PORT, HTTP_PORT)},
                {"from": [_from("profiler")], "ports": metrics},
            ],
            egress=[{"to": [ours], "ports": _tcp(GRPC_PORT)}],
        ),
        *(
            _policy(
                role.name,
                {"app": role.name},
                ingress=[
                    {"from": [_from("gateway")], "ports": _tcp(GRPC_PORT)},
                    {"from": [_from("profiler")], "ports": metrics},
                ],
                egress=_egress(role),
            )
            for role in EXECUTORS
            if role is not PROFILER
        ),
        _policy(
            "profiler",
            {"app": "profiler"},
            ingress=[
                {"from": [_from("gateway")], "ports": _tcp(GRPC_PORT)},
                # Prometheus, in whichever namespace it runs
                {"from": [{"namespaceSelector": {}}], "ports": _tcp(PROFILER.metrics_port)},
            ],
            egress=[{"to": [ours], "ports": metrics}],
        ),
    ]


def _egress(role: Role) -> list[Object]:
    """A process's connections outside of the Flow: weights over HTTPS, PostgreSQL."""
    ports = [port for port, needed in ((443, role.weights), (5432, role.database)) if needed]
    return [{"ports": _tcp(*ports)}] if ports else []


def _tcp(*ports: int) -> list[Object]:
    return [{"protocol": "TCP", "port": port} for port in ports]


def _from(role: str) -> Object:
    return {"podSelector": {"matchLabels": {"app": role}}}


def _policy(
    name: str, labels: Mapping[str, str], *, ingress: list[Any], egress: list[Any]
) -> Object:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": {
            "podSelector": {"matchLabels": {LABEL: "clipbench", **labels}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": ingress,
            "egress": egress,
        },
    }
