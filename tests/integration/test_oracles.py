"""The examples of docs/oracles.md: every file is complete, and every command line is understood, and runs in small."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer.main
from rdkit import Chem

from molvae.chemistry.filters import FilterConfig, Filters
from molvae.chemistry.molecule import Molecule
from molvae.cli import app

TEXT = (Path(__file__).parents[2] / "docs" / "oracles.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```(?:python|toml)\n# (\S+)\n(.*?)```", TEXT, re.S))
COMMANDS = re.findall(r"^(?:molvae|mk_prepare_receptor.py) .*$", TEXT, re.M)
SMALL = ("-m", "zinc250k-small", "--start-size", "8", "--batch", "4", "-q", "-o", "run")


@pytest.fixture
def files(tmp_path, monkeypatch):
    for name, code in FILES.items():
        (tmp_path / name).write_text(code)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    monkeypatch.setenv("MOLVAE_CACHE", str(tmp_path / "cache"))
    return tmp_path


def example(start: str) -> list[str]:
    """The one command of the page that begins so, as words, without the number of calls."""
    (line,) = [line for line in COMMANDS if line.startswith(start)]
    return shlex.split(re.sub(r" --budget \d+", "", line))[1:]


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("molvae ")])
def test_command_line_is_understood(line):
    name, *words = shlex.split(line)[1:]
    typer.main.get_command(app).commands[name].make_context(name, words)


def table_of(done, folder: Path) -> pd.DataFrame:
    assert done.returncode == 0, done.stderr
    return pd.read_csv(folder / "run" / "molecules.csv")


def test_a_function(molvae, files):
    done = molvae(*example("molvae design --oracle my_oracle:amides --budget"), *SMALL, "--budget", "12")
    table = table_of(done, files)
    amides = [Chem.MolFromSmiles(smiles).HasSubstructMatch(Chem.MolFromSmarts("C(=O)N")) for smiles in table["smiles"]]
    np.testing.assert_array_equal(table["amides"] > 0, amides)


def test_a_function_within_a_formula(molvae, files):
    done = molvae(*example("molvae design --oracle my_oracle:amides --objective"), *SMALL, "--budget", "12")
    table = table_of(done, files)
    np.testing.assert_allclose(table["score"], table["amides"] + table["QED"])


def test_a_program(molvae, files):
    table = table_of(molvae(*example('molvae design --oracle "command'), *SMALL, "--budget", "12"), files)
    np.testing.assert_allclose(table["score"], table["rings"] - table["length"] / 40)


def test_docking(molvae, files):
    for package in ("vina", "meeko"):
        pytest.importorskip(package)
    subprocess.run([sys.executable, "peptide.py"], check=True, cwd=files)
    program = Path(sys.executable).with_name("mk_prepare_receptor.py")
    subprocess.run([str(program), *example("mk_prepare")], check=True, cwd=files, capture_output=True)
    (files / "few.smi").write_text("CC(=O)NC\nCCN(C)C\nOc1ccccc1\n")
    (files / "docking.toml").write_text(FILES["docking.toml"].replace("= 8", "= 2"))
    words = [word if word != "20" else "2" for word in example("molvae design --oracle dock")]
    done = molvae(*words, "-i", "few.smi", *SMALL, "--budget", "5", "-n", "1")
    table = table_of(done, files)
    np.testing.assert_allclose(table["score"], -table["affinity"] - 10 * (1 - table["QED"]))
    assert len(table) == 5 and table["confirmed"].notna().sum() == 2
    assert len(list(Chem.SDMolSupplier(str(files / "run" / "poses.sdf")))) == 2
    page = (files / "run" / "report.html").read_text()
    assert "Docked poses" in page and "Confirmed at full fidelity" in page and "protonation state as drawn" in page


@pytest.mark.parametrize(
    "start, settings, strategy",
    [("--lead", {"lead": "celecoxib"}, "latent"), ("--scaffold", {"scaffold": ""}, "genetic")],
)
def test_around_a_lead_and_on_a_scaffold(molvae, files, start, settings, strategy):
    words = example(f"molvae design {start}")
    settings = {name: value or words[words.index(start) + 1] for name, value in settings.items()}
    done = molvae(*words, *SMALL, "--strategy", strategy, "--budget", "24", "--start-size", "12")
    table = table_of(done, files)
    filters = Filters(FilterConfig(**settings))
    assert all(not filters.reasons(Molecule.parse(smiles)[0]) for smiles in table["smiles"])
    assert (table["origin"] == strategy).sum() == 12  # what is scored beyond the start fits too
    share = float(re.search(r"proposals \(([\d.]+) %\)", done.stdout).group(1))
    assert share >= 60  # of some 16 proposals: which they are depends on the processor
    assert "Around what was given" in (files / "run" / "report.html").read_text()


def test_a_laboratory_asks_around_a_lead(molvae, files):
    done = molvae(*example("molvae suggest plate"), "-m", "zinc250k-small", "-o", "plate.csv")
    assert done.returncode == 0, done.stderr
    plate = pd.read_csv(files / "plate.csv")
    assert plate["smiles"][0] == "CC(=O)Nc1ccc(O)cc1" and len(plate) == 5
    plate.assign(score=range(5)).to_csv(files / "measured.csv", index=False)
    assert molvae("tell", "plate", "measured.csv").returncode == 0
    assert molvae("suggest", "plate", "-k", "5", "-o", "next.csv").returncode == 0
    filters = Filters(FilterConfig(lead="CC(=O)Nc1ccc(O)cc1", min_similarity=0.3))
    new = pd.read_csv(files / "next.csv")["smiles"]
    assert len(new) == 5 and not set(new) & set(plate["smiles"])
    assert all(not filters.reasons(Molecule.parse(smiles)[0]) for smiles in new)
