"""The tutorial runs from its first cell to its last, and holds no outputs, which would change with the machine."""

import json
from pathlib import Path

import pytest

TUTORIAL = Path(__file__).parents[1] / "docs" / "tutorial.ipynb"


def test_it_holds_no_outputs():
    cells = json.loads(TUTORIAL.read_text(encoding="utf-8"))["cells"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells if cell["cell_type"] == "code")


@pytest.mark.slow
def test_it_runs_in_a_notebook(tmp_path):
    pytest.importorskip("ipykernel", reason="ipykernel is not installed: make notebook")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed: make notebook")
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed: make notebook")
    notebook = nbformat.read(TUTORIAL, as_version=4)
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [set(output.data) for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output]
    assert sum("image/png" in data for data in shown) == 4  # classes, curves, mistakes, confusion matrix
    assert sum("text/html" in data for data in shown) >= 3  # the data set, the run, the table of runs
