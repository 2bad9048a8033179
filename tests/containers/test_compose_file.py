"""What the compose files promise, read from the files: no engine is needed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from clipbench.roles import EXECUTORS

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
OURS = [name for name in SERVICES if "build" in SERVICES[name]]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_can_write_nothing_but_its_volumes_and_gains_no_right(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert "privileged" not in service


@pytest.mark.parametrize("name", SERVICES)
def test_published_ports_are_this_machines_own(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


def test_executors_are_on_the_internal_network_and_publish_nothing() -> None:
    assert COMPOSE["networks"]["flow"] == {"internal": True}
    for name in (role.name for role in EXECUTORS):
        assert "ports" not in SERVICES[name]
    for name in ("retrieval", "classification", "profiler", "client"):
        assert SERVICES[name]["networks"] == ["flow"]


@pytest.mark.parametrize("name", [n for n in SERVICES if n not in OURS])
def test_images_of_others_are_pinned_to_a_release(name: str) -> None:
    assert re.search(r":v?\d+\.\d+\.\d+$", SERVICES[name]["image"])


def test_the_gateway_starts_after_all_that_it_needs_is_healthy() -> None:
    waits = SERVICES["gateway"]["depends_on"]
    assert all(wait == {"condition": "service_healthy"} for wait in waits.values())


def test_every_variable_of_the_compose_files_is_in_the_example_and_the_other_way_round() -> None:
    files = sorted(ROOT.glob("docker-compose*.yml"))
    used = set(re.findall(r"\$\{(\w+)", "".join(file.read_text() for file in files)))
    example = (ROOT / ".env.example").read_text()
    named = set(re.findall(r"^#(\w+)=", example, re.MULTILINE))
    assert named - {"COMPOSE_FILE"} == used


def test_the_gpu_is_one_line_in_the_environment_file() -> None:
    example = (ROOT / ".env.example").read_text()
    assert "#COMPOSE_FILE=docker-compose.yml:docker-compose.gpu.yml\n" in example
    override = yaml.safe_load((ROOT / "docker-compose.gpu.yml").read_text())
    [device] = override["services"]["encoder"]["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
    environment = override["services"]["encoder"]["environment"]
    assert "utility" in environment["NVIDIA_DRIVER_CAPABILITIES"]  # NVML


def test_for_other_machines_the_gateway_wants_tls_and_a_token() -> None:
    override = yaml.safe_load((ROOT / "docker-compose.tls.yml").read_text())
    environment = override["services"]["gateway"]["environment"]
    assert environment["CLIPBENCH_INSECURE"] == "false"
    assert {"CLIPBENCH_TLS_CERTIFICATE", "CLIPBENCH_TLS_KEY", "CLIPBENCH_TOKEN_FILE"} < set(
        environment
    )


def test_images_are_pinned_and_run_as_a_user_without_rights() -> None:
    text = (ROOT / "Dockerfile").read_text()
    [base] = {m for m in re.findall(r"^FROM (\S+)", text, re.MULTILINE) if ":" in m}
    assert base == "python:${PYTHON_VERSION}-slim-bookworm"
    assert re.search(r"^ARG PYTHON_VERSION=3\.1[123]$", text, re.MULTILINE)
    for target in ("slim", "encoder"):
        stage = re.search(
            rf"^FROM \S+ AS {target}$(.*?)(?=^FROM|\Z)", text, re.MULTILINE | re.DOTALL
        )
        assert stage
        assert stage[1].rstrip().endswith("USER clipbench")
    assert "HEALTHCHECK" in text
