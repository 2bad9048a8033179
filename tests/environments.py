"""Packages beside our environment, for the peers that we are compared with.

`python -m tests.environments` installs them all into `.peers/` at the root of the repository. They
share torch and the rest with us, so that only what differs is installed, without dependencies.
Each folder is named after its lock file and the Python: it is made once, and again when the lock
changes.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CLIP_BENCHMARK = ROOT / "requirements/parity.lock"
IR_MEASURES = ROOT / "requirements/judged.lock"
CLIP_SERVER = ROOT / "requirements/stock.lock"
INFINITY = ROOT / "requirements/infinity.lock"
MTEB = ROOT / "requirements/mteb.lock"
TORCHMETRICS = ROOT / "requirements/calibration.lock"


def ready(lock: Path) -> Path:
    """The folder to put on the import path, with what the lock names; installed on first use."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    target = ROOT / ".peers" / f"{lock.stem}-{digest}-{python}"
    if target.is_dir():
        return target
    target.parent.mkdir(exist_ok=True)
    (target.parent / ".gitignore").write_text("*\n")
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        made = Path(scratch) / "packages"
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
                *("--no-deps", "--require-hashes", "--target", str(made), "-r", str(lock)),
            ],
            check=True,
        )
        if not target.is_dir():  # two test processes may install at once: the first one stays
            shutil.move(made, target)
    return target


if __name__ == "__main__":
    for each in (CLIP_BENCHMARK, CLIP_SERVER, INFINITY, IR_MEASURES, MTEB, TORCHMETRICS):
        print(ready(each))
