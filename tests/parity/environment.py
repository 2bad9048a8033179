"""Puts clip_benchmark beside our environment: `python tests/parity/environment.py`.

It shares torch, open_clip and scikit-learn with us, so only itself and its shard reader are
installed, without their dependencies, into `.parity/` at the root of the repository. The folder
is named after the lock file: it is made once, and again when the lock changes.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements/parity.lock"


def folder() -> Path:
    """Where the packages of the present lock belong, installed or not."""
    return ROOT / ".parity" / hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]


def ready() -> Path:
    """The folder to put on the import path, installed first when it is missing."""
    target = folder()
    if target.is_dir():
        return target
    target.parent.mkdir(exist_ok=True)
    (target.parent / ".gitignore").write_text("*\n")
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        made = Path(scratch) / "packages"
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
                *("--no-deps", "--require-hashes", "--target", str(made), "-r", str(LOCK)),
            ],
            check=True,
        )
        if not target.is_dir():  # two test processes may install at once: the first one stays
            shutil.move(made, target)
    return target


if __name__ == "__main__":
    print(ready())
