"""What the pages show: their blocks of code, and every command in them."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
PROGRAMS = ("clipbench", "make", "docker", "python", "python3.11")
SHELL = ("source", "mkdir", "cp", "cd", "git", "export", "curl", "chmod", "chown", "openssl", "cat")
SHELL += ("echo", "kubectl", "nvidia-smi")
_FENCE = re.compile(r"^ *```(\w*)[^\n]*\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"(?<!`)`((?:\w+=\S+ )*(?:clipbench|make|docker|python) [^`\n]+)`(?!`)")
_OPERATOR = re.compile(r"[();<>|&]+")


@dataclass(frozen=True)
class Command:
    """One command. `whole`: it stands in a block, so that it can be typed as it is."""

    page: str
    text: str
    arguments: tuple[str, ...]
    whole: bool

    def __str__(self) -> str:
        return " ".join(self.arguments)


def blocks(page: Path, *languages: str) -> list[str]:
    """The fenced blocks of a page in these languages, in order."""
    return [code for name, code in _FENCE.findall(page.read_text("utf-8")) if name in languages]


def commands() -> list[Command]:
    """Every command of every page, once."""
    found: dict[tuple[str, ...], Command] = {}
    for page in PAGES:
        text = page.read_text("utf-8")
        for language, code in _FENCE.findall(text):
            if language in ("", "bash", "sh", "console", "shell"):
                for command in _block(page.name, language, code):
                    found.setdefault(command.arguments, command)
        for line in _INLINE.findall(_FENCE.sub("", text)):
            for arguments in split(line):
                command = Command(page.name, line, arguments, whole=False)
                found.setdefault(arguments, command)
    return list(found.values())


def split(line: str) -> list[tuple[str, ...]]:
    """The commands of a line of the shell, without settings of variables and redirections."""
    lexer = shlex.shlex(re.sub(r"\$\([^)]*\)", "X", line), posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split, lexer.commenters = True, "#"
    made: list[list[str]] = [[]]
    redirected = False
    for token in lexer:
        if _OPERATOR.fullmatch(token):
            redirected = "<" in token or ">" in token
            if not redirected:
                made.append([])
        elif redirected:
            redirected = False
        elif made[-1] or not re.match(r"\w+=", token):
            made[-1].append(token)
    return [tuple(arguments) for arguments in made if arguments]


def _block(page: str, language: str, code: str) -> list[Command]:
    found = []
    prompts = re.search(r"^ *\$ ", code, re.MULTILINE)
    for line in code.replace("\\\n", " ").splitlines():
        line = line.strip()
        if prompts and not line.startswith("$ "):
            continue  # what the command prints
        line = line.removeprefix("$ ")
        if language != "bash" and not re.match(rf"(\w+=\S+ )*({'|'.join(PROGRAMS)}) ", line):
            continue
        for arguments in split(line):
            name = Path(arguments[0]).name
            assert name in (*PROGRAMS, *SHELL), f"{page}: no test knows the command {line!r}"
            if name in PROGRAMS:
                found.append(Command(page, line, (name, *arguments[1:]), whole=True))
    return found
