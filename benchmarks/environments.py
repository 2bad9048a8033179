"""The peers' environments, as their users get them: `python -m benchmarks.environments`.

They lie in `.bench/` at the root of the repository and share PyTorch with the environment that
runs this (5 GB that a copy would not make different). Everything else is what their own
requirements resolve to: clip-server 0.8.3 then has protobuf 3.20, which is pure Python on
Python 3.11, and infinity-emb has numpy 1.26 and transformers 4.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".bench"
STOCK = ("protobuf==3.20.3", "googleapis-common-protos==1.56.4")
INFINITY = "infinity-emb[torch,server,optimum]==0.0.78"
_SHARED = ("torch", "torchvision", "nvidia", "triton", "cuda", "sympy", "mpmath", "networkx")


def stock() -> Path:
    """The Python of stock clip-server and clip-client 0.8.3, made when it is missing."""
    python = FOLDER / "stock" / "bin" / "python"
    if not _complete(python):
        _make(python, STOCK)
    return python


def infinity() -> Path:
    """The Python of infinity-emb, made when it is missing."""
    python = FOLDER / "infinity" / "bin" / "python"
    if not _complete(python):
        command = ("uv", "pip", "compile", "--quiet", "--no-annotate", "--no-header", "-")
        resolved = subprocess.run(
            command, input=INFINITY, capture_output=True, text=True, check=True
        ).stdout.split()
        _make(python, [line for line in resolved if not line.startswith(_SHARED)])
    return python


def _complete(python: Path) -> bool:
    return bool(list(python.parent.parent.glob("lib/*/site-packages/zz_shared.pth")))


def _make(python: Path, packages: tuple[str, ...] | list[str]) -> None:
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / ".gitignore").write_text("*\n")
    target = python.parent.parent
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", target], check=True)
    install = ("uv", "pip", "install", "--quiet", "--no-deps", "--python", str(python))
    subprocess.run([*install, *packages], check=True)
    (site,) = target.glob("lib/*/site-packages")
    # read after the environment's own packages, so that those come first; written last
    (site / "zz_shared.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")


if __name__ == "__main__":
    print(stock())
    print(infinity())
