"""The kustomize base is what the exporter writes, valid, and safe by its own words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from typer.testing import CliRunner

from clipbench.client.main import build
from tests.flow.flow_server import ROOT

COMMITTED = ROOT / "deploy" / "kubernetes" / "base"
VERSION = "1.31"
EXECUTORS = ("encoder", "retrieval", "classification", "profiler")
ALL = ("gateway", *EXECUTORS)


def export(folder: Path, *options: str) -> Path:
    ran = CliRunner().invoke(build(), ["export", "kubernetes", str(folder), *options])
    assert ran.exit_code == 0, ran.output
    return folder


def objects(folder: Path) -> list[dict[str, Any]]:
    """Every object but the kustomization itself, which no cluster stores."""
    files = [path for path in sorted(folder.glob("*.yaml")) if path.name != "kustomization.yaml"]
    return [object_ for path in files for object_ in yaml.safe_load_all(path.read_text())]


def found(kind: str, name: str, folder: Path = COMMITTED) -> dict[str, Any]:
    (object_,) = (o for o in objects(folder) if (o["kind"], o["metadata"]["name"]) == (kind, name))
    return object_


def pod(role: str, folder: Path = COMMITTED) -> dict[str, Any]:
    return found("Deployment", role, folder)["spec"]["template"]["spec"]


def container(role: str, folder: Path = COMMITTED) -> dict[str, Any]:
    (only,) = pod(role, folder)["containers"]
    return only


def test_the_committed_base_is_what_the_command_writes(tmp_path):
    export(tmp_path / "base")
    written = {path.name: path.read_text() for path in (tmp_path / "base").iterdir()}
    assert written == {path.name: path.read_text() for path in COMMITTED.iterdir()}


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--encoder-replicas", "4", "--gpus", "2"),
        ("--gpus", "0", "--no-monitor", "--namespace", "elsewhere"),
    ],
)
def test_every_object_is_valid_for_kubernetes(tmp_path, options):
    kinds = set()
    for object_ in objects(export(tmp_path / "base", *options)):
        if object_["kind"] == "ServiceMonitor":
            continue  # of the Prometheus Operator: its schema is not Kubernetes' own
        kubernetes_validate.validate(object_, VERSION, strict=True)
        kinds.add(object_["kind"])
    expected = {"ConfigMap", "Service", "Deployment", "PersistentVolumeClaim", "NetworkPolicy"}
    assert kinds == expected


def test_the_validation_would_see_a_mistake():
    broken = found("Deployment", "encoder")
    broken["spec"]["replicas"] = "two"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSION, strict=True)


def test_the_kustomization_lists_every_file():
    listed = yaml.safe_load((COMMITTED / "kustomization.yaml").read_text())["resources"]
    assert set(listed) == {path.name for path in COMMITTED.iterdir()} - {"kustomization.yaml"}
    assert "$" not in "".join(path.read_text() for path in COMMITTED.iterdir())  # no template left


def test_encoders_have_replicas_and_gpus_and_evaluators_are_one_each(tmp_path):
    base = export(tmp_path / "base", "--encoder-replicas", "4", "--gpus", "2")
    assert found("Deployment", "encoder", base)["spec"]["replicas"] == 4
    resources = container("encoder", base)["resources"]
    assert resources["requests"]["nvidia.com/gpu"] == "2" == resources["limits"]["nvidia.com/gpu"]
    claim = found("PersistentVolumeClaim", "weights", base)
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    for role in ("retrieval", "classification"):
        deployment = found("Deployment", role, base)["spec"]
        assert (deployment["replicas"], deployment["strategy"]["type"]) == (1, "Recreate")


def test_without_gpus_none_is_asked_for(tmp_path):
    base = export(tmp_path / "base", "--gpus", "0")
    assert "gpu" not in str(container("encoder", base)["resources"])


@pytest.mark.parametrize("role", ["retrieval", "classification"])
def test_an_evaluators_state_is_in_postgresql_by_reference_to_a_secret(role):
    (database,) = (e for e in container(role)["env"] if e["name"] == "CLIPBENCH_DATABASE")
    assert database["valueFrom"] == {"secretKeyRef": {"name": "clipbench", "key": "database"}}


def test_no_secret_is_in_the_base():
    assert all(object_["kind"] != "Secret" for object_ in objects(COMMITTED))
    assert "postgresql" not in "".join(path.read_text() for path in COMMITTED.iterdir())


def test_the_gateway_has_tls_and_tokens_and_is_not_told_to_do_without():
    settings = found("ConfigMap", "gateway-configmap")["data"]
    for name in ("CLIPBENCH_TOKEN_FILE", "CLIPBENCH_TLS_CERTIFICATE", "CLIPBENCH_TLS_KEY"):
        assert settings[name].startswith("/run/secrets/clipbench/")
    assert "INSECURE" not in str(settings)


@pytest.mark.parametrize("role", ALL)
def test_a_container_can_do_little_and_is_bounded(role):
    assert pod(role)["securityContext"]["runAsNonRoot"] is True
    assert pod(role)["securityContext"]["runAsUser"] > 0
    assert pod(role)["automountServiceAccountToken"] is False
    context = container(role)["securityContext"]
    assert context["readOnlyRootFilesystem"] is True
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert set(container(role)["resources"]["requests"]) >= {"cpu", "memory"}
    assert "memory" in container(role)["resources"]["limits"]


@pytest.mark.parametrize("role", ALL)
def test_a_container_runs_what_is_in_its_image_and_is_probed(role):
    command, arguments = container(role)["command"], container(role)["args"]
    for path in (command[1], arguments[arguments.index("--uses") + 1]):
        assert (ROOT / path).is_file()
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert (ROOT / container(role)[probe]["exec"]["command"][1]).is_file()
    assert arguments[arguments.index("--host") + 1] == "0.0.0.0"
    assert arguments.count("--host") == 1


def test_jina_reads_the_arguments_of_every_container():
    from jina.parsers import set_gateway_parser, set_pod_parser

    for role in ALL:
        parser = set_gateway_parser() if role == "gateway" else set_pod_parser()
        read, unknown = parser.parse_known_args(container(role)["args"][1:])
        assert not unknown
        assert 8080 in read.port if isinstance(read.port, list) else read.port == 8080


@pytest.mark.parametrize("role", ALL)
def test_a_service_leads_to_named_ports_of_its_pods(role):
    service = found("Service", role)["spec"]
    labels = found("Deployment", role)["spec"]["template"]["metadata"]["labels"]
    assert service["selector"].items() <= labels.items()
    named = {port["name"]: port["containerPort"] for port in container(role)["ports"]}
    for port in service["ports"]:
        assert named[port["targetPort"]] == port["port"]


def test_the_gateway_reaches_every_executor_by_its_service():
    arguments = container("gateway")["args"]
    addresses = yaml.safe_load(arguments[arguments.index("--deployments-addresses") + 1])
    assert addresses == {role: [f"grpc://{role}.clipbench.svc:8080"] for role in EXECUTORS}


def test_nothing_is_let_in_but_what_a_policy_names():
    assert found("NetworkPolicy", "default-deny")["spec"]["ingress"] == []
    for role in EXECUTORS:
        policy = found("NetworkPolicy", role)["spec"]
        flow = [
            rule for rule in policy["ingress"] if {"protocol": "TCP", "port": 8080} in rule["ports"]
        ]
        assert [rule["from"] for rule in flow] == [
            [{"podSelector": {"matchLabels": {"app": "gateway"}}}]
        ]


def test_prometheus_finds_the_profiler():
    monitor = found("ServiceMonitor", "clipbench")["spec"]
    service = found("Service", "profiler")
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["endpoints"][0]["port"] in {port["name"] for port in service["spec"]["ports"]}
