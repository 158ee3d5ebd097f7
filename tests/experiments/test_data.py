"""What recipes begin with."""

import numpy as np
import pytest

from molvae.errors import ConfigError
from molvae.experiments.data import DATASETS, dataset_file, split
from molvae.experiments.design import DesignRecipe
from molvae.experiments.train import TrainRecipe
from molvae.molecules.training import MoleculeData
from molvae.run.progress import silent
from molvae.run.recipe import Context

from .conftest import MOLECULES

PROPERTIES = ("QED", "MW")


@pytest.fixture
def context(tmp_path, monkeypatch):
    monkeypatch.setenv("MOLVAE_CACHE", str(tmp_path / "cache"))
    return Context(workers=1, progress=silent)


@pytest.fixture
def file(tmp_path):
    (tmp_path / "data.smi").write_text("\n".join([*MOLECULES, "C1CC", MOLECULES[0]]))
    return tmp_path / "data.smi"


def test_a_data_set_is_a_name_or_a_file(file, data_mirror, context):
    assert dataset_file(str(file), "train", None) == file
    assert dataset_file("freyfaces", "images", data_mirror).is_file()
    with pytest.raises(ConfigError, match="did you mean 'zinc250k'"):
        DATASETS["zinc25k"]
    proteins = {"sh3", "chorismate_mutase", "s1a", "broad_proteins"}
    assert set(DATASETS) == {"zinc250k", "mnist", "freyfaces", "omniglot", *proteins}
    with pytest.raises(ConfigError, match="has no part 'train', it has flip, uniprot"):
        dataset_file("broad_proteins", "train", data_mirror)


def test_a_file_is_split_and_says_where_it_comes_from(file, context):
    training, held_out, sources = TrainRecipe(data=str(file)).training_data(PROPERTIES, context)
    assert (len(training.smiles), len(held_out.smiles)) == (9, 1)
    assert training.properties.shape == (9, 2)
    assert sources["train"]["file"] == "data.smi" and len(sources["train"]["sha256"]) == 64
    assert (sources["train"]["kept"], sources["train"]["rejected"], sources["train"]["duplicates"]) == (10, 1, 1)


def test_held_out_molecules_may_have_a_file_of_their_own(file, tmp_path, context):
    (tmp_path / "other.smi").write_text("CCO\nCCN\n")
    recipe = TrainRecipe(data=str(file), held_out=str(tmp_path / "other.smi"), max_molecules=4)
    training, held_out, sources = recipe.training_data(PROPERTIES, context)
    assert (len(training.smiles), len(held_out.smiles)) == (4, 2)
    assert sources["held_out"]["file"] == "other.smi"


def test_every_twentieth_is_held_out():
    training, held_out = split(MoleculeData([str(n) for n in range(60)], np.arange(60)[:, None]))
    assert list(held_out.smiles) == ["19", "39", "59"] and held_out.properties.tolist() == [[19], [39], [59]]
    assert len(training.smiles) == 57


def test_a_search_starts_from_a_file_or_what_is_embedded(file):
    assert len(DesignRecipe(input=str(file)).start_table(None)) == 12
    assert len(DesignRecipe().start_table(None)) > 200
