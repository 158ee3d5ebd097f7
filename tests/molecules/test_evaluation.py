"""The numbers that say what a model is worth."""

import pytest

from molvae.chemistry.properties import compute_many
from molvae.molecules.evaluation import EvaluationConfig, evaluate_model, summary_table
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
