"""The model in the hand: as scikit-learn expects it, kept in a folder without pickles, honest about what it knows."""

import json
import shutil

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score

from molvae.activity.model import ActivityModel
from molvae.activity.table import predict_table
from molvae.errors import CheckpointError, ConfigError, InputError


@pytest.fixture(scope="module")
def fitted(measured) -> ActivityModel:
    return ActivityModel(vae="zinc250k-small").fit(measured["smiles"], measured["activity"])


@pytest.fixture
def folder(fitted, tmp_path):
    fitted.target, fitted.card = "pKi", "# card"
    fitted.save(tmp_path / "model")
    return tmp_path / "model"


def test_it_is_a_regressor_of_scikit_learn(measured):
    model = ActivityModel(kernel="fingerprint", seed=3)
    assert clone(model).get_params() == model.get_params()
    assert model.set_params(max_exact=99).limits.max_exact == 99
    scores = cross_val_score(model, measured["smiles"].tolist(), measured["activity"].to_numpy(), cv=3)  # R2
    assert scores.mean() > 0.3
    with pytest.raises(NotFittedError):
        ActivityModel().predict(["CCO"])


def test_it_knows_its_training_molecules_and_says_where_it_knows_nothing(fitted, measured):
    mean, sd = fitted.predict(measured["smiles"][:20].tolist(), return_std=True)
    assert np.abs(mean - measured["activity"][:20]).mean() < 0.7 * measured["activity"][:20].std()
    table = fitted.predict_table([measured["smiles"][0], "F[Xe](F)(F)F", "C1CC"])
    assert table["nearest_similarity"][0] == 1.0 and bool(table["in_domain"][0])
    assert table["nearest_similarity"][1] < fitted.threshold_ and not table["in_domain"][1]
    assert table["sd"][1] > 2 * table["sd"][0]
    assert not table["valid"][2] and table["error"][2] and np.isnan(table["mean"][2])
    np.testing.assert_allclose(table["sd_measurement"][0] ** 2, sd[0] ** 2 + fitted.noise_sd_**2, rtol=1e-6)


def test_the_noise_that_was_added_is_found(fitted):
    assert 0.15 < fitted.noise_sd_ < 0.45  # 0.3, known from 40 pairs


def test_all_but_a_twentieth_of_the_training_molecules_are_inside_the_domain(fitted):
    prints = fitted.features_.fingerprints
    similarity = prints.similarity(prints)
    np.fill_diagonal(similarity, 0)
    assert (similarity.max(1) >= fitted.threshold_).mean() == pytest.approx(0.95, abs=0.02)


def test_a_folder_gives_the_same_predictions(fitted, folder, measured):
    loaded = ActivityModel.load(folder)
    smiles = measured["smiles"][:10].tolist()
    np.testing.assert_array_equal(loaded.predict(smiles), fitted.predict(smiles))
    assert loaded.target == "pKi" and loaded.card == "# card" and loaded.compared_ == fitted.compared_
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
        "training.csv",
    ]


def test_a_damaged_folder_is_refused(folder, tmp_path):
    (folder / "training.csv").write_text("smiles,mean,measurements\n")
    with pytest.raises(CheckpointError, match="truncated or altered"):
        ActivityModel.load(folder)
    with pytest.raises(CheckpointError, match=r"no folder .*molvae fit"):
        ActivityModel.load(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="kind 'molecule-vae', not one of an assay"):
        from molvae.weights import weights_folder

        shutil.copytree(weights_folder("zinc250k-small"), tmp_path / "vae")
        ActivityModel.load(tmp_path / "vae")


@pytest.mark.parametrize(
    "change",
    [{"learned": []}, {"threshold": "high"}, {"parameters": {"colour": "red"}}, {"learned": [{"kernel": "sum"}]}],
)
def test_settings_that_make_no_sense_are_refused(folder, change):
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | change))
    with pytest.raises(CheckpointError, match="cannot be used"):
        ActivityModel.load(folder)


def test_another_vae_than_it_was_made_with_is_refused(measured, tmp_path):
    model = ActivityModel(kernel="latent", vae="zinc250k-small").fit(measured["smiles"], measured["activity"])
    model.save(tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(settings | {"vae_fingerprint": "0"}))
    with pytest.raises(CheckpointError, match="another VAE"):
        ActivityModel.load(tmp_path)


def test_a_second_fit_does_not_depend_on_what_the_first_has_chosen(measured):
    smiles, y = measured["smiles"][:40], measured["activity"][:40]
    model = ActivityModel(kernel="fingerprint", vae="zinc250k-small").fit(smiles, y)
    model.set_params(kernel="latent").fit(smiles, y)  # needs what the first did without
    assert model.learned_.kernel == "latent" and np.isfinite(model.predict(["CCO"])).all()
    model.set_params(kernel="fingerprint").fit(smiles, y)
    assert model.features_.z is None


def test_wrong_input_is_named(measured):
    for smiles, y, message in (
        (["CCO", "C1CC", "C"], [1, 2, 3], "row 1: 'C1CC' is not a molecule"),
        (["CCO", "CC", "C"], [1, 2, np.nan], "one finite number for each of the 3"),
        (["CCO", "OCC", "C"], [1, 2, 3], "three molecules at least, not 2"),
        ("CCO", [1], "give a list"),
    ):
        with pytest.raises(InputError, match=message):
            ActivityModel("fingerprint").fit(smiles, y)
    with pytest.raises(ConfigError, match="a kernel is auto, fingerprint"):
        ActivityModel("rbf").fit(measured["smiles"], measured["activity"])


def test_a_table_keeps_its_columns(fitted, measured):
    fitted.target = "activity"
    table = measured.head(3).assign(price=[1, 2, 3])
    predicted = predict_table(fitted, table)
    assert predicted["price"].tolist() == [1, 2, 3]
    assert predicted["activity_given"].tolist() == table["activity"].tolist()
    assert predicted.columns[:4].tolist() == ["smiles", "valid", "error", "activity"]
