"""`clipbench export`: results and deployments for other tools."""

from __future__ import annotations

import json
import os
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from clipbench import results
from clipbench.client.commands.common import RESULTS, Results, console
from clipbench.client.serving import FLOW
from clipbench.environment import SERVER_LOCK
from clipbench.errors import DataError, InvalidRequest
from clipbench.export import kubernetes, sbom
from clipbench.export.network import GRPC_PORT, HTTP_PORT
from clipbench.files import read_text, writable_folder
from clipbench.results import interchange, schema

app = typer.Typer(help="Results and deployments for other tools.", no_args_is_help=True)

_NOTICE = "# Written by `clipbench export kubernetes`; change it with an overlay.\n"


@app.command("clip-benchmark")
def export_results(
    out: Annotated[Path, typer.Argument(help="CSV file, or folder for one JSON a result.")],
    folder: Results = RESULTS,
) -> None:
    """Write results the way clip_benchmark writes its own.

    Example: clipbench export clip-benchmark benchmark.csv --results results
    """
    found = results.load_all(folder)
    if not found:
        raise InvalidRequest(f"no result file in {folder}")
    if out.suffix == ".csv":
        results.write_atomically(out, interchange.write_csv(found).encode())
    else:
        for result in found:
            name = results.file_name(result).replace(results.RESULT_SUFFIX, ".json")
            results.write_atomically(out / name, interchange.write_json(result).encode())
    console.print(f"{len(found)} results in {out}")


@app.command("schema")
def print_schema(
    name: Annotated[str, typer.Argument(help="result or statistics.")] = "result",
) -> None:
    """Print the JSON Schema of a file format.

    Example: clipbench export schema statistics
    """
    print(json.dumps(schema.derive(name), indent=1, ensure_ascii=False))


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
    files = kubernetes.base(_exported(flow, namespace), choices)
    writable_folder(out)
    for name, objects in files.items():
        (out / name).write_text(_NOTICE + _yaml(objects), encoding="utf-8")
    listed = kubernetes.kustomization(list(files), choices)
    (out / "kustomization.yaml").write_text(_NOTICE + _yaml([listed]), encoding="utf-8")
    console.print(f"{len(files)} files in {out}; docs/distributed.md says what comes next")


@app.command("sbom")
def write_sbom(
    out: Annotated[Path, typer.Argument(help="File to write.")],
    lock: Annotated[Path, typer.Option(help="The lock to list.")] = SERVER_LOCK,
) -> None:
    """Write a CycloneDX bill of materials of the lock.

    Example: clipbench export sbom clipbench.cdx.json
    """
    listed = sbom.cyclonedx(sbom.read_lock(lock), "clipbench", metadata.version("clipbench"))
    out.write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
    console.print(f"{len(listed['components'])} packages in {out}")


def _exported(flow: Path, namespace: str) -> list[dict[str, Any]]:
    """The objects of Jina's own export. Raises DataError when there is no such Flow."""
    if not flow.is_file():
        raise DataError(f"no flow at {flow}; name one with --flow")
    os.environ.setdefault("JINA_OPTOUT_TELEMETRY", "1")
    os.environ.setdefault("JINA_HIDE_SURVEY", "1")
    from jina import Flow

    try:
        declared = yaml.safe_load(read_text(flow, what="flow"))
        gateway, executors = declared["gateway"], list(declared["executors"])
    except (yaml.YAMLError, LookupError, TypeError, RecursionError) as error:
        raise DataError(f"{flow} is not a Flow with a gateway and executors: {error}") from error
    gateway["uses"] = f"docker://{kubernetes.image('gateway')}"
    gateway["port"] = [GRPC_PORT, HTTP_PORT]
    for executor in executors:
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
