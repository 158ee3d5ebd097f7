"""Models in objectives: as any other property, read from where they may be read, told with how sure they are."""

import math
import os
import shutil

import numpy as np
import pytest

from molvae.activity.model import ActivityModel
from molvae.activity.predictor import fingerprint, predictor
from molvae.chemistry.domain import MOLECULES, MoleculeDomain
from molvae.chemistry.properties import compute_many
from molvae.chemistry.targets import TARGETS
from molvae.design.objective import Objective, formula_values
from molvae.errors import ConfigError

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


@pytest.fixture(scope="module")
def folder(measured, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "first"
    ActivityModel("fingerprint").fit(measured["smiles"], measured["activity"]).save(folder)
    return folder


def test_a_formula_names_a_model(folder):
    objective = Objective.parse(f"model('{folder}') + 0.5*QED", domain=MOLECULES)
    item = MOLECULES.parse(ASPIRIN)[0]
    values = MOLECULES.compute(item, objective.properties)
    mean, sd = ActivityModel.load(folder).predict([ASPIRIN], return_std=True)
    assert values[f"model('{folder}')"] == pytest.approx(mean[0])
    assert values[f"model_sd('{folder}')"] == pytest.approx(sd[0])  # told beside it
    assert 0 < values[f"model_similarity('{folder}')"] < 1
    assert values[f"model_in_domain('{folder}')"] in (0.0, 1.0)
    assert formula_values([objective], [item, None])[0, 0] == pytest.approx(mean[0] + 0.5 * values["QED"])


def test_lower_and_upper_are_one_standard_deviation_away(folder):
    names = [f"{kind}('{folder}')" for kind in ("lower", "model", "upper", "model_sd")]
    lower, mean, upper, sd = compute_many([ASPIRIN], names)[names].to_numpy()[0]
    np.testing.assert_allclose([mean - lower, upper - mean], sd)
    bad = compute_many(["C1CC"], names)
    assert not bad["valid"][0] and math.isnan(bad[names[0]][0])


def test_a_model_that_is_fitted_anew_is_another(measured, tmp_path):
    smiles = measured["smiles"].tolist()
    mol = MOLECULES.parse(ASPIRIN)[0].mol
    values = []
    for shift in (0, 10):
        ActivityModel("fingerprint").fit(smiles, measured["activity"] + shift).save(tmp_path)
        values.append(predictor(str(tmp_path))(mol)["mean"])
    assert values[1] - values[0] == pytest.approx(10, abs=0.01)


def test_another_process_that_fits_into_the_folder_changes_nothing_that_runs(measured, tmp_path):
    smiles, mol = measured["smiles"][:40].tolist(), MOLECULES.parse(ASPIRIN)[0].mol
    for shift, name in ((0, "model"), (10, "other")):
        ActivityModel("fingerprint").fit(smiles, measured["activity"][:40] + shift).save(tmp_path / name)
    folder, before = str(tmp_path / "model"), fingerprint(str(tmp_path / "model"))
    value = predictor(folder)(mol)["mean"]
    shutil.copytree(tmp_path / "other", folder, dirs_exist_ok=True)
    assert predictor(folder)(mol)["mean"] == value
    assert fingerprint(folder) != before  # a campaign that begins, or goes on, asks for it
    assert predictor(folder)(mol)["mean"] == pytest.approx(value + 10, abs=0.01)
    shutil.rmtree(folder)
    assert predictor(folder)(mol)["mean"] == pytest.approx(value + 10, abs=0.01)


def test_predictions_by_the_thousand_tell_how_far_they_have_come(folder):
    objective, item = Objective.parse(f"lower('{folder}')", domain=MOLECULES), MOLECULES.parse(ASPIRIN)[0]
    events = []
    formula_values([objective], [item, None, item], events.append)
    assert [(event.done, event.total) for event in events] == [(0, 3), (1, 3), (2, 3), (3, 3), (3, 3)]


def test_a_model_that_cannot_be_read_is_no_undefined_property(folder, monkeypatch):
    objective, item = Objective.parse(f"model('{folder}')", domain=MOLECULES), MOLECULES.parse(ASPIRIN)[0]
    monkeypatch.setenv("MOLVAE_MODEL_FOLDERS", "")
    with pytest.raises(ConfigError, match="may not be read"):
        formula_values([objective], [item])


@pytest.mark.parametrize("kind", [kind for kind, target in TARGETS.items() if target.reads_files])
def test_formulas_of_strangers_name_no_folders(kind, folder):
    text = f"{kind}('{folder}')"
    Objective.parse(text, domain=MOLECULES)
    with pytest.raises(ConfigError, match="takes no text"):
        Objective.parse(text, domain=MoleculeDomain(files=False))
    with pytest.raises(ConfigError, match="not allowed"):
        MoleculeDomain(files=False).target(kind, str(folder))
    Objective.parse("similarity('celecoxib')", domain=MoleculeDomain(files=False))


def test_a_process_says_from_where_models_are_read(folder, tmp_path, monkeypatch):
    item, text = MOLECULES.parse(ASPIRIN)[0], f"model('{folder}')"
    monkeypatch.setenv("MOLVAE_MODEL_FOLDERS", os.pathsep.join([str(tmp_path), str(folder.parent)]))
    assert math.isfinite(MOLECULES.compute(item, [text])[text])
    (tmp_path / "link").symlink_to(folder)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "model").symlink_to(folder)
    for allowed, name in (
        ("", folder),
        (str(tmp_path), folder),
        (str(tmp_path), tmp_path / "link"),
        (str(tmp_path), tmp_path / "run"),
        (str(folder / "sub"), folder / "sub" / ".."),
        (str(tmp_path), "/nowhere"),
    ):
        monkeypatch.setenv("MOLVAE_MODEL_FOLDERS", allowed)
        with pytest.raises(ConfigError, match="models may not be read from"):
            Objective.parse(f"model('{name}')", domain=MOLECULES)
        with pytest.raises(ConfigError, match="models may not be read from"):
            MOLECULES.compute(item, [f"model('{name}')"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model('nowhere')", "no folder 'nowhere': give one that 'molvae fit' has made"),
        ("model('.')", "it has no config.json"),
        ("model('a\\x00b')", "is not a folder of molvae fit"),
        ("model(3)", "unknown function 'model'"),
        ("model('a', 'b')", "unknown function 'model'"),
        ("model('a' + 'b')", "unknown function 'model'"),
        ("model(f'{1}')", "unknown function 'model'"),
    ],
)
def test_a_wrong_folder_is_a_message(text, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=message):
        Objective.parse(text, domain=MOLECULES)
