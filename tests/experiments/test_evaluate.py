"""Evaluation of a molecular VAE as a recipe: every number in one file, tied to its data and weights."""

import json

import pytest

from molvae.chemistry.domain import nci_molecules
from molvae.core.pretrained import load_model
from molvae.errors import RunFolderError
from molvae.experiments.evaluate import EvaluateRecipe
from molvae.run.folder import read_run
from molvae.run.panels import load_panels
from molvae.run.progress import silent
from molvae.run.recipe import Context

FEW = {
    "molecules": 20,
    "jt_molecules": 2,
    "chosen_points": 4,
    "n_decodings": 3,
    "prior_samples": 10,
    "nll_molecules": 3,
    "nll_samples": 4,
    "generated": 20,
    "paths": 2,
    "neighbourhoods": 2,
}


def test_numbers_pictures_and_what_they_are_of(tmp_path, monkeypatch):
    monkeypatch.setenv("MOLVAE_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "test.smi"
    file.write_text("\n".join(nci_molecules()["smiles"].head(60)))
    recipe = EvaluateRecipe.create(
        {
            "model": "zinc250k-small",
            "data": str(file),
            "evaluation": FEW,
            "regression": {"training": 20, "held_out": 10, "splits": 1},
        }
    )
    context = Context(tmp_path / "run", "cpu", workers=1, progress=silent)
    result = recipe.execute(context)
    numbers = json.loads(result.files["numbers"].read_text())
    assert set(numbers["gaussian_process"]) == {"penalized_logP_zinc", "5*QED - SAS"}
    assert 0 <= numbers["reconstruction"]["D"] <= 1 and numbers["properties"]["QED"]["mae"] > 0
    assert "reconstruction, protocol D" in result.text
    assert len(load_panels(result.folder)) > 0
    facts = read_run(result.folder).facts
    assert facts["weights"] == load_model("zinc250k-small", "cpu").fingerprint()
    assert facts["sources"]["held_out"]["file"] == "test.smi"
    file.write_text("\n".join(nci_molecules()["smiles"].head(50)))
    with pytest.raises(RunFolderError, match=r"changed since it began .*sources.held_out"):
        recipe.execute(context)
