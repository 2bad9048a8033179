"""The Python of the pages runs against a server."""

from __future__ import annotations

import pytest

from tests.docs.pages import PAGES, blocks

# run by tests/docs/test_add.py on the changed tree, and by tests/datasets/test_docs.py
ELSEWHERE = {"add.md", "datasets.md"}
EXAMPLES = [
    pytest.param(code, id=f"{page.name}-{number}")
    for page in PAGES
    if page.name not in ELSEWHERE
    for number, code in enumerate(blocks(page, "python"))
]


@pytest.mark.parametrize("code", EXAMPLES)
def test_the_python_of_the_pages_runs(code, inside, measured, documented_server):
    code = code.replace("grpc://127.0.0.1:51000", documented_server.address)
    code = code.replace("http://127.0.0.1:51001", documented_server.http)
    exec(compile(code, "example", "exec"), {"__name__": "__main__"})
