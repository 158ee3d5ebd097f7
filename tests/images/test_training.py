"""Training, resuming and measuring a VAE of images."""

import pytest
import torch

from molvae.core.checkpoint import load_tensors
from molvae.core.evaluate import importance_log_likelihood
from molvae.core.objectives import OBJECTIVES
from molvae.core.training import ObjectiveConfig
from molvae.errors import ConfigError
from molvae.images.batches import in_order
from molvae.images.datasets import load_images
from molvae.images.probes import neighbour_probe_error
from molvae.images.training import (
    ImageEvaluationConfig,
    ImageTrainConfig,
    evaluate_images,
    image_summary,
    train_images,
    training_panels,
)
from molvae.images.vae import ImageVAE
from molvae.run.progress import silent

from .conftest import quick

DISCRETE = {"posterior": "categorical", "prior": "uniform_categorical", "categories": 4}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_improves_the_held_out_bound(digits, tmp_path, name):
    config = quick(epochs=6)
    config = config.model_copy(update={"objective": ObjectiveConfig(name=name, samples=3)})
    log = []
    train_images(config, digits, tmp_path, progress=silent, on_log=lambda step, row: log.append(row))
    assert log[-1]["valid_objective"] > log[0]["valid_objective"]


def test_discrete_codes_are_trained_by_annealing_and_measured_hard(digits, tmp_path):
    config = quick(12, epochs=8, **DISCRETE)
    tau = {"kind": "exponential", "rate": 0.01, "floor": 0.5}
    config = config.model_copy(update={"objective": ObjectiveConfig.create({"temperature": tau})})
    log = []
    model = train_images(config, digits, tmp_path, "cpu", silent, lambda step, row: log.append(row))
    assert log[-1]["train_temperature"] < log[0]["train_temperature"] < 1
    assert log[-1]["valid_objective"] > log[0]["valid_objective"] + 1
    result = evaluate_images(model, digits, ImageEvaluationConfig(images=50, nll_images=50, nll_samples=200), silent)
    assert result["likelihood"]["nll"] < -result["bounds"]["elbo"] + 0.5


def test_of_a_plain_autoencoder_only_the_reconstruction_is_told(digits):
    model = ImageVAE(quick(posterior="point_mass").model, digits.shape)
    result = evaluate_images(model, digits, ImageEvaluationConfig(images=20), silent)
    assert set(result["bounds"]) == {"reconstruction", "active_units"} and "likelihood" not in result
    assert [name for name, _ in image_summary(result)] == ["log p(x given z), nats", "active units"]
    with pytest.raises(ConfigError, match="no density"):
        importance_log_likelihood(model, in_order(digits.test[:5], binarisation="threshold"), 2)


def test_a_run_with_averaged_weights_that_was_cut_ends_as_an_uninterrupted_one(digits, tmp_path):
    config = quick(epochs=3)
    config = config.model_copy(update={"fit": config.fit.model_copy(update={"average": 0.9, "checkpoint_every": 5})})

    class Killed(Exception):
        pass

    def kill(step, row):
        if step > 20:
            raise Killed

    whole = train_images(config, digits, tmp_path / "whole", progress=silent)
    with pytest.raises(Killed):
        train_images(config, digits, tmp_path / "cut", progress=silent, on_log=kill)
    resumed = train_images(config, digits, tmp_path / "cut", progress=silent)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    last, _ = load_tensors(tmp_path / "whole" / "last.safetensors")
    averaged = last["average.module.decoder.network.last.weight"]
    assert not torch.equal(averaged, last["model.decoder.network.last.weight"])


def test_a_nearly_perfect_memory_is_the_last_weights_and_none_is_no_average(digits, tmp_path):
    plain = quick(epochs=1)
    short = plain.model_copy(update={"fit": plain.fit.model_copy(update={"average": 1e-9})})
    one = train_images(plain, digits, tmp_path / "plain", progress=silent)
    other = train_images(short, digits, tmp_path / "short", progress=silent)
    for name, tensor in one.state_dict().items():
        torch.testing.assert_close(tensor, other.state_dict()[name], atol=1e-6, rtol=1e-5)


def test_points_of_a_plane_are_no_grey_values(tmp_path):
    rings = load_images("half_rings")
    with pytest.raises(ConfigError, match="Gaussian likelihood"):
        train_images(quick(), rings, tmp_path, progress=silent)
    config = quick(epochs=1, likelihood="gaussian").model_copy(update={"binarisation": "none"})
    model = train_images(config, rings, tmp_path, progress=silent)
    (panel,) = training_panels(model, rings, config)
    assert panel.kind == "scatter" and set(panel.frame["of"]) == {"data", "samples"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"binarisation": "none"}, "binary data"),
        ({"model": {"posterior": "point_mass"}}, "no density"),
        ({"objective": {"temperature": 0.5}}, "discrete codes, and no others"),
        ({"objective": {"prior_share": 0.5}}, "for models that complete images"),
        ({"model": {"latent_size": 12, **DISCRETE}}, "discrete codes, and no others"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(digits, tmp_path, settings, message):
    with pytest.raises(ConfigError, match=message):
        train_images(ImageTrainConfig.create(settings), digits, tmp_path, progress=silent)


def test_the_numbers_of_an_evaluation_name_their_protocol(plane_model, digits):
    config = ImageEvaluationConfig(images=100, nll_images=40, nll_samples=50)
    result = evaluate_images(plane_model, digits, config, progress=silent)
    assert result["likelihood"]["nll"] < -result["bounds"]["elbo"] + 1.0  # 40 of the 100 images, but the same model
    assert result["protocol"]["nll_images"] == 40 and result["protocol"]["binarisation"] == "dynamic"
    assert evaluate_images(plane_model, digits, config, progress=silent) == result
    lines = dict(image_summary(result))
    assert any("50 importance samples, 40 images" in name for name in lines)


def test_a_trained_model_is_shown(plane_model, class_model, digits):
    names = [panel.name for panel in training_panels(plane_model, digits, quick())]
    assert names == ["reconstructions", "samples", "manifold"]
    panels = training_panels(class_model, digits, quick(4, conditional=True))
    assert [panel.array.shape for panel in panels] == [(2, 12, 8, 8), (4, 12, 8, 8)]


def test_training_begins_with_the_weights_of_another_run(digits, tmp_path):
    """The objective may change from run to run, the architecture may not."""
    small = {"latent_size": 2, "network": {"hidden_size": 16, "depth": 1}}
    fit = {"epochs": 3, "warmup_steps": 2, "precision": "float32"}
    first = train_images(ImageTrainConfig.create({"model": small, "fit": fit}), digits, tmp_path / "a", progress=silent)
    first.save_pretrained(tmp_path / "model")
    still = {**fit, "learning_rate": 1e-12}  # hardly moves
    settings = {"model": small, "fit": still, "initial": str(tmp_path / "model"), "objective": {"name": "iwae"}}
    second = train_images(ImageTrainConfig.create(settings), digits, tmp_path / "b", progress=silent)
    for name, value in first.state_dict().items():
        torch.testing.assert_close(second.state_dict()[name], value, atol=1e-6, rtol=0)
    other = ImageTrainConfig.create({**settings, "model": {**small, "latent_size": 3}})
    with pytest.raises(ConfigError, match="another architecture"):
        train_images(other, digits, tmp_path / "c", progress=silent)


def test_styles_held_to_the_prior_tell_less_of_their_class(digits, tmp_path):
    """Louizos et al. 2016: the error of a classifier on the codes rises, and the bound pays for it."""
    errors = []
    for weight in (0.0, 300.0):
        config = quick(4, epochs=15, conditional=True).model_copy(update={"style_mmd": weight})
        model = train_images(config, digits, tmp_path / str(weight), progress=silent)
        train, test = (model.encode((part.pixels > 0.5).float(), part.labels) for part in (digits.train, digits.test))
        errors.append(neighbour_probe_error(train, digits.train.labels, test, digits.test.labels))
    assert errors[1] > errors[0] + 0.05
    with pytest.raises(ConfigError, match="given the class"):
        train_images(quick().model_copy(update={"style_mmd": 1.0}), digits, tmp_path, progress=silent)
