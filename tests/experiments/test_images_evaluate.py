"""Evaluation of a VAE of images: the numbers of its test images, and no images of another shape."""

import json

import pytest

from molvae.errors import ConfigError
from molvae.experiments.images_evaluate import ImagesEvaluateRecipe
from molvae.images.datasets import load_images
from molvae.images.vae import ImageVAE, ImageVAEConfig
from molvae.run.progress import silent
from molvae.run.recipe import Context


@pytest.fixture
def model(tmp_path):
    digits = load_images("digits")
    model = ImageVAE(ImageVAEConfig(latent_size=2), digits.shape)
    model.set_mean(digits.train.pixels)
    model.save_pretrained(tmp_path / "model")
    return str(tmp_path / "model")


def test_a_model_that_learned_nothing_is_measured(model, tmp_path):
    recipe = ImagesEvaluateRecipe.create(
        {"model": model, "evaluation": {"images": 40, "nll_images": 20, "nll_samples": 10}}
    )
    result = recipe.execute(Context(tmp_path / "run", "cpu", progress=silent))
    numbers = json.loads(result.files["numbers"].read_text())
    assert numbers["protocol"]["data"] == "digits"
    assert "NLL, nats (10 importance samples, 20 images)" in result.text
    again = recipe.execute(Context(tmp_path / "run", "cpu", progress=silent))
    assert again.text == result.text


def test_images_of_another_shape_are_refused_and_leave_no_folder(model, tmp_path):
    recipe = ImagesEvaluateRecipe(model=model, data="half_rings")
    with pytest.raises(ConfigError, match=r"is a model of images \(1, 8, 8\); those of half_rings are \(1, 1, 2\)"):
        recipe.execute(Context(tmp_path / "run", "cpu", progress=silent))
    assert not (tmp_path / "run").exists()
