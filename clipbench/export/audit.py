"""Known vulnerabilities of the packages of a lock, asked of the OSV database by pip-audit."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from clipbench.errors import ClipbenchError

OSV = "https://api.osv.dev/v1/query"
_PIP_AUDIT = "pip-audit>=2.10"


class NotAudited(ClipbenchError):
    """Nothing is known about a lock: no file, no pip-audit, or no answer from its service."""

    code = "not_audited"


@dataclass(frozen=True)
class Vulnerability:
    """An advisory that the locked version of a package is affected by."""

    package: str
    version: str
    ids: tuple[str, ...]
    fixed_in: tuple[str, ...]

    def __str__(self) -> str:
        fixed = f"fixed in {', '.join(self.fixed_in)}" if self.fixed_in else "no fixed version"
        return f"{self.package} {self.version}: {' '.join(self.ids)}, {fixed}"


def vulnerabilities(lock: Path, service: str = OSV) -> tuple[Vulnerability, ...]:
    """The advisories that concern a lock; `service` is OSV or a mirror of it.

    Raises NotAudited unless the service has answered for every package of the lock.
    """
    if not lock.is_file():
        raise NotAudited(f"not audited: no lock at {lock}; name one: clipbench audit FILE")
    if find_spec("pip_audit") is None:
        raise NotAudited(f"not audited: needs pip-audit; pip install '{_PIP_AUDIT}'")
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes"]
    command += ["--requirement", str(lock), "--format", "json", "--progress-spinner", "off"]
    command += ["--vulnerability-service", "osv", "--osv-url", service]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError) as error:
        said = done.stderr.strip().splitlines() or [f"pip-audit ended with {done.returncode}"]
        raise NotAudited(f"not audited: {lock}: {said[-1]}") from error
    skipped = [
        f"{entry['name']} ({entry['skip_reason']})" for entry in found if "vulns" not in entry
    ]
    if skipped or not found:
        raise NotAudited(f"not audited: {lock}: no answer for {', '.join(skipped) or 'anything'}")
    return tuple(
        Vulnerability(
            entry["name"],
            entry["version"],
            (vuln["id"], *vuln["aliases"]),
            tuple(vuln["fix_versions"]),
        )
        for entry in found
        for vuln in entry["vulns"]
    )
