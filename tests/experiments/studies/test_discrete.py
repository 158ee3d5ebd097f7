"""Estimators of the gradient of discrete codes: what is noisy, and what is biased."""

import torch

from molvae.experiments.studies.discrete import ESTIMATORS, measure
from molvae.experiments.studies.registry import study_settings
from molvae.images.datasets import load_images
from molvae.images.vae import ImageVAE, ImageVAEConfig

from .small import SMALL, run


def test_every_estimator_has_its_bound_and_its_noise():
    panels = run("discrete")
    assert panels["estimators"].frame["estimator"].tolist() == list(ESTIMATORS) * 2
    assert {"curves-4-3", "pictures-4-3", "curves-6-2", "pictures-6-2"} <= set(panels)
    noise = panels["gradient-noise"].frame
    first = noise[(noise["code"] == "4 x 3") & (noise["weights"] == "initial")].set_index("estimator")["variance"]
    assert first["score function"] > 20 * first["score function, leave-one-out"]
    assert first["score function, leave-one-out"] > first["Gumbel-softmax"]


def test_without_bias_the_mean_points_where_many_samples_do():
    config = study_settings("discrete", {**SMALL["discrete"], "draws": 150, "batch": 2})
    digits = load_images("digits")
    torch.manual_seed(0)
    settings = {"latent_size": 12, "categories": 3, "posterior": "categorical", "prior": "uniform_categorical"}
    model = ImageVAE(ImageVAEConfig.create({**settings, "network": {"hidden_size": 16, "depth": 1}}), digits.shape)
    rows = {row["estimator"]: row["cosine"] for row in measure(model, config, digits, seed=0, step=0)}
    assert rows["score function, leave-one-out"] > 0.9 and rows["score function"] < 0.9
