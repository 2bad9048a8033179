"""A bill of materials from the lock, CycloneDX 1.5 as JSON, and an audit without a network.

The lock is the truth: every package of the service with its version and the SHA-256 of each file
that may be installed. Licences are read from the packages that are installed, where they are.
"""

from __future__ import annotations

import re
import tomllib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from clipbench.errors import DataError

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


@dataclass(frozen=True)
class Advisory:
    """A weakness that was known when the table was last read by a person."""

    package: str
    affected: str
    id: str
    summary: str
    why_not_affected: str = ""


def read_lock(path: Path) -> tuple[Pin, ...]:
    """Raises DataError for a line that is not a package with a version and hashes."""
    pins: list[Pin] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if found := _HASH.match(line):
            last = pins.pop()
            pins.append(Pin(last.name, last.version, (*last.hashes, found[1])))
        elif found := _PIN.fullmatch(line):
            pins.append(Pin(found[1], found[2], ()))
        else:
            raise DataError(f"{path.name}, line {number}: neither NAME==VERSION nor a hash")
    return tuple(pins)


def advisories() -> tuple[Advisory, ...]:
    """The table beside this file."""
    text = resources.files("clipbench.export").joinpath("advisories.toml").read_text("utf-8")
    return tuple(Advisory(**entry) for entry in tomllib.loads(text)["advisory"])


def problems(pins: Sequence[Pin], known: Iterable[Advisory]) -> list[str]:
    """What is wrong with a lock: one sentence each."""
    found = [f"{pin.name} has no hash" for pin in pins if not pin.hashes]
    versions: dict[str, Version] = {}
    for pin in pins:
        name = pin.purl.split("@")[0].removeprefix("pkg:pypi/")
        if name in versions:
            found.append(f"{pin.name} is pinned twice")
        versions[name] = Version(pin.version)
    for advisory in known:
        version = versions.get(advisory.package)
        if version is None or advisory.why_not_affected:
            continue
        if version in SpecifierSet(advisory.affected, prereleases=True):
            found.append(f"{advisory.package} {version}: {advisory.id}, {advisory.summary}")
    return found


def differing(pins: Iterable[Pin]) -> list[str]:
    """Packages of the lock that this environment has in another version; the absent are no news."""
    found = []
    for pin in pins:
        try:
            installed = metadata.version(pin.name)
        except metadata.PackageNotFoundError:
            continue
        if Version(installed) != Version(pin.version):
            found.append(f"{pin.name} {installed} is installed, the lock says {pin.version}")
    return found


def bill(pins: Sequence[Pin], name: str, version: str) -> dict[str, Any]:
    """The lock as a CycloneDX document; the same lock gives the same document."""
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
    stated = next((about[key] for key in ("License-Expression", "License") if about[key]), "")
    if stated and len(stated) < 100 and "\n" not in stated:
        return stated
    classifiers = about.get_all("Classifier") or []
    licences = [text.split(" :: ")[-1] for text in classifiers if text.startswith("License :: ")]
    return " or ".join(licences)
