"""The numbers that say what a model is worth."""

import numpy as np
import pytest
import torch

from molvae.chemistry.molecule import canonical
from molvae.chemistry.properties import compute_many
from molvae.molecules.evaluation import (
    EvaluationConfig,
    evaluate_model,
    new_on_paths,
    property_errors,
    round_trip,
    summary_table,
)
from molvae.molecules.training import MoleculeData
from molvae.molecules.vae import MoleculeVAE
from molvae.run.progress import silent

HELD_OUT = [
    "CC(C)Cc1ccc(C(C)C(=O)O)cc1",
    "CN1CCC[C@H]1c1cccnc1",
    "O=C(Nc1ccc(F)cc1)c1ccc(Cl)nc1",
    "Cc1nn(C)c(C)c1S(=O)(=O)N1CCOCC1",
    "CC(C)NCC(O)COc1ccccc1CC#N",
    "O=C(c1cccs1)N1CCN(c2ccccn2)CC1",
]
FEW = {
    "prior_samples": 5,
    "jt_molecules": 0,
    "nll_molecules": 0,
    "generated": 0,
    "paths": 0,
    "neighbourhoods": 0,
    "chosen_points": 60,
    "n_decodings": 20,
    "refine_steps": 20,
}


@pytest.fixture(scope="module")
def model():
    return MoleculeVAE.from_pretrained("zinc250k-small", device="cpu")


def measure(model, smiles, **changes):
    values = compute_many(smiles, ["QED", "SAS", "logP"], progress=silent)[["QED", "SAS", "logP"]].to_numpy("float32")
    return evaluate_model(model, MoleculeData(smiles, values), EvaluationConfig(**{**FEW, **changes}), progress=silent)


def test_no_choice_among_decodings_rebuilds_more_than_was_decoded(model):
    result = measure(model, HELD_OUT)
    chosen = result["many_decodings"]
    assert set(chosen) == {"D", "JT"}
    for ways in chosen.values():
        assert 0 < max(ways["posterior"], ways["votes"]) <= ways["any"] <= 1
    # the greedy decoding, of which D is made, is one of them
    assert chosen["D"]["any"] >= result["reconstruction"]["D"]
    assert result["many_decodings"] == measure(model, HELD_OUT)["many_decodings"]
    assert ("D, 20 decodings: q chooses, votes, any") in dict(summary_table(result))


def test_a_molecule_that_the_model_cannot_hold_counts_as_not_rebuilt(model):
    # [Xe] is no token of the model: one of seven, in the means as in the draws
    chosen = measure(model, ["[Xe]", *HELD_OUT], chosen_points=70)["many_decodings"]
    assert max(chosen["D"]["any"], chosen["JT"]["any"]) <= 6 / 7


def test_refined_encodings_rebuild_more_than_the_posterior_mean():
    model = MoleculeVAE.from_pretrained("zinc250k-flow", device="cpu")
    result = measure(model, ["[Xe]", *HELD_OUT])
    fractions = result["reconstruction"]
    assert fractions["D"] < fractions["D, refined"] == 6 / 7  # the model cannot hold [Xe]
    assert dict(summary_table(result))["reconstruction, protocol D, refined"] == f"{fractions['D, refined']:.1%}"
    assert "D, refined" not in measure(model, HELD_OUT, refine_steps=0)["reconstruction"]


def test_many_decodings_can_be_left_out(model):
    assert "many_decodings" not in measure(model, HELD_OUT, chosen_points=0)


def test_a_point_of_the_prior_comes_back_if_its_molecule_is_rebuilt(model):
    result = measure(model, HELD_OUT, prior_samples=40)
    points = model.prior.sample((40,), torch.Generator().manual_seed(1))
    drawn = [canonical(text) for text in model.generate(points, mask="valence")[0]]
    valid = [molecule for molecule in drawn if molecule]
    z, _ = model.encode_with_errors(valid)
    back, _ = model.generate(z[torch.isfinite(z).all(-1)], mask="none")
    wanted = [molecule for molecule, row in zip(valid, z, strict=True) if torch.isfinite(row).all()]
    expected = sum(canonical(text) == molecule for text, molecule in zip(back, wanted, strict=True)) / 40
    assert round_trip(model, points, seed=0) == pytest.approx(expected)
    share = result["prior"]["valence"]["round trip"]
    assert 0 <= share <= result["prior"]["valence"]["validity"]
    assert dict(summary_table(result))["prior round trip, valence mask"] == f"{share:.1%}"


def test_of_a_path_count_the_distinct_molecules_that_are_neither_end():
    stuck = ["CCO", "CCO", "OCC", "CCN"]
    stepwise = ["C(", "CCC", "CCCC", "CCCCC"]
    assert new_on_paths(stuck, [("CCO", "CCN")]) == 0
    assert new_on_paths(stepwise, [("CC", "CCCCC")]) == 2 / 4
    assert new_on_paths(stuck + stepwise, [("CCO", "CCN"), ("CC", "CCCCC")]) == 1 / 4


def test_a_path_is_less_like_both_ends_than_like_the_nearer_one(model):
    result = measure(model, HELD_OUT, paths=10)
    path = result["smoothness"]["path"]
    assert 0 <= path["new"] <= path["validity"]
    assert 0 < path["similarity_to_both"] < path["similarity"]
    assert dict(summary_table(result))["path between molecules: new, similarity to both"].startswith(
        f"{path['new']:.1%}"
    )


def test_coverage_says_whether_the_predictor_is_as_sure_as_it_may_be(model):
    """Of a property with errors of one standard deviation, half lie within .67 of it and nine in ten within 1.64."""
    z = torch.randn(4000, model.latent_size, generator=torch.Generator().manual_seed(0))
    prediction = model.predict(z)
    noise = torch.randn(4000, 3, generator=torch.Generator().manual_seed(1))
    for width, half, most in ((1.0, 0.5, 0.9), (2.0, 0.264, 0.589), (0.0, 1.0, 1.0)):
        truth = (prediction.mean + width * noise * prediction.std).detach().numpy()
        truth[::7] = np.nan  # not known
        numbers = property_errors(model, z, truth)["logP"]
        assert numbers["coverage_50"] == pytest.approx(half, abs=0.03)
        assert numbers["coverage_90"] == pytest.approx(most, abs=0.03)


def test_coverage_stands_beside_the_error(model):
    result = measure(model, HELD_OUT)
    numbers = result["properties"]["QED"]
    row = f"{numbers['coverage_50']:.1%}, {numbers['coverage_90']:.1%}"
    assert dict(summary_table(result))["QED within 50 %, 90 % intervals"] == row
