"""The peers' environments, as their users get them: `python -m benchmarks.environments`.

They lie in `.bench/` at the root of the repository and share PyTorch with the environment that
runs this (5 GB that a copy would not make different). Everything else is what their own
requirements resolve to on Python 3.11, as locked in `peers/`: clip-server 0.8.3 has jina 3.27,
grpcio 1.57 without wheels for a newer Python, and protobuf 3.20, which is pure Python there;
infinity-emb has numpy 1.26 and transformers 4.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".bench"
ARCHITECTURE = "ViT-B-32"  # of every comparison with a peer
LOCKS = Path(__file__).parent / "peers"
PYTHON = (3, 11)  # of the locks


def stock() -> Path:
    """The Python of stock clip-server and clip-client 0.8.3, made when it is missing."""
    return _python("stock")


def infinity() -> Path:
    """The Python of infinity-emb, made when it is missing."""
    return _python("infinity")


def _python(peer: str) -> Path:
    """Of an environment that is named after its lock, so that it is made anew when that changes."""
    lock = LOCKS / f"{peer}.lock"
    target = FOLDER / f"{peer}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    python = target / "bin" / "python"
    if list(target.glob("lib/*/site-packages/zz_shared.pth")):
        return python
    if sys.version_info[:2] != PYTHON:
        sys.exit("the peers' locks are for Python 3.11: make bench PYTHON=3.11 VENV=.venv-3.11")
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / ".gitignore").write_text("*\n")
    subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", target], check=True)
    pip = (sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check")
    subprocess.run(
        [*pip, "install", "--quiet", "--no-deps", "--require-hashes", "-r", lock], check=True
    )
    (site,) = target.glob("lib/*/site-packages")
    # read after the environment's own packages, so that those come first; written last
    (site / "zz_shared.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return python


if __name__ == "__main__":
    print(stock())
    print(infinity())
