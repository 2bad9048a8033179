"""The bill of materials is the lock, and the audit never passes a lock that nobody looked at."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from clipbench.client.main import build
from clipbench.environment import SERVER_LOCK
from clipbench.errors import DataError
from clipbench.export import sbom

HASH = "0" * 64
ADVISORY = {
    "id": "GHSA-vqfr-h8mv-ghfj",
    "aliases": ["CVE-2025-43859"],
    "summary": "request smuggling through malformed chunked bodies",
    "affected": [
        {
            "package": {"name": "h11", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "0.16.0"}]}],
        }
    ],
}


def lock(tmp_path: Path, *pins: str) -> Path:
    path = tmp_path / "some.lock"
    path.write_text("".join(f"{pin} \\\n    --hash=sha256:{HASH}\n" for pin in pins))
    return path


def command(*arguments: str) -> Result:
    return CliRunner().invoke(build(), list(arguments))


class Osv(BaseHTTPRequestHandler):
    """The query of api.osv.dev, which knows one advisory."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        affected = asked["package"]["name"] == "h11" and asked["version"].startswith("0.15")
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"vulns": [ADVISORY]} if affected else {}).encode())

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def osv() -> Iterator[str]:
    """The address of a vulnerability database."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Osv) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/query"
        server.shutdown()


def test_the_bill_has_every_package_of_the_lock_and_is_cyclonedx(tmp_path: Path) -> None:
    out = tmp_path / "sbom.json"
    ran = command("export", "sbom", str(out))
    assert ran.exit_code == 0, ran.output
    listed = json.loads(out.read_text())
    assert (listed["bomFormat"], listed["specVersion"]) == ("CycloneDX", "1.5")
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", listed["serialNumber"])
    components = {c["purl"]: c for c in listed["components"]}
    names = re.findall(r"^([\w.-]+)==(\S+)", SERVER_LOCK.read_text(), re.M)
    assert len(components) == len(names) > 100
    torch = components["pkg:pypi/torch@2.10.0"]
    assert all(len(entry["value"]) == 64 for entry in torch["properties"])
    licensed = sum("licenses" in component for component in components.values())
    assert licensed > 0.9 * len(components)
    again = sbom.cyclonedx(sbom.read_lock(SERVER_LOCK), "clipbench", "0.1.0")
    assert again["serialNumber"] == listed["serialNumber"]


def test_what_is_installed_is_what_the_lock_says() -> None:
    for pin in sbom.read_lock(SERVER_LOCK):
        assert metadata.version(pin.name) == pin.version, pin.name


@pytest.mark.parametrize(
    "line",
    [
        "torch>=2",
        "torch",
        "--index-url https://index.example/simple",
        "torch @ https://index.example/torch.whl",
        "-e ../elsewhere",
    ],
)
def test_a_line_that_is_no_pin_is_no_lock(tmp_path: Path, line: str) -> None:
    path = tmp_path / "some.lock"
    path.write_text(line + "\n")
    with pytest.raises(DataError, match="line 1"):
        sbom.read_lock(path)


def test_an_affected_version_is_named_with_its_advisory_and_its_fix(
    tmp_path: Path, osv: str
) -> None:
    ran = command("audit", str(lock(tmp_path, "h11==0.15.0", "six==1.17.0")), "--service", osv)
    assert ran.exit_code == 1, ran.output
    assert "h11 0.15.0: CVE-2025-43859" in ran.output
    assert "fixed in 0.16.0" in ran.output


def test_a_lock_whose_packages_were_all_looked_up_passes(tmp_path: Path, osv: str) -> None:
    ran = command("audit", str(lock(tmp_path, "h11==0.16.0", "six==1.17.0")), "--service", osv)
    assert ran.exit_code == 0, ran.output


def test_without_an_answer_of_the_service_a_lock_is_not_audited(tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9/v1/query"
    ran = command("audit", str(lock(tmp_path, "six==1.17.0")), "--service", nowhere)
    assert ran.exit_code == 2, ran.output
    assert "not audited" in ran.output


def test_a_lock_that_is_not_there_or_has_no_hashes_is_not_audited(tmp_path: Path, osv: str) -> None:
    absent = command("audit", str(tmp_path / "absent.lock"), "--service", osv)
    assert (absent.exit_code, "not audited" in absent.output) == (2, True)
    loose = tmp_path / "loose.lock"
    for text in ("six==1.17.0\n", "six\n", ""):
        loose.write_text(text)
        ran = command("audit", str(loose), "--service", osv)
        assert (ran.exit_code, "not audited" in ran.output) == (2, True), text
