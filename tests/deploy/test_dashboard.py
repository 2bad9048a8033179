"""The dashboard fits the pinned Grafana, and each panel shows something of a real run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from clipbench.roles import ROLES

from ..containers.stack import free_ports
from ..programs import needed
from .dashboard import DASHBOARD, ROOT, ask, queries, without_data

CLIPBENCH = [sys.executable, "-c", "from clipbench.client.main import run; run()"]
TYPES = Path(__file__).with_name("dashboard_types.ts")
TYPESCRIPT = "5.9.3"
COMPILER = {
    "strict": True,
    "noEmit": True,
    "skipLibCheck": True,
    "module": "esnext",
    "moduleResolution": "bundler",
    "target": "es2022",
    "types": [],
}


def grafana_version() -> str:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return compose["services"]["grafana"]["image"].partition(":")[2]


@pytest.fixture(scope="module")
def typescript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the TypeScript compiler and the schema that Grafana's release published."""
    npm, folder = needed("npm", "npm"), tmp_path_factory.mktemp("grafana")
    packages = [f"@grafana/schema@{grafana_version()}", f"typescript@{TYPESCRIPT}"]
    flags = ["--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--silent"]
    subprocess.run([npm, "install", *flags, *packages], cwd=folder, check=True, timeout=200)
    (folder / "tsconfig.json").write_text(
        json.dumps({"compilerOptions": COMPILER, "files": ["dashboard.ts"]})
    )
    return folder


def judged(folder: Path, dashboard: str) -> str:
    """What the compiler says of the dashboard; nothing is good."""
    source = f"{TYPES.read_text()}\nexport const dashboard: Checked = {dashboard};\n"
    (folder / "dashboard.ts").write_text(source)
    compiler = folder / "node_modules" / ".bin" / "tsc"
    return subprocess.run(
        [compiler, "--project", folder], cwd=folder, capture_output=True, text=True
    ).stdout


def test_the_dashboard_is_what_the_pinned_grafanas_schema_describes(typescript: Path) -> None:
    assert judged(typescript, DASHBOARD.read_text()) == ""


def test_the_schema_would_notice_an_unknown_option(typescript: Path) -> None:
    wrong = DASHBOARD.read_text().replace('"textMode": "value"', '"textMode": "valu"')
    assert '"valu"' in judged(typescript, wrong)


def test_the_dashboard_names_the_provisioned_data_source_and_no_other() -> None:
    provisioned = yaml.safe_load(
        (ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text()
    )
    named = set(re.findall(r'"uid": "([^"]+)"', DASHBOARD.read_text())) - {"clipbench"}
    assert named == {source["uid"] for source in provisioned["datasources"]}


def test_panels_do_not_overlap() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert x < 24
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dashboard")


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    names = ("grpc", "http", *(role.name for role in ROLES))
    return dict(zip(names, free_ports(len(names)), strict=True))


@pytest.fixture(scope="module")
def flow(folder: Path, ports: dict[str, int]) -> Iterator[str]:
    """A served Flow whose processes see one GPU, made up by the stand-in for NVIDIA's library."""
    stub = ROOT / "tests" / "profiling" / "nvml_stub.c"
    library = folder / "libnvidia-ml.so.1"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, stub], check=True)
    environment = os.environ | {
        "CLIPBENCH_GRPC_PORT": str(ports["grpc"]),
        "CLIPBENCH_HTTP_PORT": str(ports["http"]),
        "CLIPBENCH_METRICS_PORTS": ",".join(f"{r.name}={ports[r.name]}" for r in ROLES),
    }
    environment |= {"LD_LIBRARY_PATH": str(folder), "CLIPBENCH_STATE": str(folder / "state")}
    with (folder / "serve.log").open("w") as log:
        server = subprocess.Popen(
            [*CLIPBENCH, "serve"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    yield f"grpc://127.0.0.1:{ports['grpc']}"
    server.terminate()
    server.wait(60)


@pytest.fixture(scope="module")
def prometheus(folder: Path, ports: dict[str, int]) -> Iterator[str]:
    """A Prometheus with the configuration and rules that are deployed, only quicker."""
    program, [port] = needed("prometheus", "prometheus"), free_ports(1)
    deployed = ROOT / "deploy" / "prometheus"
    quick = re.sub(r"(_interval): \d+s", r"\1: 1s", (deployed / "prometheus.yml").read_text())
    quick = quick.replace("scrape_timeout: 4s", "scrape_timeout: 1s")
    target = f"127.0.0.1:{ports['profiler']}"
    (folder / "prometheus.yml").write_text(quick.replace("profiler:9464", target))
    rules = (deployed / "rules.yml").read_text().replace("interval: 5s", "interval: 1s")
    (folder / "rules.yml").write_text(rules)
    with (folder / "prometheus.log").open("w") as log:
        running = subprocess.Popen(
            [
                program,
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/tsdb",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    yield f"http://127.0.0.1:{port}"
    running.terminate()
    running.wait(30)


@pytest.fixture(scope="module")
def partly_damaged(folder: Path) -> Path:
    """Class folders with 40 images of noise and 8 files that are no images."""
    noise = np.random.default_rng(0)
    for label in ("calm", "storm"):
        place = folder / "noise" / label
        place.mkdir(parents=True)
        for number in range(20):
            pixels = noise.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(place / f"{number}.png")
        for number in range(4):
            (place / f"broken-{number}.png").write_bytes(b"not an image")
    return folder / "noise"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_panel_has_data_while_a_real_run_lasts(
    flow: str, prometheus: str, partly_damaged: Path, folder: Path
) -> None:
    deadline = time.monotonic() + 180
    while _up(prometheus) < 5:  # processes
        assert time.monotonic() < deadline, (folder / "serve.log").read_text()
        time.sleep(1)
    command = [*CLIPBENCH, "run", "--server", flow, "--out", str(folder / "results")]
    for data in (str(partly_damaged), "fashion_mnist"):
        command += ["--data", data]
    with (folder / "run.log").open("w") as log:
        run = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)

    def going_on() -> None:
        assert run.poll() in (None, 0), (folder / "run.log").read_text()

    missing = without_data(prometheus, queries(), 240, going_on)
    run.terminate()
    run.wait(60)
    assert missing == {}


def _up(prometheus: str) -> float:
    try:
        return sum(ask(prometheus, "clipbench_executor_up"))
    except OSError:  # Prometheus is starting as well
        return 0.0
