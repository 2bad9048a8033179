"""The bill of materials is the lock, and the audit sees what it says it sees."""

from __future__ import annotations

import json
import re

import pytest
from typer.testing import CliRunner

from clipbench.client.main import build
from clipbench.errors import DataError
from clipbench.export import sbom
from tests.flow.flow_server import ROOT

LOCKS = sorted(ROOT.glob("requirements*.lock"))
HASH = "0" * 64


def lock(tmp_path, text):
    path = tmp_path / "some.lock"
    path.write_text(text)
    return path


def test_the_bill_has_every_package_of_the_lock_and_is_cyclonedx(tmp_path):
    out = tmp_path / "bill.json"
    ran = CliRunner().invoke(build(), ["export", "sbom", str(out)])
    assert ran.exit_code == 0, ran.output
    listed = json.loads(out.read_text())
    assert (listed["bomFormat"], listed["specVersion"]) == ("CycloneDX", "1.5")
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", listed["serialNumber"])
    components = {c["purl"]: c for c in listed["components"]}
    names = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.M)
    assert len(components) == len(names) > 100
    torch = components["pkg:pypi/torch@2.10.0"]
    assert all(len(entry["value"]) == 64 for entry in torch["properties"])
    licensed = sum("licenses" in component for component in components.values())
    assert licensed > 0.9 * len(components)
    again = sbom.bill(sbom.read_lock(ROOT / "requirements.lock"), "clipbench", "0.1.0")
    assert again["serialNumber"] == listed["serialNumber"]


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_our_locks_pass_the_audit(path):
    assert sbom.problems(sbom.read_lock(path), sbom.advisories()) == []


def test_what_is_installed_is_what_the_lock_says():
    assert sbom.differing(sbom.read_lock(ROOT / "requirements.lock")) == []


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
def test_a_line_that_is_no_pin_is_no_lock(tmp_path, line):
    with pytest.raises(DataError, match="line 1"):
        sbom.read_lock(lock(tmp_path, line + "\n"))


def test_the_audit_sees_missing_hashes_doubles_and_known_weaknesses(tmp_path):
    text = "".join(
        f"{pin} \\\n    --hash=sha256:{HASH}\n" for pin in ("torch==2.5.1", "Torch==2.5.0")
    )
    text += "six==1.17.0\n"
    found = sbom.problems(sbom.read_lock(lock(tmp_path, text)), sbom.advisories())
    assert any("CVE-2025-32434" in text for text in found)
    assert "six has no hash" in found
    assert "Torch is pinned twice" in found
    ran = CliRunner().invoke(build(), ["audit", str(lock(tmp_path, text))])
    assert ran.exit_code == 1


def test_a_weakness_that_does_not_concern_us_says_why():
    for advisory in sbom.advisories():
        assert advisory.id.startswith("CVE-")
        assert advisory.why_not_affected == "" or len(advisory.why_not_affected) > 40
