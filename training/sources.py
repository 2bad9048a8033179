"""Obtains the source packages by name, through apt and npm, and verifies each file's SHA-256."""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

CACHE = Path.home() / ".cache" / "clipbench" / "training"


class SourceError(Exception):
    """A package cannot be obtained, or is not the pinned one: check the network, or the pin."""


@dataclass(frozen=True)
class Package:
    """One pinned package: `kind` is `deb` or `npm`."""

    kind: str
    name: str
    version: str
    licence: str
    sha256: str

    @property
    def file_name(self) -> str:
        """Name of the file that apt or npm writes, without the characters that apt escapes."""
        if self.kind == "deb":
            return f"{self.name}_{self.version}_all.deb"
        return f"{self.name.lstrip('@').replace('/', '-')}-{self.version}.tgz"


FASHION_MNIST = Package(
    "deb",
    "dataset-fashion-mnist",
    "0.0~git20200523.55506a9-1",
    "MIT",
    "39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
)
CLDR = Package(
    "npm",
    "emojibase-data",
    "17.0.0",
    "MIT, Unicode-3.0",
    "d01d0e2ca4e22cb402679532155342c71e2e871f25c32223c013b8b166ebdf5a",
)
NOTO = Package(
    "npm",
    "emoji-datasource-google",
    "16.0.0",
    "Apache-2.0",
    "fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
)
TWEMOJI = Package(
    "npm",
    "emoji-datasource-twitter",
    "16.0.0",
    "CC-BY-4.0",
    "f64a530c63bca463bd8317fdc4615ce63a53a0c65018e4ce2d848aaba7a28877",
)
FLUENT = Package(
    "npm",
    "@iconify-json/fluent-emoji",
    "1.2.7",
    "MIT",
    "8044210dbf11e016d4de85f15d01a243423bd832457e7e2491df1b751c0e272b",
)
FLUENT_FLAT = Package(
    "npm",
    "@iconify-json/fluent-emoji-flat",
    "1.2.6",
    "MIT",
    "7d064769dee690815f823bc5bcc511d957198caf9f5edd8dd9c1aa48a6aeb175",
)
FXEMOJI = Package(
    "npm",
    "@iconify-json/fxemoji",
    "1.2.2",
    "Apache-2.0",
    "f3e72b3c59d05e1db03b7e308d55c0d05bd7ba3f625a90da1b79313c12858eef",
)


def obtain(package: Package, cache: Path = CACHE) -> Path:
    """The folder of the unpacked `package`, downloaded and verified when it is not there yet."""
    folder = cache / package.file_name.rsplit(".", 1)[0]
    if folder.is_dir():
        return folder
    archive = cache / package.file_name
    if not archive.is_file():
        _download(package, cache)
    verify(archive, package.sha256)
    partial = folder.with_name(folder.name + ".partial")
    partial.mkdir(parents=True, exist_ok=True)
    if package.kind == "deb":
        _run(["dpkg-deb", "-x", str(archive), str(partial)], cache)
    else:
        with tarfile.open(archive) as tar:
            tar.extractall(partial, filter="data")
    partial.rename(folder)
    return folder


def verify(archive: Path, sha256: str) -> None:
    """Raises `SourceError` unless the file's SHA-256 is the pinned one."""
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise SourceError(f"{archive.name}: SHA-256 is {found}, pinned is {sha256}")


def _download(package: Package, cache: Path) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    if package.kind == "deb":
        _run(["apt-get", "download", f"{package.name}={package.version}"], cache)
    else:
        _run(["npm", "pack", "--silent", f"{package.name}@{package.version}"], cache)
    if not (cache / package.file_name).is_file():
        raise SourceError(f"{package.name}: the download did not write {package.file_name}")


def _run(command: list[str], folder: Path) -> None:
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise SourceError(f"{command[0]} is not installed") from error
    except subprocess.CalledProcessError as error:
        raise SourceError(f"{' '.join(command)}: {error.stderr.strip()[-500:]}") from error
