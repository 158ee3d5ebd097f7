"""molvae fit from a table to a folder: the noise is found, the card tells, a campaign uses it."""

import json

import pandas as pd
import pytest
from markupsafe import escape

from molvae.core.pretrained import load_model
from molvae.design.campaign import Campaign
from molvae.errors import ConfigError, InputError, RunFolderError
from molvae.experiments.fit import FitRecipe, SimulatedAssay
from molvae.report import build
from molvae.run.progress import silent
from molvae.run.recipe import Context


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """An assay with a row of each kind that cannot be used."""
    path = tmp_path_factory.mktemp("assay") / "assay<b>.csv"
    frame = SimulatedAssay(molecules=80, replicates=20).table()
    bad = pd.DataFrame({"smiles": ["C1CC", "CCO", "CCN", "CCC"], "activity": ["5", ">10", "inf", ""]})
    pd.concat([frame.astype(str), bad]).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def run(table, tmp_path_factory):
    recipe = FitRecipe(data=str(table), kernel="fingerprint", folds=3)
    folder = tmp_path_factory.mktemp("run") / "fit"
    return recipe, recipe.execute(Context(folder, "cpu", progress=silent))


def test_the_folder_has_all_that_a_reader_needs(run):
    folder = run[1].folder
    assert {path.name for path in (folder / "model").iterdir()} == {
        "config.json",
        "model.safetensors",
        "training.csv",
        "README.md",
        "predicted.png",
        "calibration.png",
    }
    card = (folder / "model" / "README.md").read_text()
    for word in (
        "4 of 104 rows left out",
        "| random | chosen |",
        "| scaffold | chosen |",
        "1 censored values",
        "SHA-256",
    ):
        assert word in card
    assert "<b>" not in card  # a file's name is not markup
    reasons = pd.read_csv(folder / "refused.csv")["reason"].tolist()
    assert [reason.split(":")[0] for reason in reasons] == [
        "molecule",
        "censored value",
        "not a finite number",
        "no value",
    ]


def test_the_validation_is_told_in_words_numbers_and_pictures(run):
    result = run[1]
    numbers = json.loads((result.folder / "validation.json").read_text())
    rmse = {(row["split"], row["method"]): row["RMSE"] for row in numbers["validation"]}
    assert rmse["random", "chosen"] < 0.8 * rmse["random", "mean"]
    assert 0.1 < numbers["noise_sd"] < 0.5  # 0.3
    assert numbers["replicate_sd"] == pytest.approx(0.3, rel=0.5)
    assert "model('" in result.text and "RMSE" in result.text
    page = build(result.folder).read_text()
    assert "Predicted against measured, scaffold split" in page and "Calibration" in page


def test_a_run_folder_is_of_one_table(run, table):
    recipe, result = run
    table.write_text(table.read_text() + "CCCO,5.5\n")
    with pytest.raises(RunFolderError, match=r"something has changed since it began .sha256"):
        recipe.execute(Context(result.folder, "cpu", progress=silent))


def test_settings_that_make_no_sense_are_refused():
    for settings, message in (
        ({"kernel": "rbf"}, "there are auto, fingerprint, latent, sum"),
        ({"folds": 1}, "one fold leaves nothing to learn from"),
        ({"concentration": "mg"}, "there are M, mM"),
    ):
        with pytest.raises(ConfigError, match=message):
            FitRecipe.create(settings)


def test_a_design_run_a_table_of_scores_and_predictions_agree(run, molvae, tmp_path):
    folder = run[1].folder
    name = f"model('{folder}')"
    settings = ["-m", "zinc250k-small", "-q", "--budget", "12", "--start-size", "8", "-o", "run"]
    done = molvae("design", "--objective", f"{name} + 0.5*QED", *settings)  # scored in a process that loads the model
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "run" / "molecules.csv")
    assert (table["status"] == "ok").all() and len(table) == 12
    assert {name, f"model_sd('{folder}')", f"model_similarity('{folder}')", f"model_in_domain('{folder}')"} <= set(
        table
    )
    assert escape(f"model_sd('{folder}')") in (tmp_path / "run" / "report.html").read_text()
    scored = molvae("score", "-i", "run/molecules.csv", "--objective", f"{name} + 0.5*QED", "-o", "scored.csv")
    assert scored.returncode == 0, scored.stderr
    again = pd.read_csv(tmp_path / "scored.csv")
    assert again["score"].to_numpy() == pytest.approx(table["score"].to_numpy())
    predicted = molvae("predict", folder, "-i", "run/molecules.csv", "-o", "predicted.csv")
    assert predicted.returncode == 0, predicted.stderr
    assert pd.read_csv(tmp_path / "predicted.csv")["activity"].to_numpy() == pytest.approx(table[name].to_numpy())


def test_a_campaign_goes_on_only_with_the_very_same_model(run, tmp_path):
    folder = run[1].folder
    vae = load_model("zinc250k-small")
    settings = {"budget": 10, "start_size": 8, "num_workers": 0, "progress": silent, "strategy": "screening"}
    with Campaign(vae, f"lower('{folder}')", folder=tmp_path / "run", **settings) as campaign:
        campaign.advance()
    path = folder / "model" / "config.json"
    before = path.read_text()
    path.write_text(before + "\n")  # another file, if not another model
    with pytest.raises(RunFolderError, match=r"something has changed since it began .files"):
        Campaign.resume(tmp_path / "run", vae, progress=silent)
    path.write_text(before)
    with Campaign.resume(tmp_path / "run", vae, progress=silent) as campaign:
        assert len(campaign.run()) == 10


def test_the_command_says_what_is_wrong(molvae, tmp_path):
    (tmp_path / "assay.csv").write_text("smiles,y\nCCO,1\n")
    assert "no column 'pIC50'; its columns" in molvae("fit", "assay.csv", "--target", "pIC50").stderr
    assert "1 usable molecules with 'y'; a model needs 10" in molvae("fit", "assay.csv", "--target", "y").stderr
    assert "no such file" in molvae("fit", "nothing.csv", "--target", "y").stderr
    assert "no folder 'nothing'" in molvae("predict", "nothing", "-i", "assay.csv").stderr


def test_a_formula_that_is_defined_nowhere_is_named():
    with pytest.raises(InputError, match=r"formula 'log\(-MW\)' has a finite value for 0 of 20 molecules"):
        SimulatedAssay(formula="log(-MW)", molecules=10).table()
