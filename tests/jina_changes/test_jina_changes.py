"""Jina's insides are changed in one room, for one version, by entry points only."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from clipbench.errors import Unsupported
from clipbench.jina_changes import READ_IN, check_version
from tests.flow.flow_server import ROOT

ROOM = "clipbench/jina_changes/"
# what Jina documents for others to subclass
PUBLIC_BASES = {"Executor", "CompositeGateway"}
ENTRY_POINTS = {
    "client/serving.py",
    "deploy/container/start.py",
    "executors/gateway/gateway.py",
    "executors/gateway/guard.py",
    "executors/encoder/executor.py",
}
# the attributes of Jina's objects that changes have needed
PRIVATE = {
    "_connection_pool",
    "_deployment_nodes",
    "_pods",
    "_request_handler",
    "_result_handler",
    "_streamer",
    "_all_endpoints",
    "_endpoints_proto",
    "_get_all_endpoints",
    "grpc_tracing_server_interceptors",
    "uvicorn_kwargs",
    "gateway_pod",
}


def sources() -> list[str]:
    """Every file of the product, by its path in the repository."""
    folders = ("clipbench", "client", "executors", "deploy", "benchmarks")
    paths = (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))
    return [str(path.relative_to(ROOT)) for path in paths]


class Reading:
    """What one file takes of Jina."""

    def __init__(self, text: str) -> None:
        self.tree = ast.parse(text)
        self.names: set[str] = set()  # bound by an import of Jina's
        self.modules: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom):
                module, names = node.module or "", node.names
                self.modules |= {module} | {f"{module}.{name.name}" for name in names}
                if self._is_jina(module):
                    self.names |= {name.asname or name.name for name in names}
            elif isinstance(node, ast.Import):
                self.modules |= {name.name for name in node.names}
                self.names |= {
                    name.asname or name.name.split(".")[0]
                    for name in node.names
                    if self._is_jina(name.name)
                }

    @staticmethod
    def _is_jina(module: str) -> bool:
        return module.split(".")[0] in ("jina", "jina_cli")

    @property
    def takes_jina(self) -> bool:
        return any(map(self._is_jina, self.modules))

    def changes(self) -> list[str]:
        """Each place that patches or subclasses what is not for others to change."""
        found = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ClassDef):
                bases = {ast.unparse(base) for base in node.bases}
                found += sorted(f"subclass of {b}" for b in bases & self.names - PUBLIC_BASES)
            elif isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    if isinstance(target, ast.Attribute) and self._of_jina(target):
                        found.append(f"assignment to {ast.unparse(target)}")
                    elif isinstance(target, ast.Attribute) and target.attr == "__class__":
                        found.append(f"another class for {ast.unparse(target.value)}")
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "setattr":
                if self._of_jina(node.args[0]):
                    found.append(f"setattr of {ast.unparse(node.args[0])}")
            elif isinstance(node, ast.Attribute) and node.attr in PRIVATE:
                found.append(f"use of {ast.unparse(node)}")
        return found

    def _of_jina(self, node: ast.AST) -> bool:
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and node.id in self.names


# the gateway's own server is Jina's class, which it subclasses as Jina documents it
ALLOWED = {"executors/gateway/gateway.py": ["use of self._request_handler"]}


def test_no_other_file_changes_jina():
    found = {path: Reading((ROOT / path).read_text()).changes() for path in sources()}
    assert {p: c for p, c in found.items() if c and not p.startswith(ROOM)} == ALLOWED


@pytest.mark.parametrize(
    "change",
    [
        "from jina.serve import stream\nstream.AsyncRequestsIterator = None",
        "from jina.serve.stream.helper import AsyncRequestsIterator as A\nclass B(A): pass",
        "import jina.helper\njina.helper.is_port_free = None",
        "from jina import Flow\nsetattr(Flow, 'start', None)",
        "from jina.x import Server\nServer.shutdown = None",
        "server.__class__ = Guarded",
        "streamer._streamer.process_single_data = None",
        "flow._deployment_nodes.items()",
    ],
)
def test_a_change_in_another_file_would_be_seen(change):
    assert Reading(change).changes()


def test_clipbench_imports_jina_in_this_room_alone():
    taking = {
        path
        for path in sources()
        if path.startswith("clipbench/") and Reading((ROOT / path).read_text()).takes_jina
    }
    assert {path for path in taking if not path.startswith(ROOM)} == set()
    assert taking


def test_entry_points_alone_apply_the_changes():
    applying = {
        path
        for path in sources()
        if not path.startswith(ROOM)
        and any(
            m.startswith("clipbench.jina_changes")
            for m in Reading((ROOT / path).read_text()).modules
        )
    }
    assert applying == ENTRY_POINTS


def test_every_change_checks_the_version_first():
    for path in sorted((ROOT / ROOM).glob("*.py")):
        for node in ast.parse(Path(path).read_text()).body:
            public = isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
            if public and node.name != "check_version":
                assert ast.get_docstring(node), node.name
                assert "check_version()" in ast.unparse(node), node.name


def test_another_version_of_jina_is_refused_loudly():
    check_version()
    check_version(READ_IN)
    with pytest.raises(Unsupported, match=r"jina 3\.34\.0, and 3\.35\.1 is installed"):
        check_version("3.35.1")
