"""`clipbench export kubernetes`, `clipbench export sbom` and `clipbench audit`."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from clipbench.client.commands import interchange
from clipbench.client.commands.common import console, errors, reported
from clipbench.client.serving import FLOW
from clipbench.errors import DataError
from clipbench.export import kubernetes, sbom
from clipbench.export.network import GRPC_PORT, HTTP_PORT

app = typer.Typer(help="Results and deployments for other tools.", no_args_is_help=True)

_NOTICE = "# Written by `clipbench export kubernetes`; change it with an overlay.\n"
_LOCK = FLOW.parent / "requirements.lock"

app.command("clip-benchmark")(interchange.export_results)


@app.command("kubernetes")
def write_kubernetes(
    out: Annotated[Path, typer.Argument(help="Folder of the kustomize base.")],
    namespace: Annotated[str, typer.Option(help="Where it runs.")] = "clipbench",
    encoder_replicas: Annotated[int, typer.Option(min=1, help="Encoders.")] = 1,
    gpus: Annotated[int, typer.Option(min=0, help="GPUs of an encoder; 0: CPU.")] = 1,
    weights: Annotated[str, typer.Option(help="Size of the volume of weights.")] = "50Gi",
    monitor: Annotated[
        bool, typer.Option(help="A ServiceMonitor for the Prometheus Operator.")
    ] = True,
    flow: Annotated[Path, typer.Option(help="The Flow to export.")] = FLOW,
) -> None:
    """Write the Flow as a kustomize base for Kubernetes.

    Example: clipbench export kubernetes deploy/kubernetes/base --encoder-replicas 4
    """
    choices = kubernetes.Choices(namespace, encoder_replicas, gpus, weights, monitor)
    with reported():
        files = kubernetes.base(_exported(flow, namespace), choices)
        out.mkdir(parents=True, exist_ok=True)
        for name, objects in files.items():
            (out / name).write_text(_NOTICE + _yaml(objects), encoding="utf-8")
        listed = kubernetes.kustomization(list(files), choices)
        (out / "kustomization.yaml").write_text(_NOTICE + _yaml([listed]), encoding="utf-8")
    console.print(f"{len(files)} files in {out}; docs/distributed.md says what comes next")


@app.command("sbom")
def write_bill(
    out: Annotated[Path, typer.Argument(help="File to write.")],
    lock: Annotated[Path, typer.Option(help="The lock to list.")] = _LOCK,
) -> None:
    """Write a CycloneDX bill of materials of the lock.

    Example: clipbench export sbom clipbench.cdx.json
    """
    with reported():
        listed = sbom.bill(sbom.read_lock(lock), "clipbench", metadata.version("clipbench"))
        out.write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
    console.print(f"{len(listed['components'])} packages in {out}")


def audit(
    locks: Annotated[list[Path] | None, typer.Argument(help="Locks to look at.")] = None,
) -> None:
    """Check the locks without a network: hashes, doubles, known weaknesses, what is installed.

    Example: clipbench audit
    """
    found = []
    with reported():
        known = sbom.advisories()
        for lock in locks or sorted(FLOW.parent.glob("requirements*.lock")):
            pins = sbom.read_lock(lock)
            found += [f"{lock.name}: {text}" for text in sbom.problems(pins, known)]
            found += [f"{lock.name}: {text}" for text in sbom.differing(pins)]
    for text in found:
        errors.print(text, highlight=False, soft_wrap=True)
    if found:
        sys.exit(1)
    console.print("nothing found by what can be seen without a network (docs/security.md)")


def _exported(flow: Path, namespace: str) -> list[dict[str, Any]]:
    """The objects of Jina's own export. Raises DataError when there is no such Flow."""
    if not flow.is_file():
        raise DataError(f"no flow at {flow}; name one with --flow")
    os.environ.setdefault("JINA_OPTOUT_TELEMETRY", "1")
    os.environ.setdefault("JINA_HIDE_SURVEY", "1")
    from jina import Flow

    declared = yaml.safe_load(flow.read_text(encoding="utf-8"))
    gateway = declared["gateway"]
    gateway["uses"] = f"docker://{kubernetes.image('gateway')}"
    gateway["port"] = [GRPC_PORT, HTTP_PORT]
    for executor in declared["executors"]:
        executor["uses"] = f"docker://{kubernetes.image(executor['name'])}"
    with tempfile.TemporaryDirectory() as folder:
        loaded = Flow.load_config(yaml.safe_dump(declared, sort_keys=False))
        loaded.to_kubernetes_yaml(folder, k8s_namespace=namespace)
        files = sorted(Path(folder).rglob("*.yml"))
        return [
            object_ for path in files for object_ in yaml.safe_load_all(path.read_text("utf-8"))
        ]


def _yaml(objects: list[dict[str, Any]]) -> str:
    return yaml.dump_all(objects, Dumper=_NoAliases, sort_keys=False, width=100)


class _NoAliases(yaml.SafeDumper):
    """Says everything where it stands."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
