"""What users hold in their hands: encode, decode, predict, interpolate, save, load."""

import numpy as np
import pytest
import torch

from molvae.errors import CheckpointError, InputError, InvalidMoleculeWarning
from molvae.molecules.vae import MoleculeVAE
from molvae.run.progress import silent
from molvae.weights import shipped_models, weights_folder

from .conftest import MOLECULES


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
    table = model.predict(model.encode(MOLECULES))
    assert list(table.columns) == ["QED", "QED_std", "SAS", "SAS_std", "logP", "logP_std"]
    assert (table[["QED_std", "SAS_std", "logP_std"]] > 0).all().all()


@pytest.mark.parametrize("method", ["lerp", "slerp"])
def test_interpolation(model, method):
    table = model.interpolate("CCO", "CC(=O)Oc1ccccc1C(=O)O", steps=4, method=method, n_decodings=4)
    assert table["t"].tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])
    with pytest.raises(InputError, match="cannot interpolate"):
        model.interpolate("CCO", "C1CC")


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


def test_a_model_learns_a_handful_by_heart(tmp_path):
    """The whole chain from SMILES to greedy decoding, overfitted on ten molecules."""
    from molvae.chemistry.properties import compute_many
    from molvae.core.fit import FitConfig
    from molvae.molecules.training import MoleculeData, MoleculeObjectiveConfig, TrainConfig, ValidationConfig, train
    from molvae.molecules.vae import MoleculeVAEConfig

    table = compute_many(MOLECULES, ["QED", "SAS", "logP"], progress=silent)
    data = MoleculeData(MOLECULES, table[["QED", "SAS", "logP"]].to_numpy(np.float32))
    config = TrainConfig(
        batch_size=10,
        model=MoleculeVAEConfig(latent_size=16, channels=32, dense_size=64, hidden_size=128, dilations=(1,)),
        objective=MoleculeObjectiveConfig(beta=0.001),
        fit=FitConfig(epochs=250, learning_rate=5e-3, warmup_steps=10, validate_every=250, precision="float32"),
        validation=ValidationConfig(molecules=10, prior_samples=5),
    )
    model = train(config, data, data, tmp_path, device="cpu", progress=silent)
    rebuilt, _ = model.generate(model.encode(MOLECULES, canonicalise=False), mask="none")
    assert sum(a == b for a, b in zip(rebuilt, MOLECULES, strict=True)) >= 9
    assert np.abs(model.predict(model.encode(MOLECULES))["logP"] - table["logP"]).mean() < 0.3


@pytest.mark.parametrize("name", shipped_models())
def test_a_shipped_model_loads_knows_its_card_and_finds_its_way_back(name):
    model = MoleculeVAE.from_pretrained(name, device="cpu")
    assert model.card.startswith(f"# {name}")
    drugs = ["CC(=O)Oc1ccccc1C(=O)O", "CC(=O)Nc1ccc(O)cc1", "CC(C)Cc1ccc(C(C)C(=O)O)cc1", "COc1ccc2cc(C)ccc2c1"]
    table = model.decode(model.encode(drugs), n_decodings=10)
    assert table["valid"].all()
    assert sum(a == b for a, b in zip(table["smiles"], drugs, strict=True)) >= 2


def test_the_models_that_ship_are_small():
    sizes = {name: sum(path.stat().st_size for path in weights_folder(name).iterdir()) for name in shipped_models()}
    assert set(sizes) == {"zinc250k", "zinc250k-flow", "zinc250k-small"}
    assert max(sizes.values()) < 16e6 and sizes["zinc250k-small"] < 2e6
