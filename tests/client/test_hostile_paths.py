"""Every command, given every kind of path that it cannot use: one message, no traceback."""

from __future__ import annotations

import os
import sys

import pytest
from typer.testing import CliRunner

from tests.docs.parsing import application, leaves

# one line a command that takes a path or a name; PATH stands for what is wrong
COMMANDS = {
    "demo": ["demo --out PATH"],
    "serve": ["serve --flow PATH"],
    "config": [],
    "run": [
        "run --data PATH",
        "run --data emoji --out PATH",
        "run --data emoji --token-file PATH",
        "run --data fashion_mnist --languages all --names PATH",
        "run --data emoji --server grpcs://127.0.0.1:1 --certificate PATH",
        "run --data emoji --server PATH",
        "run --data emoji --models PATH --server grpc://127.0.0.1:1",
    ],
    "hnsw": ["hnsw --data PATH", "hnsw --server PATH", "hnsw --token-file PATH"],
    "stats": ["stats --out PATH"],
    "report": ["report --results PATH", "report --results EMPTY --format html --out PATH"],
    "recommend": ["recommend --results PATH", "recommend --like PATH", "recommend --scale PATH"],
    "compare": ["compare PATH PATH", "compare GOOD PATH", "compare GOOD GOOD --metric PATH"],
    "explain": ["explain PATH"],
    "view": ["view --results PATH"],
    "plot": ["plot a.png --results PATH", "plot PATH", "plot a.png --quality PATH"],
    "import": ["import PATH", "import GOOD --out PATH"],
    "audit": ["audit PATH"],
    "figures pull": ["figures pull openclip --from PATH"],
    "figures import": ["figures import PATH"],
    "models list": [],
    "models info": ["models info PATH"],
    "models pull": ["models pull PATH", "models pull ViT-B-32::openai --offline --weights PATH"],
    "models verify": ["models verify PATH", "models verify ViT-B-32::openai --weights PATH"],
    "datasets list": [],
    "datasets info": ["datasets info PATH"],
    "datasets pull": ["datasets pull PATH", "datasets pull vtab/pets --base PATH --root EMPTY"],
    "datasets verify": ["datasets verify PATH", "datasets verify vtab/pets --root PATH"],
    "datasets convert": ["datasets convert PATH EMPTY", "datasets convert emoji PATH"],
    "jobs list": ["jobs list --token-file PATH", "jobs list --server PATH"],
    "jobs delete": ["jobs delete retrieval PATH"],
    "export clip-benchmark": [
        "export clip-benchmark a.csv --results PATH",
        "export clip-benchmark PATH --results GOODS",
    ],
    "export kubernetes": ["export kubernetes PATH", "export kubernetes out --flow PATH"],
    "export schema": ["export schema PATH"],
    "export sbom": ["export sbom PATH", "export sbom a.json --lock PATH"],
}
NAMES = ["folder", "damaged [x].result.json", "missing [/old]", "file", "file/below", "l" * 300,
         "deep.result.json", "damaged.csv", "\udcff", "http://127.0.0.1:1/[/x]"]  # fmt: skip
SLOW = ("audit", "plot", "export", "convert emoji", "verify vtab", "html")  # the first three names
LINES = [line for lines in COMMANDS.values() for line in lines]


@pytest.fixture
def place(tmp_path):
    """A folder with one of each."""
    made = tmp_path / "hostile"
    made.mkdir()
    (made / "folder").mkdir()
    (made / "empty").mkdir()
    (made / "file").write_text("a line\n")
    (made / "damaged [x].result.json").write_bytes(b"\xff\xfe\0PK\x03\x04")
    (made / "deep.result.json").write_text("[" * 100_000)
    (made / "damaged.csv").write_bytes(b'\0a,"b\n\0')
    return made


@pytest.fixture
def clipbench(place, monkeypatch):
    """Runs a command in the folder, where no server is."""
    for name in [name for name in os.environ if name.startswith("CLIPBENCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CLIPBENCH_SERVER", "grpc://127.0.0.1:1")
    monkeypatch.setenv("CLIPBENCH_RETRY_SECONDS", "0")
    monkeypatch.setenv("CLIPBENCH_DATA", str(place / "data"))
    monkeypatch.setenv("CLIPBENCH_OFFLINE", "true")
    monkeypatch.chdir(place)
    return run


def run(words):
    """The exit code and all output of the command, which is made once: it takes a second."""
    with CliRunner(charset="utf-8").isolation() as (_, _, output):
        try:
            application().main(list(words), prog_name="clipbench")
        except SystemExit as end:
            code = end.code
        sys.stdout.flush()
        shown = output.getvalue().decode()
    assert "unexpected:" not in shown, shown  # the title of our own faults
    assert "Traceback" not in shown
    return code, shown


def test_every_command_is_here():
    assert {" ".join(path) for path, _ in leaves()} == set(COMMANDS)


@pytest.mark.parametrize("line", LINES)
def test_a_path_that_cannot_be_used_is_one_message(line, clipbench, place, monkeypatch):
    nothing_is_started(monkeypatch)
    for name in NAMES[:3] if any(word in line for word in SLOW) else NAMES:
        words = [name if word == "PATH" else word for word in line.split()]
        words = [str(place / "empty") if word == "EMPTY" else word for word in words]
        words = [str(place / "file") if word == "GOOD" else word for word in words]
        words = [str(place / "folder") if word == "GOODS" else word for word in words]
        clipbench(words)


def nothing_is_started(monkeypatch):
    """A command that gets as far as a server has found nothing wrong: it ends there."""

    def started(*_args, **_kwargs):
        raise SystemExit(0)

    monkeypatch.setattr("clipbench.client.serving.Server.__enter__", started)
    monkeypatch.setattr("clipbench.report.view.ViewServer.serve_forever", started)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["datasets", "verify", "no [raw] folder"], "no [raw] folder"),
        (["datasets", "verify", "set [/old]"], "set [/old]"),
        (["models", "info", "[/x]"], "[/x]"),
        (["explain", "a [bold]b[/bold].json"], "a [bold]b[/bold].json"),
        (["explain", ":heart:.json"], ":heart:.json"),
        (["explain", "a\x1b[31mb.json"], "a\\x1b[31mb.json"),
        (["explain", "a\udcff.json"], "a\\xff.json"),
        (["run", "--data", "emoji", "--out", "file"], "file: a file is in the way of a folder"),
        (["run", "--data", "emoji", "--out", "/proc/res"], "/proc/res"),
        (["run", "--data", "emoji", "--token-file", "nofile"], "token file nofile: there is no"),
        (["jobs", "list", "--token-file", "folder"], "token file folder: it is a folder"),
        (["report", "--results", "[x]"], "[x]"),
        (["run", "--data", "emoji", "--server", "grpc://h:99999"], "grpc://HOST:PORT"),
    ],
)
def test_names_are_printed_as_they_are(words, shown, clipbench):
    code, output = clipbench(words)
    assert code == 1
    assert shown in output
