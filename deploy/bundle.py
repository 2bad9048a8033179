"""One archive of the project and its wheels, for a machine that has only Python and PyTorch.

    python deploy/bundle.py [--have FILE] [--parts 12M] [--out FOLDER]

Run by the Python of the target's version; `make bundle PYTHON_VERSION=3.12` does that. The wheels
are the lock's, with its hashes, without PyTorch, CUDA and ONNX Runtime, and without what the target
has in the same version: FILE is the output of its `pip freeze`. The project's tree is in it for
`python -m benchmarks.gpu`, with open_clip 2.8.2 for stock clip-server beside it.
"""

from __future__ import annotations

import argparse
import codecs
import hashlib
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = re.compile(
    r"torch|torchvision|triton|nvidia-[a-z0-9-]+-cu\d+|cuda-[a-z-]+|onnx|onnxruntime-gpu|flatbuffers"
)
TABLE = "clipbench/networks/open_clip.json"
COMMIT = "clipbench/commit.txt"
STOCK = ("open-clip-torch", "vendor/open_clip-2.8.2")
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
INSTALL = """#!/usr/bin/env bash
# Makes .venv here from the wheels, beside the packages that this machine's Python has. No network.
set -euo pipefail
python="${PYTHON:-python3}"
version="$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
refuse() { echo "$python $1: PYTHON=/path/to/python@VERSION $0 takes another" >&2; exit 1; }
[ "$version" = @VERSION ] || refuse "is Python $version and these wheels are for @VERSION"
"$python" -c 'import torch' 2> /dev/null || refuse "has no PyTorch, which is not in here"
python="$("$python" -c 'import sys; print(sys.executable)')"
cd "$(dirname "$0")"
"$python" -m venv --clear --system-site-packages .venv
# where that Python is an environment's own, its packages are not among the system's
"$python" -c 'import site; print(*site.getsitepackages(), sep="\\n")' \\
  > .venv/lib/python@VERSION/site-packages/beside.pth
.venv/bin/python -m pip install --quiet --no-index --no-deps wheels/*.whl
echo "now: cd project && ../.venv/bin/python -m benchmarks.gpu, or .venv/bin/clipbench serve"
"""


@dataclass(frozen=True)
class Pin:
    """A package of a lock. lines: its entry, hashes included."""

    name: str
    version: str
    lines: str


def pins(lock: str) -> Iterator[Pin]:
    """The packages of a lock, as uv and pip-compile write it."""
    entries = re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE)
    for entry in entries:
        found = re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", entry)
        if found:
            yield Pin(normalised(found[1]), found[2], entry)


def frozen(text: str) -> dict[str, str]:
    """Version by name, of `pip freeze`; of `name @ place` the version is not known and empty."""
    found = {}
    for line in text.splitlines():
        match = re.match(r"\s*([A-Za-z0-9._-]+)\s*(?:==\s*(\S+)|@)", line)
        if match:
            found[normalised(match[1])] = match[2] or ""
    return found


def wanted(lock: str, have: Mapping[str, str]) -> list[Pin]:
    """What the target needs: neither left out nor there in the same version."""
    return [
        pin
        for pin in pins(lock)
        if not LEFT_OUT.fullmatch(pin.name) and have.get(pin.name) != pin.version
    ]


def normalised(name: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def wheels(chosen: list[Pin], folder: Path) -> None:
    """The packages' wheels in the folder; those that are published as source are built."""
    folder.mkdir(parents=True, exist_ok=True)
    if not chosen:
        return
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.write("".join(pin.lines for pin in chosen))
        requirements.flush()
        _pip("wheel", "--require-hashes", "--requirement", requirements.name, "--wheel-dir", folder)


def unpacked(pin: Pin, folder: Path) -> None:
    """A wheel's files in the folder, as something to put on a path."""
    with tempfile.TemporaryDirectory() as scratch:
        wheels([pin], Path(scratch))
        (wheel,) = Path(scratch).glob("*.whl")
        with zipfile.ZipFile(wheel) as opened:
            opened.extractall(folder)


def tree(folder: Path) -> None:
    """The files of the commit, which they name as a wheel does."""
    archived, commit = (
        subprocess.run(["git", *command], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
        for command in (("archive", "HEAD"), ("rev-parse", "HEAD"))
    )
    folder.mkdir(parents=True)
    subprocess.run(["tar", "-x", "-C", folder], input=archived, check=True)
    (folder / COMMIT).write_bytes(commit)


def own_wheel(lock: str, folder: Path) -> None:
    """The commit's wheel, with the table of the models of the lock's open_clip."""
    with tempfile.TemporaryDirectory() as scratch:
        source, library = Path(scratch, "source"), Path(scratch, "open_clip")
        tree(source)
        for pin in pins(lock):
            if pin.name == STOCK[0]:
                unpacked(pin, library)
        write = [sys.executable, "-m", "clipbench.networks.open_clip_data", TABLE]
        given = {**os.environ, "PYTHONPATH": str(library)}
        subprocess.run(write, cwd=source, env=given, check=True)
        _pip("wheel", source, "--wheel-dir", folder)


def archive(folder: Path, target: Path) -> Path:
    """The folder as a .tar.gz."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(target, "w:gz", compresslevel=1) as packed:
        packed.add(folder, arcname=target.name.removesuffix(".tar.gz"))
    return target


def parts(path: Path, size: int) -> list[Path]:
    """The file cut into parts of at most `size` bytes beside it, which sort as they follow."""
    count = -(-path.stat().st_size // size)
    digits = max(3, len(str(count - 1)))
    found = []
    with path.open("rb") as whole:
        while piece := whole.read(size):
            found.append(path.with_name(f"{path.name}.part{len(found):0{digits}}"))
            found[-1].write_bytes(piece)
    return found


def check_sums(whole: Path, cut: list[Path]) -> Path:
    """What `sha256sum --check` reads: it tells a part that is damaged or missing by name."""
    target = whole.with_name(f"{whole.name}.sha256")
    digests = ((hashlib.sha256(path.read_bytes()).hexdigest(), path.name) for path in cut)
    target.write_text("".join(f"{digest}  {name}\n" for digest, name in digests))
    return target


def earlier(whole: Path) -> list[Path]:
    """Files of an archive of that name that was made before: `cat` must not meet its parts."""
    return [path for path in whole.parent.glob(f"{whole.name}*") if path.is_file()]


def target_has(freeze: Path | None) -> dict[str, str]:
    """Version by name of the file. Raises SystemExit where it is none of `pip freeze`."""
    if freeze is None:
        return {}
    try:
        content = freeze.read_bytes()
    except OSError as error:
        raise SystemExit(f"{freeze}: {error.strerror}") from None
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # PowerShell's >
    found = frozen(content.decode("utf-16" if utf16 else "utf-8-sig", errors="replace"))
    if not found:
        raise SystemExit(
            f"{freeze} names no package as `pip freeze` does: numpy==2.4.6, one a line"
        )
    return found


def size(text: str) -> int:
    """Bytes of `12M`. Raises ArgumentTypeError for anything else."""
    match = re.fullmatch(r"(\d+)([KMG]?)", text.strip().upper())
    if not match or not int(match[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 12M")
    return int(match[1]) * UNITS[match[2]]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--have", type=Path, help="the target's `pip freeze`")
    parser.add_argument("--parts", type=size, help="largest part, such as 12M")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    chosen = parser.parse_args(arguments)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    lock = (ROOT / "requirements" / f"py{version}" / "server.lock").read_text()
    have = target_has(chosen.have)
    needed = wanted(lock, have)
    print(f"{len(needed)} of the lock's {len(list(pins(lock)))} packages for Python {version}")
    for pin in needed:
        if pin.name in have:
            print(f"  {pin.name}: the target has {have[pin.name] or 'another'}, here {pin.version}")
    stock = (ROOT / "benchmarks/peers/stock.lock").read_text()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        tree(folder / "project")
        for pin in pins(stock):
            if pin.name == STOCK[0]:
                unpacked(pin, folder / "project" / STOCK[1])
        wheels(needed, folder / "wheels")
        own_wheel(lock, folder / "wheels")
        script = folder / "install"
        script.write_text(INSTALL.replace("@VERSION", version))
        script.chmod(0o755)
        whole = chosen.out / f"clipbench-bundle-py{version}.tar.gz"
        for path in earlier(whole):
            path.unlink()
        archive(folder, whole)
    digest = hashlib.sha256(whole.read_bytes()).hexdigest()
    print(f"{whole}: {whole.stat().st_size / 2**20:.0f} MiB, SHA-256 {digest}")
    if chosen.parts:
        cut = parts(whole, chosen.parts)
        sums = check_sums(whole, cut)
        whole.unlink()
        print(f"in {len(cut)} parts: {cut[0].name} to {cut[-1].name}, and {sums.name}")
        print(f"on the target: sha256sum --quiet --check {sums.name} &&")
        print(f"  cat {whole.name}.part* > {whole.name}")
    return 0


def _pip(command: str, *arguments: str | Path) -> None:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", command]
    subprocess.run([*pip, "--no-deps", *map(str, arguments)], check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
