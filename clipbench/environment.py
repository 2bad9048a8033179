"""What machine and which packages a figure was measured with."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import clipbench

# the packages of a server on this Python; the package carries it, so that an installed one has it
SERVER_LOCK = Path(clipbench.__file__).with_name("requirements") / (
    f"py{sys.version_info[0]}.{sys.version_info[1]}/server.lock"
)
PACKAGES = (
    "clipbench",
    "jina",
    "docarray",
    "clip-server",
    "clip-client",
    "open-clip-torch",
    "torch",
    "torchvision",
    "onnxruntime-gpu",
    "transformers",
    "numpy",
    "pillow",
    "protobuf",
)


def package_versions(names: Iterable[str] = PACKAGES) -> dict[str, str]:
    """The installed version of each package; one that is absent is left out."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def processor_name() -> str:
    """The processor's name as Linux gives it, else what Python knows."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
