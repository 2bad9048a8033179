"""Who may talk to whom, and what Prometheus reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clipbench.profiling.exporter import DEFAULT_PORTS

Object = dict[str, Any]

GRPC_PORT, HTTP_PORT = 8080, 8081  # Jina's choice in Kubernetes
EVALUATORS = ("retrieval", "classification")
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
    """Nobody reaches an Executor but the gateway, and nothing leaves but what has to."""
    ours: Object = {"podSelector": {"matchLabels": {LABEL: "clipbench"}}}
    metrics = [{"protocol": "TCP", "port": port} for port in sorted(DEFAULT_PORTS.values())]
    dns = {"ports": [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]}
    return [
        _policy("default-deny", {}, ingress=[], egress=[dns]),
        _policy(
            "gateway",
            {"app": "gateway"},
            ingress=[
                {"ports": [{"protocol": "TCP", "port": port} for port in (GRPC_PORT, HTTP_PORT)]},
                {"from": [_from("profiler")], "ports": metrics},
            ],
            egress=[{"to": [ours], "ports": [{"protocol": "TCP", "port": GRPC_PORT}]}],
        ),
        *(
            _policy(
                role,
                {"app": role},
                ingress=[
                    {
                        "from": [_from("gateway")],
                        "ports": [{"protocol": "TCP", "port": GRPC_PORT}],
                    },
                    {"from": [_from("profiler")], "ports": metrics},
                ],
                egress=egress,
            )
            for role, egress in (
                ("encoder", [{"ports": [{"protocol": "TCP", "port": 443}]}]),  # weights
                *((name, [{"ports": [{"protocol": "TCP", "port": 5432}]}]) for name in EVALUATORS),
            )
        ),
        _policy(
            "profiler",
            {"app": "profiler"},
            ingress=[
                {"from": [_from("gateway")], "ports": [{"protocol": "TCP", "port": GRPC_PORT}]},
                # Prometheus, in whichever namespace it runs
                {
                    "from": [{"namespaceSelector": {}}],
                    "ports": [{"protocol": "TCP", "port": DEFAULT_PORTS["profiler"]}],
                },
            ],
            egress=[{"to": [ours], "ports": metrics}],
        ),
    ]


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
