"""The worked notebook runs from top to bottom, and what it says in words is what it finds."""

from __future__ import annotations

import copy

import pytest

from tests.docs.pages import ROOT

nbformat = pytest.importorskip("nbformat", reason="make setup-dev")
pytest.importorskip("ipykernel", reason="make setup-dev")

NOTEBOOK = ROOT / "docs/notebook/choose_a_model.ipynb"


@pytest.fixture(scope="module")
def committed():
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.fixture(scope="module")
def ran(committed, documented_server, tmp_path_factory):
    """The notebook after a run against the server. A cell that raises fails here."""
    from nbclient import NotebookClient

    notebook = copy.deepcopy(committed)
    for cell in notebook.cells:
        cell.pop("outputs", None)
        if cell.cell_type == "code":
            cell.outputs = []
    folder = tmp_path_factory.mktemp("notebook")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CLIPBENCH_SERVER", documented_server.address)
        environment.setenv("PYTHONPATH", str(ROOT))
        environment.setenv("TMPDIR", str(folder))
        NotebookClient(
            notebook, timeout=200, resources={"metadata": {"path": str(folder)}}
        ).execute()
    return notebook


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def text(notebook):
    """Everything that the cells print or show, as plain text."""
    found = []
    for output in (output for cell in code(notebook) for output in cell.outputs):
        found.append(output.get("text") or output.get("data", {}).get("text/plain", ""))
    return "\n".join(found)


def test_the_committed_notebook_holds_the_outputs_of_a_whole_run(committed):
    assert [cell.execution_count for cell in code(committed)] == [
        *range(1, len(code(committed)) + 1)
    ]
    assert not any(o.output_type == "error" for cell in code(committed) for o in cell.outputs)
    assert "/home/" not in str(committed)
    assert "/tmp/" not in str(committed)


def test_a_run_shows_what_the_committed_one_shows(ran, committed):
    kinds = [[output.output_type for output in cell.outputs] for cell in code(ran)]
    assert kinds == [[output.output_type for output in cell.outputs] for cell in code(committed)]


def test_results_show_themselves_as_tables(ran):
    shown = [o.data["text/html"] for cell in code(ran) for o in cell.outputs if "data" in o]
    assert sum("<table" in html for html in shown) == 3
    assert "Zero-shot classification" in shown[0]
    assert "<script" not in shown[0]


def test_it_ends_with_a_model_within_the_budget(ran):
    assert "ViT-B-16-plus-240::laion400m_e32" in text(ran)
    assert "chance 0.10, counted 400, refused 0" in text(ran)
