"""A process on latent points finds what is smooth in them, and knows how sure it is."""

import json

import numpy as np
import pytest
import torch

from molvae.experiments.latent_regression import RegressionConfig, regression_of_model, regression_test
from molvae.molecules.vae import MoleculeVAE
from molvae.run.progress import silent

FEW = RegressionConfig(training=160, held_out=80, splits=3)


@pytest.fixture
def z() -> torch.Tensor:
    return torch.randn(240, 3, generator=torch.Generator().manual_seed(0))


def test_a_smooth_function_is_found(z):
    found = regression_test(z, (z[:, 0] + torch.sin(z[:, 1])).numpy(), FEW, progress=silent)
    assert found["rmse"] < 0.3 * found["rmse_of_mean"]


def test_noise_is_not_found_and_its_likelihood_is_that_of_a_normal_distribution(z):
    y = np.random.default_rng(0).normal(size=len(z))
    found = regression_test(z, y, FEW, progress=silent)
    assert found["rmse"] == pytest.approx(found["rmse_of_mean"], rel=0.15)
    assert found["log_likelihood"] == pytest.approx(-0.5 * np.log(2 * np.pi * np.e), abs=0.15)


def test_points_that_are_nowhere_are_left_out(z):
    z = torch.cat([z, torch.full((5, 3), torch.nan)])
    y = np.append(z[:240, 0].numpy(), np.zeros(5))
    assert np.isfinite(list(regression_test(z, y, FEW, progress=silent).values())).all()


def test_the_shipped_model_predicts_both_targets_better_than_their_mean():
    from molvae.chemistry.domain import nci_molecules

    smiles = nci_molecules()["smiles"].tolist()[:150]
    model = MoleculeVAE.from_pretrained("zinc250k")
    found = regression_of_model(model, smiles, RegressionConfig(training=100, held_out=50, splits=1), progress=silent)
    assert set(found) == {"penalized_logP_zinc", "5*QED - SAS"}
    assert all(numbers["rmse"] < numbers["rmse_of_mean"] for numbers in found.values())


def test_an_evaluation_of_the_first_molecules_takes_no_others(tmp_path, monkeypatch):
    from molvae.chemistry.domain import nci_molecules
    from molvae.experiments.evaluate import EvaluateRecipe
    from molvae.run.recipe import Context

    monkeypatch.setenv("MOLVAE_CACHE", str(tmp_path))
    nci_molecules()["smiles"][:60].to_csv(tmp_path / "held_out.csv", index=False)
    left_out = ("jt_molecules", "chosen_points", "nll_molecules", "generated", "paths", "neighbourhoods")
    recipe = EvaluateRecipe.create(
        {
            "model": "zinc250k-small",
            "data": str(tmp_path / "held_out.csv"),
            "evaluation": {**dict.fromkeys(left_out, 0), "molecules": 10, "prior_samples": 2},
            "regression": {"training": 20, "held_out": 10, "splits": 1},
        }
    )
    recipe.execute(Context(tmp_path / "run", "cpu", workers=1, progress=silent))
    numbers = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert numbers["protocol"]["held_out_molecules"] == 10 and numbers["gaussian_process"] == {}
