"""A file of generated molecules beside a reference, without a model."""

import json

import pytest

from molvae.errors import InputError
from molvae.experiments.samples import SamplesRecipe
from molvae.run.panels import load_panels
from molvae.run.progress import silent
from molvae.run.recipe import Context

from .conftest import MOLECULES


@pytest.fixture
def files(tmp_path):
    (tmp_path / "samples.csv").write_text("SMILES\n" + "\n".join([*MOLECULES[:6], MOLECULES[0], "C1CC"]))
    (tmp_path / "reference.csv").write_text("SMILES\n" + "\n".join(MOLECULES[4:]))
    return str(tmp_path / "samples.csv"), str(tmp_path / "reference.csv")


def test_the_numbers_are_those_of_the_file(files, tmp_path):
    samples, reference = files
    recipe = SamplesRecipe(samples=samples, data=reference, smiles_column="SMILES")
    result = recipe.execute(Context(tmp_path / "run", progress=silent))
    numbers = json.loads(result.files["numbers"].read_text())
    assert numbers["validity"] == 7 / 8 and numbers["uniqueness"] == 6 / 7
    assert dict(zip(result.table["what"], result.table["value"], strict=True)) == numbers
    (panel,) = load_panels(result.folder)
    assert panel.name == "quality" and "samples.csv beside" in panel.caption


@pytest.mark.parametrize("part", [0, 1])
def test_without_one_good_molecule_there_is_nothing_to_measure(files, tmp_path, part):
    chosen = list(files)
    chosen[part] = str(tmp_path / "bad.smi")
    (tmp_path / "bad.smi").write_text("C1CC\n((\n")
    recipe = SamplesRecipe(samples=chosen[0], data=chosen[1])
    with pytest.raises(InputError, match=r"bad.smi: none of its 2 rows is a valid SMILES"):
        recipe.execute(Context(tmp_path / "run", progress=silent))
    assert not (tmp_path / "run").exists()
