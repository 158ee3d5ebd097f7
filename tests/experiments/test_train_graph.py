"""A recipe trains a graph VAE, and the commands take what it leaves."""

import csv

import pytest

from molvae.chemistry.domain import nci_molecules

RECIPE = """
kind = "train_graph"
data = "molecules.smi"
[train]
batch_size = 16
[train.model]
latent_size = 6
graph_size = 8
encoder_size = 12
dense_size = 16
decoder_size = 16
output_size = 16
[train.fit]
epochs = 2
[train.validation]
molecules = 5
prior_samples = 5
"""


@pytest.fixture
def trained(molvae, tmp_path):
    smiles = [text for text in nci_molecules()["smiles"][:200] if "." not in text and len(text) < 40][:60]
    (tmp_path / "molecules.smi").write_text("\n".join(smiles) + "\n")
    (tmp_path / "graph.toml").write_text(RECIPE)
    done = molvae("train", "graph.toml", "-o", "run", "-n", "1", "-q")
    assert done.returncode == 0, done.stderr
    return tmp_path / "run"


def test_the_commands_take_a_graph_model(molvae, trained, tmp_path):
    assert (trained / "model" / "clusters.json").is_file() and "train_graph" in (trained / "config.json").read_text()
    assert molvae("train", "graph.toml", "-o", "run", "-n", "1", "-q").returncode == 0  # there is nothing left to do
    encoded = molvae("encode", "-i", "molecules.smi", "-m", "run", "-o", "z.csv", "-q")
    assert encoded.returncode == 0, encoded.stderr
    assert molvae("decode", "-i", "z.csv", "-m", "run", "--n-decodings", "2", "-o", "decoded.csv").returncode == 0
    assert molvae("sample", "-k", "7", "-m", "run", "-o", "samples.csv").returncode == 0
    with (tmp_path / "samples.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 7 and all(row["valid"] == "True" for row in rows)
    path = molvae("interpolate", "CCO", "CCCO", "-m", "run", "--steps", "3", "--n-decodings", "2")
    assert path.returncode == 0 and len(path.stdout.splitlines()) == 4
    budget = ("--budget", "14", "--start-size", "8", "--batch", "3")
    searched = molvae("design", "-m", "run", *budget, "-i", "molecules.smi", "-o", "found", "-n", "1", "-q")
    assert searched.returncode == 0, searched.stderr
    assert (tmp_path / "found" / "molecules.csv").is_file()


def test_train_refuses_recipes_of_something_else(molvae, tmp_path):
    (tmp_path / "design.toml").write_text('kind = "design"\n')
    done = molvae("train", "design.toml")
    assert done.returncode == 1 and "not of a training: molvae run design.toml" in done.stderr
    (tmp_path / "graph.toml").write_text(RECIPE)
    done = molvae("train", "graph.toml", "--from", "zinc250k-small")
    assert done.returncode == 1 and "--from is for models of SMILES" in done.stderr
