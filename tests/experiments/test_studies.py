"""Every study runs on embedded data with small settings, and shows what it promises."""

import numpy as np
import pytest

from molvae.errors import ConfigError, InputError
from molvae.experiments.studies.labels import METHODS
from molvae.experiments.studies.registry import STUDIES, run_study, study_settings
from molvae.images.datasets import load_images
from molvae.run.panels import Panel
from molvae.run.progress import silent

from ..other_device import other_device

FIT = {"epochs": 2, "learning_rate": 5e-3, "warmup_steps": 5, "precision": "float32"}
NETWORK = {"hidden_size": 32, "depth": 1}
TRAIN = {"fit": FIT, "model": {"latent_size": 3, "network": NETWORK}, "validation_images": 50}
GREY = {**TRAIN, "binarisation": "none", "model": {**TRAIN["model"], "likelihood": "gaussian"}}
M2 = {"vae": {"latent_size": 3, "conditional": True, "network": NETWORK}, "classifier": NETWORK, "fit": FIT}
SMALL = {
    "gradient_variance": {"train": TRAIN, "marks": [0, 5], "draws": 60, "batch": 10},
    "marginal_likelihood": {"train": TRAIN, "latent_sizes": [2, 6], "samples": [1, 10, 100], "images": 10},
    "inference": {"train": {**TRAIN, "binarisation": "threshold"}, "epochs": 3, "bottlenecks": [2, 4]},
    "likelihoods": {"train": GREY, "samples": 5},
    "collapse": {"train": TRAIN, "warmup_steps": 10},
    "half_rings": {
        "train": {**GREY, "model": {**GREY["model"], "latent_size": 2}},
        "seeds": [0],
        "pixels": 12,
        "samples": 5,
    },
    "latent_sizes": {"train": TRAIN, "latent_sizes": [2, 4]},
    "manifold": {"train": TRAIN, "side": 4},
    "classes": {"train": TRAIN, "components": 2},
    "semi_supervised": {
        "labels": [20],
        "seeds": 2,
        "m1": TRAIN,
        "m2": M2,
        "m1m2": {**M2, "vae": {**M2["vae"], "likelihood": "gaussian_shared_sigma"}, "binarisation": "none"},
        "cnn_fit": FIT,
    },
}


def run(name: str, device: str = "cpu") -> dict[str, Panel]:
    data = load_images(STUDIES[name].data)
    panels = run_study(name, study_settings(name, SMALL[name]), data, 0, device, silent)
    return {panel.name: panel for panel in panels}


def check(panels: dict[str, Panel]) -> None:
    assert panels
    for panel in panels.values():
        assert panel.title
        if panel.kind == "images":
            assert panel.array.ndim == 4 and np.isfinite(panel.array).all()
            assert panel.array.min() >= 0 and panel.array.max() <= 1
        else:
            assert len(panel.frame) and not panel.frame.isna().any().any()


@pytest.mark.parametrize("name", STUDIES)
def test_study(name):
    check(run(name))


@pytest.mark.parametrize("name", STUDIES)
def test_on_an_accelerator_nothing_stays_behind(name):
    """Every study on a device whose tensors cannot be mixed with those of the processor."""
    with other_device() as device:
        check(run(name, device))


def test_gradients_agree_in_their_mean_and_differ_in_their_noise():
    table = run("gradient_variance")["gradient-table"].frame
    others = table[table["estimator"] != "reparameterised, closed KL"]
    assert others["disagreement"].between(0.5, 1.6).all()
    plain = table[table["estimator"] == "score function"]
    assert (plain["ratio"] > 20).all()


def test_prior_samples_are_below_importance_samples():
    frame = run("marginal_likelihood")["marginal-6"].frame
    assert frame["samples of the prior"].iloc[0] < frame["importance samples of q(z|x)"].iloc[0]
    assert frame["ELBO"].iloc[0] <= frame["importance samples of q(z|x)"].iloc[-1] + 0.1


def test_the_table_of_errors_has_every_method():
    panels = run("semi_supervised")
    assert panels["errors"].frame["method"].tolist() == list(METHODS)
    assert len(panels["error-runs"].frame) == 2 * len(METHODS)
    assert panels["error-runs"].frame["error"].between(0, 100).all()


def test_a_study_of_classes_needs_classes():
    rings = load_images("half_rings")
    unlabelled = type(rings)(
        "faces", *(type(rings.train)(part.pixels) for part in (rings.train, rings.valid, rings.test))
    )
    with pytest.raises(ConfigError, match="no classes"):
        run_study("classes", study_settings("classes", {}), unlabelled, 0, "cpu", silent)


def test_codes_that_say_nothing_are_an_error_of_ours():
    untrained = {**TRAIN, "fit": {**FIT, "epochs": 1, "learning_rate": 1e-9}}
    settings = study_settings("semi_supervised", {"methods": ["M1+SVM"], "labels": [20], "seeds": 1, "m1": untrained})
    with pytest.raises(InputError, match="no active dimension"):
        run_study("semi_supervised", settings, load_images("digits"), 0, "cpu", silent)


def test_a_partial_table_keeps_the_settings_of_the_study():
    settings = study_settings("half_rings", {"train": {"fit": {"epochs": 3}}})
    assert (settings.train.binarisation, settings.train.model.latent_size) == ("none", 2)
    assert (settings.train.fit.epochs, settings.train.fit.learning_rate) == (3, 3e-3)
