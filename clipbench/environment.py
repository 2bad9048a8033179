"""The machine, packages and commit of a measurement."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path

import clipbench

# the packages of a server on this Python; the package carries it, so that an installed one has it
SERVER_LOCK = Path(clipbench.__file__).with_name("requirements") / (
    f"py{sys.version_info[0]}.{sys.version_info[1]}/server.lock"
)
WHEEL_COMMIT = Path(clipbench.__file__).with_name("commit.txt")  # written by the wheel's build
PACKAGES = (
    "clipbench",
    "jina",
    "docarray",
    "clip-server",
    "clip-client",
    "open-clip-torch",
    "torch",
    "torchvision",
    "onnxruntime",
    "onnxruntime-gpu",
    "transformers",
    "numpy",
    "pillow",
    "protobuf",
)


@dataclass(frozen=True)
class Environment:
    """One machine and its packages, enough to set up the same again. None: not stated."""

    packages: Mapping[str, str] = field(default_factory=dict)
    python: str | None = None
    platform: str | None = None
    processor: str | None = None
    commit: str | None = None  # of clipbench; `-dirty` where the checkout was changed


@cache
def environment() -> Environment:
    """Of this process."""
    return Environment(
        packages=package_versions(),
        python=platform.python_version(),
        platform=platform.platform(),
        processor=processor_name(),
        commit=commit(),
    )


def commit() -> str | None:
    """The commit of this code: as CLIPBENCH_COMMIT names it (the images have no checkout), of the
    checkout that it lies in, of the one that its wheel was built in, or of the repository that pip
    installed it from."""
    named = os.environ.get("CLIPBENCH_COMMIT", "unknown")
    if named not in ("", "unknown"):
        return named
    return _of_checkout() or _of_wheel() or _of_installation()


def _of_checkout() -> str | None:
    here = Path(__file__).resolve()
    tracked = ["ls-files", "--error-unmatch", here.name]  # not the repository of a user's .venv
    described = ["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        for arguments in (tracked, described):
            done = subprocess.run(
                ["git", "-C", str(here.parent), *arguments],
                capture_output=True,
                text=True,
                check=True,
                timeout=10,
            )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def _of_wheel() -> str | None:
    return WHEEL_COMMIT.read_text("utf-8").strip() if WHEEL_COMMIT.is_file() else None


def _of_installation() -> str | None:
    try:
        text = metadata.distribution("clipbench").read_text("direct_url.json")
        found = json.loads(text or "{}").get("vcs_info", {}).get("commit_id")
    except (metadata.PackageNotFoundError, ValueError):
        return None
    return found if isinstance(found, str) else None


def package_versions(names: Iterable[str] = PACKAGES) -> dict[str, str]:
    """The installed version of each package; one that is absent is left out."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


@cache
def processor_name() -> str:
    """The processor's name as Linux gives it, else what Python knows."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
