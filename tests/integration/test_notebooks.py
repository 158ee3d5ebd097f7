"""Every notebook runs from top to bottom."""

from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


def test_there_are_notebooks():
    names = [
        "01_design",
        "02_decode_and_validate",
        "03_interpolate",
        "04_image_vae",
        "05_lecture",
        "06_graphs_and_proteins",
    ]
    assert [path.stem for path in NOTEBOOKS] == names


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path, tmp_path):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    notebook = nbformat.read(path, as_version=4)
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert not any(line.startswith("def ") for line in code.splitlines()), "functions belong in the package"
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    said = [output.text for output in outputs if output.get("name") == "stderr"]
    assert [text for text in said if "font cache" not in text] == []  # no warning, no red box
    pages = [output.data.get("text/html", "") for output in outputs if "data" in output]
    if path.stem not in ("04_image_vae", "05_lecture"):
        assert any("<svg" in page and "dataframe" in page for page in pages)  # molecules are drawn in tables
