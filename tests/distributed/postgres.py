"""A PostgreSQL cluster of our own in a temporary folder, from Debian's binaries."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.programs import needed

USER = "postgres"  # the server refuses to run as root


def binaries() -> Path:
    """The folder of `initdb` and `pg_ctl`, the newest version's; skips the test without one."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parts[-2].zfill(3)
    )
    path = os.pathsep.join(map(str, reversed(folders)))
    return Path(needed("initdb", "postgresql", path)).resolve().parent


class Cluster:
    """A running server; every caller gets a database of its own."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self._data = programs, folder / "data"
        # not `subprocess.run(user=…)`, which forks: gRPC in this process may crash in the child
        other = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups")
        self._as = other if os.geteuid() == 0 else ()
        if self._as:
            shutil.chown(folder, USER, USER)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._folder = folder
        self._run("initdb", "--username=clipbench", "--auth=trust", "--encoding=UTF8", "-N")

    def start(self) -> None:
        options = f"-p {self.port} -k {self._folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self._run("pg_ctl", "-w", "-l", str(self._folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def database(self) -> str:
        """The URL of a new, empty database."""
        import psycopg

        name = f"test_{uuid.uuid4().hex}"
        address = f"host=127.0.0.1 port={self.port} user=clipbench dbname=postgres"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return f"postgresql+psycopg://clipbench@127.0.0.1:{self.port}/{name}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as, str(self._programs / program), "-D", str(self._data), *arguments]
        subprocess.run(
            command,
            check=True,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


@contextmanager
def running(programs: Path) -> Iterator[Cluster]:
    """A cluster that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="clipbench-postgres-") as folder:
        cluster = Cluster(programs, Path(folder))
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
