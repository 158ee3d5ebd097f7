"""Training of a VAE of images as a recipe: model, pictures and numbers in one folder."""

import json

import pytest

from molvae.core.pretrained import load_model
from molvae.errors import ConfigError
from molvae.experiments.images import ImagesRecipe
from molvae.run.panels import load_panels
from molvae.run.progress import silent
from molvae.run.recipe import Context

from .studies.small import TRAIN


def test_model_pictures_and_numbers(tmp_path):
    train = {**TRAIN, "binarisation": "threshold"}
    recipe = ImagesRecipe.create({"train": train, "evaluation": {"images": 30, "nll_images": 10, "nll_samples": 5}})
    result = recipe.execute(Context(tmp_path / "run", "cpu", progress=silent))
    assert load_model(result.files["model"], "cpu").latent_size == 3
    numbers = json.loads(result.files["numbers"].read_text())
    assert numbers["protocol"]["binarisation"] == "threshold"  # that of the training, whatever the evaluation says
    assert "NLL, nats (5 importance samples, 10 images)" in result.text
    assert {panel.kind for panel in load_panels(result.folder)} == {"images"}


def test_settings_that_contradict_each_other_leave_no_folder(tmp_path):
    recipe = ImagesRecipe.create({"train": {**TRAIN, "binarisation": "none"}})
    with pytest.raises(ConfigError, match="a Bernoulli likelihood needs binary data"):
        recipe.execute(Context(tmp_path / "run", "cpu", progress=silent))
    assert not (tmp_path / "run").exists()
