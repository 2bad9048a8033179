"""Every command of the README and of the pages works, or is at least understood.

The table says which are run for real, against a server, in a folder of a newcomer's pictures. The
others are only parsed, each for the reason that stands beside it. A command that no row begins is
an error.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess

import pytest
import yaml
from typer.testing import CliRunner

from clipbench.client import main
from tests.docs import pages
from tests.docs.parsing import leaves, parse

RUN = None
WEIGHTS = "published weights are not here"
NETWORK = "needs a network"
STAYS = "runs until it is stopped; the fixture is such a server"
OWN_SERVER = "starts a server of its own; run by tests/client or `make demo`"
MEASURES = "measures speed for seconds; a small one is run by tests/client"
ELSEWHERE = "another machine, or files that are not here"

# the longest row that a command begins with decides
TABLE = {
    "clipbench run": RUN,
    "clipbench run --models ViT-B-32::openai": WEIGHTS,
    "clipbench run --models ViT-B-32::openai,ViT-B-32::laion2b-s34b-b79k": WEIGHTS,
    "clipbench run --data ./my-images --models all-small": WEIGHTS,
    "clipbench run --models ViT-B-32::openai,M-CLIP/LABSE-Vit-L-14": WEIGHTS,
    "clipbench run --data ./xm3600": ELSEWHERE,
    "clipbench jobs list": RUN,
    "clipbench jobs delete": ELSEWHERE,
    "clipbench report": RUN,
    "clipbench recommend": RUN,
    "clipbench recommend --licence commercial": ELSEWHERE,
    "clipbench recommend --languages": ELSEWHERE,
    "clipbench compare": RUN,
    "clipbench explain": RUN,
    "clipbench plot": RUN,
    "clipbench import": RUN,
    "clipbench hnsw": MEASURES,
    "clipbench figures pull": NETWORK,
    "clipbench figures import": ELSEWHERE,
    "clipbench export": RUN,
    "clipbench audit": NETWORK,
    "clipbench config": RUN,
    "clipbench models": RUN,
    "clipbench models pull": WEIGHTS,
    "clipbench models verify": WEIGHTS,
    "clipbench models verify ViT-mini-16-64::embedded": RUN,
    "clipbench datasets": RUN,
    "clipbench datasets pull": NETWORK,
    "clipbench datasets convert ./flickr8k": ELSEWHERE,
    "clipbench datasets convert ./xm3600": ELSEWHERE,
    "clipbench serve": STAYS,
    "clipbench view": STAYS,
    "clipbench demo": OWN_SERVER,
    "clipbench stats": OWN_SERVER,
    "clipbench --show-completion": RUN,
}
# what a page shows failing: the status, and what is said
FAILING = {"clipbench models info ViT-B-23::openai": (1, "did you mean ViT-B-32::openai")}
COMPOSE = {"up", "ps", "stop", "down", "build", "run", "logs", "exec", "pull", "config", "restart"}

COMMANDS = pages.commands()
TYPED = [command for command in COMMANDS if command.whole]
CLIPBENCH = [command for command in TYPED if command.arguments[0] == "clipbench"]


def row(command):
    """The row of the table that the command begins with."""
    words = list(command.arguments)
    begins = [row for row in TABLE if row.split() == words[: len(row.split())]]
    assert begins, f"{command.page}: say in TABLE how `{command}` is tested"
    return max(begins, key=len)


def is_run(command):
    elsewhere = any("HOST" in word or "example" in word for word in command.arguments)
    return not elsewhere and TABLE[row(command)] is RUN


@pytest.mark.parametrize("command", filter(is_run, CLIPBENCH), ids=str)
def test_a_command_of_the_pages_runs(command, inside, measured, documented_server, monkeypatch):
    # the shell that a person types in; a test may have none among its parents
    monkeypatch.setattr("shellingham.detect_shell", lambda *_: ("bash", "/bin/bash"))
    address = documented_server.address
    words = [
        word.replace("grpc://127.0.0.1:51000", address).replace(
            "http://127.0.0.1:51001", documented_server.http
        )
        for word in command.arguments[1:]
    ]
    status, said = FAILING.get(str(command), (0, ""))
    outcome = CliRunner().invoke(main.build(), words, prog_name="clipbench")
    assert outcome.exit_code == status, f"{outcome.output}{outcome.exception!r}"
    assert said in " ".join(outcome.output.split())


@pytest.mark.parametrize("command", [c for c in CLIPBENCH if not is_run(c)], ids=str)
def test_a_command_that_cannot_run_here_is_understood(command, monkeypatch):
    parse(command.arguments[1:], monkeypatch)


@pytest.mark.parametrize("command", [c for c in COMMANDS if not c.whole], ids=str)
def test_a_command_in_running_text_is_understood(command, monkeypatch):
    understand(command, monkeypatch, partial=True)


@pytest.mark.parametrize(
    "command", [c for c in TYPED if c.arguments[0] != "clipbench"], ids=str
)  # fmt: skip
def test_make_docker_and_python_are_asked_for_what_exists(command, monkeypatch):
    understand(command, monkeypatch)


def test_every_command_is_in_the_table():
    for path, _ in leaves():
        assert any(name.split() == ["clipbench", *path][: len(name.split())] for name in TABLE), (
            path
        )


def understand(command, monkeypatch, *, partial=False):
    program, *words = command.arguments
    match program:
        case "clipbench":
            parse(words, monkeypatch, partial=partial)
        case "make":
            asked = subprocess.run(["make", "--dry-run", *words], cwd=pages.ROOT, env=make_env(),
                                   capture_output=True, text=True)  # fmt: skip
            assert asked.returncode == 0, asked.stderr
        case "docker":
            compose(words, monkeypatch)
        case _:
            if words[0] == "-m":
                assert importlib.util.find_spec(words[1]), words[1]
            elif words[0] != "-c":
                assert (pages.ROOT / words[0]).is_file(), words[0]


def make_env():
    return {
        name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS")
    }


def compose(words, monkeypatch):
    """`docker compose` with a service that is there; what the client is told is parsed."""
    if words[0] != "compose":
        assert words[0] in {"run", "build", "pull", "save", "load", "volume", "image"}, words
        return
    words = [word for word in words[1:] if word not in ("--file", "-f")]
    words = [word for word in words if not word.endswith((".yml", ".yaml"))]
    assert words[0] in COMPOSE, words
    services = yaml.safe_load((pages.ROOT / "docker-compose.yml").read_text())["services"]
    if words[0] in ("run", "exec"):
        at = next((i for i, word in enumerate(words) if word in services), None)
        assert at is not None, f"no service in {words}"
        if words[at] == "client":
            parse(words[at + 1 :], monkeypatch)
