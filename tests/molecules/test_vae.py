"""What users hold in their hands: encode, decode, predict, interpolate, save, load."""

import numpy as np
import pytest
import torch

from molvae.chemistry.molecule import Molecule, canonical
from molvae.chemistry.properties import compute_many
from molvae.core.fit import FitConfig
from molvae.core.pretrained import load_model
from molvae.errors import CheckpointError, ConfigError, InputError, InvalidMoleculeWarning
from molvae.molecules.config import MoleculeVAEConfig
from molvae.molecules.registries import ENCODERS, TOKENIZERS
from molvae.molecules.training import MoleculeData, MoleculeObjectiveConfig, TrainConfig, ValidationConfig, train
from molvae.molecules.vae import MoleculeVAE
from molvae.molecules.vocabulary import Vocabulary
from molvae.run.progress import silent
from molvae.weights import PROTEINS, shipped_models, weights_folder

from .conftest import MOLECULES, small_model


def test_encode_gives_one_row_for_each_molecule(model):
    z = model.encode(MOLECULES)
    assert z.shape == (len(MOLECULES), 6) and torch.isfinite(z).all()


def test_the_code_of_a_molecule_does_not_depend_on_how_it_was_written(model):
    a, b = model.encode(["OCC", "C(C)O"])
    torch.testing.assert_close(a, b)


def test_rows_that_cannot_be_encoded_are_nan_and_reported(model):
    with pytest.warns(InvalidMoleculeWarning, match=r"3 of 4 .* row 0: 'C1CC'.*row 2: .*\[Xe\].*row 3"):
        z = model.encode(["C1CC", "CCO", "[Xe]", "C" * 500])
    assert torch.isnan(z).all(1).tolist() == [True, False, True, True]


def test_a_single_string_is_a_common_mistake(model):
    with pytest.raises(InputError, match="write \\[smiles\\]"):
        model.encode("CCO")


def test_decode_keeps_rows_and_counts_votes(model):
    z = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
    z[2] = torch.nan
    table = model.decode(z, n_decodings=8, seed=1)
    assert list(table.columns) == ["smiles", "valid", "votes", "log_prob", "error"]
    assert len(table) == 5 and not table["valid"][2] and "finite" in table["error"][2]
    assert ((table["votes"] >= 1) == table["valid"]).all() and (table["votes"] <= 8).all()
    assert table.equals(model.decode(z, n_decodings=8, seed=1))


def test_latent_points_of_the_wrong_shape_are_refused(model):
    with pytest.raises(InputError, match=r"\(n, 6\), not \(2, 5\)"):
        model.decode(np.zeros((2, 5)))


def test_predictions_have_an_uncertainty_in_the_same_units(model):
    table = model.predict(model.encode(MOLECULES)).to_frame()
    assert list(table.columns) == ["QED", "QED_std", "SAS", "SAS_std", "logP", "logP_std"]
    assert (table[["QED_std", "SAS_std", "logP_std"]] > 0).all().all()


def test_predictions_are_differentiable_in_z(model):
    z = torch.randn(3, 6, generator=torch.Generator().manual_seed(0)).requires_grad_(True)
    model.predict(z).of("logP").sum().backward()
    assert (z.grad.norm(dim=1) > 0).all()
    assert model.predicted_properties == model.predict(z).names == ("QED", "SAS", "logP")


def test_molecules_are_encoded_as_their_text_is_without_being_parsed_again(model):
    molecules = [Molecule.parse(text)[0] for text in MOLECULES]
    torch.testing.assert_close(model.encode(molecules), model.encode([m.smiles for m in molecules]), rtol=0, atol=0)
    mixed = model.encode([molecules[0], MOLECULES[1]])
    assert torch.isfinite(mixed).all()


def test_what_the_model_cannot_hold_it_does_not_accept(model):
    assert model.accepts(Molecule.parse("OCC")[0]) is None
    assert "[Xe]" in model.accepts(Molecule.parse("[Xe]")[0])
    batch = model.batch([Molecule.parse(text)[0] for text in ("CCO", "C#CCN1CCOCC1")])
    assert len(batch) == 2 and model.terms(batch).log_px.shape == (1, 2)


def test_proposals_are_ordered_by_votes_and_repeat_with_their_seed(model):
    z = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    points = model.propose(z, 12, seed=3)
    assert points == model.propose(z, 12, seed=3)
    for point in points:
        votes = [candidate.votes for candidate in point.candidates]
        assert votes == sorted(votes, reverse=True) and sum(votes) <= 12
        assert bool(point.candidates) != bool(point.error)


def test_a_model_knows_its_name_and_its_training_set(model, tmp_path):
    assert model.name == "" and model.known is None
    shipped = MoleculeVAE.from_pretrained("zinc250k", device="cpu")
    assert shipped.name == "zinc250k" and "CC(=O)Nc1ccc(O)cc1" not in shipped.known and len(shipped.known) > 200_000


@pytest.mark.parametrize("method", ["lerp", "slerp"])
def test_interpolation(model, method):
    table = model.interpolate("CCO", "CC(=O)Oc1ccccc1C(=O)O", steps=4, method=method, n_decodings=4)
    assert table["t"].tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])
    with pytest.raises(InputError, match="cannot interpolate"):
        model.interpolate("CCO", "C1CC")


def test_a_path_begins_and_ends_at_the_molecules_given():
    model = MoleculeVAE.from_pretrained("zinc250k-flow", device="cpu")
    ends = ["OC(=O)C(C)c1ccc(CC(C)C)cc1", "CCO"]  # ibuprofen as it may be written; both are encoded a little off
    given = [canonical(text) for text in ends]
    path = model.interpolate(*ends, steps=3, n_decodings=4)
    assert path["smiles"].tolist()[::2] == given and path["valid"].all() and (path["votes"] <= 4).all()
    assert model.interpolate(*ends, steps=3, n_decodings=4, refine=False)["smiles"].tolist()[::2] != given


def test_save_and_load(model, tmp_path):
    model.card = "# a card"
    model.save_pretrained(tmp_path)
    copy = MoleculeVAE.from_pretrained(tmp_path, device="cpu")
    assert copy.fingerprint() == model.fingerprint() and copy.card == model.card
    assert torch.equal(copy.encode(MOLECULES), model.encode(MOLECULES))
    half = tmp_path / "half"
    model.save_pretrained(half, half=True)
    assert (half / "model.safetensors").stat().st_size < 0.6 * (tmp_path / "model.safetensors").stat().st_size


def test_an_unknown_model_names_those_that_ship():
    with pytest.raises(CheckpointError, match="zinc250k"):
        MoleculeVAE.from_pretrained("chembl")


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_model_learns_a_handful_by_heart(tmp_path, encoder, tokenizer):
    """The whole chain from SMILES to greedy decoding, overfitted on ten molecules, and saved and loaded."""
    table = compute_many(MOLECULES, ["QED", "SAS", "logP"], progress=silent)
    data = MoleculeData(MOLECULES, table[["QED", "SAS", "logP"]].to_numpy(np.float32))
    sizes = {"latent_size": 16, "channels": 32, "dense_size": 64, "hidden_size": 128}
    sizes |= {"position_channels": 0, "flow_layers": 0}
    sizes |= {"dilations": (1,)} if encoder == "cnn" else {}
    config = TrainConfig(
        batch_size=10,
        model=MoleculeVAEConfig.create({"encoder": encoder, "tokenizer": tokenizer, **sizes}),
        objective=MoleculeObjectiveConfig(beta=0.001),
        fit=FitConfig(epochs=250, learning_rate=5e-3, warmup_steps=10, validate_every=250, precision="float32"),
        validation=ValidationConfig(molecules=10, prior_samples=5),
    )
    train(config, data, data, tmp_path, device="cpu", progress=silent).save_pretrained(tmp_path / "model")
    model = MoleculeVAE.from_pretrained(tmp_path / "model", device="cpu")
    assert model.config.encoder == encoder and model.vocabulary.tokenizer == tokenizer
    rebuilt, _ = model.generate(model.encode(MOLECULES, canonicalise=False), mask="none")
    assert sum(a == b for a, b in zip(rebuilt, MOLECULES, strict=True)) >= 9
    assert np.abs(model.predict(model.encode(MOLECULES)).to_frame()["logP"] - table["logP"]).mean() < 0.3


def test_a_vocabulary_of_another_tokenizer_is_refused():
    with pytest.raises(ConfigError, match="a vocabulary of smiles does not serve tokenizer = 'selfies'"):
        MoleculeVAE(MoleculeVAEConfig(tokenizer="selfies"), Vocabulary.build(MOLECULES))


def test_an_untrained_model_of_selfies_writes_molecules_without_a_mask():
    model = small_model(tokenizer="selfies")
    texts, _ = model.generate(torch.randn(40, 6, generator=torch.Generator().manual_seed(0)), 1.0)
    assert all(canonical(text) == text for text in texts if text) and sum(map(bool, texts)) > 30


@pytest.mark.parametrize("name", sorted({*shipped_models()} - PROTEINS))
def test_a_shipped_model_loads_knows_its_card_and_finds_its_way_back(name):
    model = load_model(name, device="cpu")
    assert model.card.startswith(f"# {name}")
    drugs = ["CC(=O)Oc1ccccc1C(=O)O", "CC(=O)Nc1ccc(O)cc1", "CC(C)Cc1ccc(C(C)C(=O)O)cc1", "COc1ccc2cc(C)ccc2c1"]
    table = model.decode(model.encode(drugs), n_decodings=10)
    assert table["valid"].all()
    assert sum(a == b for a, b in zip(table["smiles"], drugs, strict=True)) >= 2


def test_the_models_that_ship_are_small():
    sizes = {name: sum(path.stat().st_size for path in weights_folder(name).iterdir()) for name in shipped_models()}
    assert set(sizes) == {"sh3", "zinc250k", "zinc250k-flow", "zinc250k-graph", "zinc250k-small"}
    assert max(sizes.values()) < 16e6 and sizes["zinc250k-small"] < 2e6


def test_a_calibration_of_one_leaves_a_model_what_it_was():
    """A campaign knows its model by the fingerprint; those begun with models that are not calibrated must go on."""
    model = MoleculeVAE.from_pretrained("zinc250k-small", device="cpu")
    before = "843b501f15e5"  # of these weights, as it was before predictors had a calibration
    assert model.fingerprint().startswith(before)
    model.predictor.calibration.fill_(1.5)
    assert not model.fingerprint().startswith(before)
