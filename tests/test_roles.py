"""Every file that lists the Flow's processes agrees with the table of roles."""

from __future__ import annotations

import importlib
import itertools
import re

import pytest
import yaml

from clipbench import config
from clipbench.export import kubernetes, network
from clipbench.roles import (
    CONTAINER_PORT,
    EXECUTORS,
    GATEWAY,
    GRPC_PORT,
    HTTP_PORT,
    PEERS,
    PROFILER,
    ROLES,
)
from tests.flow.flow_server import ROOT

FLOW = yaml.safe_load((ROOT / "flow.yml").read_text())
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
NAMES = [role.name for role in ROLES]


def test_flow_yml_has_them_in_this_order_where_they_stand():
    assert [executor["name"] for executor in FLOW["executors"]] == [r.name for r in EXECUTORS]
    for part, name in zip((FLOW["gateway"], *FLOW["executors"]), NAMES, strict=True):
        assert part["uses"] == f"executors/{name}/config.yml"
        assert (ROOT / part["uses"]).is_file()


def test_a_folder_is_a_role_and_a_role_a_folder():
    folders = {path.parent.name for path in (ROOT / "executors").glob("*/config.yml")}
    assert folders == set(NAMES)
    for role in EXECUTORS:
        module = importlib.import_module(f"clipbench.executors.{role.name}.executor")
        named = yaml.safe_load((ROOT / f"executors/{role.name}/config.yml").read_text())
        assert hasattr(module, named["jtype"])


def test_the_defaults_of_flow_yml_are_those_of_the_settings():
    settings = config.Settings()
    assert FLOW["gateway"]["host"] == settings.host == FLOW["with"]["host"]
    assert FLOW["gateway"]["port"] == [GRPC_PORT, HTTP_PORT]
    assert (settings.grpc_port, settings.http_port) == (GRPC_PORT, HTTP_PORT)


def test_ports_of_metrics_are_each_its_own():
    ports = [role.metrics_port for role in ROLES]
    assert len(set(ports)) == len(ports)
    assert [config.Settings().metrics_port(role.name) for role in ROLES] == ports


@pytest.mark.parametrize("role", ROLES, ids=NAMES)
def test_its_container_has_its_image_size_and_port(role):
    service = SERVICES[role.name]
    assert service["image"] == f"clipbench-{role.image}:${{CLIPBENCH_TAG:-local}}"
    assert service["build"]["target"] == role.image
    variable = f"CLIPBENCH_{role.name.upper()}_MEMORY"
    assert service["mem_limit"] == f"${{{variable}:-{role.compose_limit}}}"
    assert f"#{variable}={role.compose_limit}\n" in (ROOT / ".env.example").read_text()
    command = service["command"]
    assert f"--uses=executors/{role.name}/config.yml" in command
    listening = GRPC_PORT if role is GATEWAY else CONTAINER_PORT
    assert service["environment"]["CLIPBENCH_HEALTH"] == f"127.0.0.1:{listening}"
    if role is not GATEWAY:
        assert f"--name={role.name}" in command
        assert f"--port={CONTAINER_PORT}" in command
    volumes = [f"{role.name}-state:/data/state"] * role.database
    volumes += ["weights:/data/weights"] * role.weights
    assert service.get("volumes", []) == volumes


def test_the_gateway_s_container_reaches_every_executor():
    command = " ".join(SERVICES["gateway"]["command"])
    chain = ["start-gateway", *(role.name for role in EXECUTORS), "end-gateway"]
    for before, after in itertools.pairwise(chain):
        assert f'"{before}":["{after}"]' in command
    for role in EXECUTORS:
        assert f'"{role.name}":["{role.name}:{CONTAINER_PORT}"]' in command
    waits = set(SERVICES["gateway"]["depends_on"])
    assert waits == {role.name for role in EXECUTORS}
    named = FLOW["gateway"]
    assert f"--timeout-send={named['timeout_send']}" in command
    assert f"--prefetch={named['prefetch']}" in command
    assert f"--retries={named['retries']}" in command


def test_the_profiler_asks_every_other_process():
    told = SERVICES["profiler"]["environment"]["CLIPBENCH_METRICS_PEERS"]
    assert told == ",".join(f"{r.name}={r.name}:{r.metrics_port}" for r in PEERS)
    written = (ROOT / "deploy/kubernetes/base/profiler.yaml").read_text()
    assert told in written.replace("\n", "")


def test_prometheus_asks_the_profiler():
    configuration = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    (job,) = configuration["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"profiler:{PROFILER.metrics_port}"]}]


def test_the_pages_name_their_ports_and_sizes():
    page = (ROOT / "docs/operate.md").read_text()
    ports = {role.name: role.metrics_port for role in ROLES}
    for name, port in re.findall(r"\b(encoder|retrieval|classification|gateway) (94\d\d)", page):
        assert ports[name] == int(port)
    assert f"port {PROFILER.metrics_port}" in page
    for role in ROLES:
        (row,) = re.findall(rf"^\| {role.name} \| (.*) \|$", page, re.MULTILINE)
        image, _, size = row.split(" | ")
        assert image == role.image
        number, unit = re.fullmatch(r"(\d+)([gm])", role.compose_limit).groups()
        assert size == f"{number} {unit.upper()}B"


def test_kubernetes_has_a_rule_for_every_process():
    policies = {policy["metadata"]["name"] for policy in network.policies()}
    assert policies == {"default-deny", *NAMES}
    assert {kubernetes.image(name) for name in NAMES} == {"clipbench-encoder", "clipbench-slim"}
