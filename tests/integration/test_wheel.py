"""A wheel built from the tree carries the weights and templates, and designs molecules from another folder."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    pytest.importorskip("build")
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl"))


def test_the_wheel_is_complete_and_small(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for part in ("model.safetensors", "config.json", "vocabulary.json", "README.md"):
        for model in ("zinc250k", "zinc250k-flow", "zinc250k-small"):
            assert f"molvae/weights/{model}/{part}" in names
    for name in ("zinc250k/known.npy", "zinc250k-graph/clusters.json", "zinc250k-smiles/model.safetensors"):
        assert f"molvae/weights/{name}" in names
    assert any(name.endswith(".html.j2") for name in names)
    assert not any(name.startswith(("tests/", "runs/", "data/")) for name in names)
    assert wheel.stat().st_size < 60e6


def test_an_installed_wheel_designs_molecules(wheel, tmp_path):
    """Installed on top of this environment's packages, so that no network is needed, but away from this tree."""
    venv.create(tmp_path / "env", with_pip=True, system_site_packages=False)
    python = tmp_path / "env" / "bin" / "python"
    site = next((tmp_path / "env" / "lib").glob("python*/site-packages"))
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", wheel], check=True)
    here = next(Path(path) for path in sys.path if path.endswith("site-packages"))
    # appended after the installed wheel: this environment's editable molvae is not seen, its dependencies are
    (site / "dependencies.pth").write_text(f"{here}\n")
    program = "import molvae; print(molvae.__file__)"
    where = subprocess.run([python, "-I", "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert str(tmp_path) in where.stdout
    command = [tmp_path / "env" / "bin" / "molvae", "design", "--budget", "15", "--start-size", "10", "-o", "run", "-q"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "report.html").exists()
