"""Turns Jina's Kubernetes export into a kustomize base, and adds the objects that Jina leaves out.

Jina knows the Flow: which Executors there are, how the gateway reaches them, their ports. It does
not know of GPUs, state, weights, tokens, users, metrics or who may talk to whom. Everything here
is plain mappings in and out (one mapping an object); client/commands/export.py runs Jina and
writes the files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from clipbench.export.network import GRPC_PORT, HTTP_PORT, LABEL, Object, monitor, policies
from clipbench.roles import BY_NAME, PEERS, ROLES

SECRET = "clipbench"  # of the operator: database, tokens, tls.crt, tls.key
USER = 10001  # of the images, see Dockerfile


@dataclass(frozen=True)
class Choices:
    """An operator's choices for the base."""

    namespace: str = "clipbench"
    encoder_replicas: int = 1
    gpus: int = 1  # of one encoder; 0: on the CPU
    weights: str = "50Gi"
    monitor: bool = True  # a ServiceMonitor, which needs the Prometheus Operator


def base(exported: Iterable[Object], choices: Choices) -> dict[str, list[Object]]:
    """Jina's objects and ours, by the name of the file that holds them."""
    files: dict[str, list[Object]] = {}
    for object_ in exported:
        kind, name = object_["kind"], object_["metadata"]["name"]
        if kind == "Namespace" or (kind == "Service" and name.endswith("-http")):
            continue  # the gateway's two ports are one Service here
        owner = name.removesuffix("-configmap")
        if kind == "Deployment":
            object_ = _deployment(object_, choices)
        elif kind == "Service":
            object_ = _service(object_, owner)
        elif kind == "ConfigMap":
            object_ = {**object_, "data": _settings(owner)}
        files.setdefault(f"{owner}.yaml", []).append(_labelled(object_, owner))
    files["encoder.yaml"].append(_labelled(_claim(choices), "encoder"))
    files["network.yaml"] = [_labelled(policy, "network") for policy in policies()]
    if choices.monitor:
        files["monitor.yaml"] = [_labelled(monitor(), "profiler")]
    return files


def kustomization(files: Sequence[str], choices: Choices) -> Object:
    """The object that `kubectl apply -k` reads."""
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": choices.namespace,
        "resources": sorted(files),
        "images": [
            {"name": name, "newName": name, "newTag": "local"}
            for name in sorted({image(role.name) for role in ROLES})
        ],
    }


def image(role: str) -> str:
    """The image of a process, by the name that kustomization.yaml replaces."""
    return f"clipbench-{BY_NAME[role].image}"


def _labelled(object_: Object, role: str) -> Object:
    metadata = dict(object_["metadata"])
    metadata.pop("namespace", None)  # kustomization.yaml names it once
    metadata["labels"] = {**metadata.get("labels", {}), LABEL: "clipbench", "app": role}
    return {**object_, "metadata": metadata}


def _deployment(exported: Object, choices: Choices) -> Object:
    role = exported["metadata"]["name"]
    template = exported["spec"]["template"]
    container = template["spec"]["containers"][0]
    replicas = choices.encoder_replicas if role == "encoder" else 1
    labels = {**template["metadata"]["labels"], LABEL: "clipbench"}
    labels.pop("ns", None)
    spec = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 60,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(container, role, choices)],
        "volumes": _volumes(role),
    }
    strategy = exported["spec"]["strategy"]
    if role != "gateway" and not (role == "encoder" and replicas > 1):
        # an evaluator counts alone, and there may be no second GPU: the old one ends first
        strategy = {"type": "Recreate"}
    return {
        **exported,
        "spec": {
            **exported["spec"],
            "replicas": replicas,
            "strategy": strategy,
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def _container(exported: Object, role: str, choices: Choices) -> Object:
    probe = {"exec": {"command": ["python", "deploy/container/healthy.py"]}, "timeoutSeconds": 20}
    ports = [{"name": "grpc", "containerPort": GRPC_PORT}]
    if role == "gateway":
        ports.append({"name": "http", "containerPort": HTTP_PORT})
    ports.append({"name": "metrics", "containerPort": BY_NAME[role].metrics_port})
    return {
        "name": exported["name"],
        "image": image(role),
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "deploy/container/start.py"],
        "args": _arguments(exported["args"], role),
        "envFrom": exported["envFrom"],
        "env": [*exported["env"], *_secret_settings(role)],
        "ports": ports,
        "resources": _resources(role, choices),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "startupProbe": {**probe, "periodSeconds": 5, "failureThreshold": 120},
        "readinessProbe": {**probe, "periodSeconds": 10},
        "livenessProbe": {**probe, "periodSeconds": 20, "failureThreshold": 6},
        "lifecycle": exported["lifecycle"],
        "volumeMounts": _mounts(role),
    }


def _arguments(exported: Sequence[str], role: str) -> list[str]:
    """Jina's, with the file that holds this Executor, and one channel to each of its replicas."""
    arguments = list(exported)
    if "--host" not in arguments:
        arguments += ["--host", ""]
    arguments[arguments.index("--host") + 1] = "0.0.0.0"  # who reaches it, network.yaml says
    arguments[arguments.index("--uses") + 1] = f"executors/{role}/config.yml"
    if role == "gateway":
        graph = arguments.index("--graph-description") + 1
        arguments[graph] = json.dumps(json.loads(arguments[graph]), sort_keys=True)
        # one channel to every replica of a headless Service, in turn
        channels = {
            "grpc.lb_policy_name": "round_robin",
            "grpc.dns_min_time_between_resolutions_ms": 1000,
        }
        arguments += ["--grpc-channel-options", json.dumps(channels)]
    return arguments


def _settings(role: str) -> dict[str, str]:
    """The environment that is no secret."""
    settings = {
        "CLIPBENCH_METRICS_HOST": "0.0.0.0",
        "CLIPBENCH_HEALTH": f"127.0.0.1:{GRPC_PORT}",
        "PYTHONUNBUFFERED": "1",
    }
    if role == "gateway":
        settings |= {
            "CLIPBENCH_HOST": "0.0.0.0",
            "CLIPBENCH_TOKEN_FILE": "/run/secrets/clipbench/tokens",
            "CLIPBENCH_TLS_CERTIFICATE": "/run/secrets/clipbench/tls.crt",
            "CLIPBENCH_TLS_KEY": "/run/secrets/clipbench/tls.key",
        }
    if BY_NAME[role].weights:
        settings["CLIPBENCH_WEIGHTS"] = "/data/weights"
    if role == "profiler":
        # a headless name gives one address a replica, so that each is asked
        settings["CLIPBENCH_METRICS_PEERS"] = ",".join(
            f"{peer.name}={peer.name}:{peer.metrics_port}" for peer in PEERS
        )
    return settings


def _secret_settings(role: str) -> list[Object]:
    if not BY_NAME[role].database:
        return []
    reference = {"secretKeyRef": {"name": SECRET, "key": "database"}}
    return [{"name": "CLIPBENCH_DATABASE", "valueFrom": reference}]


def _resources(role: str, choices: Choices) -> Object:
    row = BY_NAME[role]
    requests, limits = {"cpu": row.cpu, "memory": row.memory}, {"memory": row.limit}
    if row.gpu and choices.gpus:
        requests["nvidia.com/gpu"] = limits["nvidia.com/gpu"] = str(choices.gpus)
    return {"requests": requests, "limits": limits}


def _volumes(role: str) -> list[Object]:
    volumes: list[Object] = [{"name": "tmp", "emptyDir": {"sizeLimit": "512Mi"}}]
    if BY_NAME[role].weights:
        claim = {"persistentVolumeClaim": {"claimName": "weights"}}
        volumes.append({"name": "weights", **claim})
    if role == "gateway":
        keys = ("tokens", "tls.crt", "tls.key")
        secret = {
            "secretName": SECRET,
            "defaultMode": 0o440,
            "items": [{"key": key, "path": key} for key in keys],
        }
        volumes.append({"name": "secrets", "secret": secret})
    return volumes


def _mounts(role: str) -> list[Object]:
    mounts: list[Object] = [{"name": "tmp", "mountPath": "/tmp"}]
    if BY_NAME[role].weights:
        mounts.append({"name": "weights", "mountPath": "/data/weights"})
    if role == "gateway":
        path = "/run/secrets/clipbench"
        mounts.append({"name": "secrets", "mountPath": path, "readOnly": True})
    return mounts


def _service(exported: Object, role: str) -> Object:
    ports = [{"name": "grpc", "port": GRPC_PORT, "targetPort": "grpc", "protocol": "TCP"}]
    if role == "gateway":
        ports.append({"name": "http", "port": HTTP_PORT, "targetPort": "http", "protocol": "TCP"})
    metrics = {"name": "metrics", "port": BY_NAME[role].metrics_port, "targetPort": "metrics"}
    ports.append({**metrics, "protocol": "TCP"})
    spec = {**exported["spec"], "ports": ports, "selector": {"app": role}}
    if role == "encoder":
        # the gateway's channel and the profiler see every replica's address
        spec["clusterIP"] = "None"
    return {**exported, "spec": spec}


def _claim(choices: Choices) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "weights"},
        "spec": {
            # every replica of the encoder on every node reads the same weights
            "accessModes": ["ReadWriteMany" if choices.encoder_replicas > 1 else "ReadWriteOnce"],
            "resources": {"requests": {"storage": choices.weights}},
        },
    }
