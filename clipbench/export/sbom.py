"""A bill of materials from the lock, CycloneDX 1.5 as JSON, without a network.

The lock is the truth: every package of the service with its version and the SHA-256 of each file
that may be installed. Licences are read from the packages that are installed, where they are.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from clipbench.errors import DataError
from clipbench.files import read_text

_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?==([^ ;\\]+)(?: ;.*)?\s*\\?")
_HASH = re.compile(r"\s*--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Pin:
    """One line of a lock."""

    name: str
    version: str
    hashes: tuple[str, ...]

    @property
    def purl(self) -> str:
        """The package's URL in the sense of package-url."""
        return f"pkg:pypi/{re.sub(r'[-_.]+', '-', self.name).lower()}@{self.version}"


def read_lock(path: Path) -> tuple[Pin, ...]:
    """Raises DataError for a line that is not a package with a version and hashes."""
    pins: list[Pin] = []
    for number, line in enumerate(read_text(path, what="lock", error=DataError).splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if pins and (found := _HASH.match(line)):
            last = pins.pop()
            pins.append(Pin(last.name, last.version, (*last.hashes, found[1])))
        elif found := _PIN.fullmatch(line):
            pins.append(Pin(found[1], found[2], ()))
        else:
            raise DataError(f"{path.name}, line {number}: neither NAME==VERSION nor a hash")
    return tuple(pins)


def cyclonedx(pins: Sequence[Pin], name: str, version: str) -> dict[str, Any]:
    """The lock as a CycloneDX document. Equal locks give equal documents."""
    serial = uuid.uuid5(uuid.NAMESPACE_URL, " ".join(pin.purl for pin in pins))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": name,
                "name": name,
                "version": version,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": [_component(pin) for pin in pins],
        "dependencies": [{"ref": name, "dependsOn": [pin.purl for pin in pins]}],
    }


def _component(pin: Pin) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": pin.purl,
        "name": pin.name,
        "version": pin.version,
        "purl": pin.purl,
        # of the files that may be installed: one a platform, so they are not the component's hash
        "properties": [
            {"name": "clipbench:file:sha256", "value": value} for value in sorted(pin.hashes)
        ],
    }
    if licence := _licence(pin.name):
        component["licenses"] = [{"license": {"name": licence}}]
    return component


def _licence(name: str) -> str:
    try:
        about = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return ""
    stated = str((about.get_all("License-Expression") or about.get_all("License") or [""])[0])
    if stated and len(stated) < 100 and "\n" not in stated:
        return stated
    classifiers = about.get_all("Classifier") or []
    licences = [text.split(" :: ")[-1] for text in classifiers if text.startswith("License :: ")]
    return " or ".join(licences)
