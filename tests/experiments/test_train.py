"""Training as a recipe: a model folder that others take, with its card, and a run that goes on."""

import pytest

from molvae.core.pretrained import load_model
from molvae.errors import RunFolderError
from molvae.experiments.train import TrainRecipe
from molvae.run.progress import silent
from molvae.run.recipe import Context

from .conftest import MOLECULES, TINY_TRAINING


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    monkeypatch.setenv("MOLVAE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "data.smi").write_text("\n".join([*MOLECULES, "CCCO"]))
    return TrainRecipe.create({"data": str(tmp_path / "data.smi"), "train": TINY_TRAINING})


def test_the_model_folder_has_all_that_others_need(recipe, tmp_path):
    result = recipe.execute(Context(tmp_path / "run", "cpu", workers=1, progress=silent))
    model = load_model(result.files["model"], "cpu")
    assert model.latent_size == 4 and model.encode(["CCO"]).shape == (1, 4)
    assert "CCO" in model.known and "CCCCCC" not in model.known
    assert "data.smi" in model.card and '"latent_size": 4' in model.card


def test_the_same_goes_on_and_other_data_is_refused(recipe, tmp_path):
    context = Context(tmp_path / "run", "cpu", workers=1, progress=silent)
    weights = load_model(recipe.execute(context).files["model"], "cpu").fingerprint()
    checkpoint = (tmp_path / "run" / "last.safetensors").stat().st_mtime_ns
    assert load_model(recipe.execute(context).files["model"], "cpu").fingerprint() == weights
    assert (tmp_path / "run" / "last.safetensors").stat().st_mtime_ns == checkpoint
    (tmp_path / "data.smi").write_text("\n".join([*MOLECULES[1:], "CCCO"]))
    with pytest.raises(RunFolderError, match=r"changed since it began .*sources.train"):
        recipe.execute(context)
