"""Vector-quantised models of images, and the prior that is learned for their codes."""

import math

import pytest
import torch

from molvae.core import fit as loop
from molvae.core.fit import FitConfig
from molvae.core.pretrained import load_model
from molvae.errors import ConfigError
from molvae.images.batches import in_order
from molvae.images.code_prior import CodePriorTrainConfig, learn_prior
from molvae.images.training import (
    ImageEvaluationConfig,
    ImageTrainConfig,
    check,
    evaluate_images,
    image_summary,
    train_images,
    training_panels,
)
from molvae.images.vae import ImageVAE, ImageVAEConfig
from molvae.run.progress import silent

GRID = {"kind": "grid", "levels": 1, "depth": 1, "channels": 16, "activation": "silu"}
MODEL = {"latent_size": 16 * 4, "likelihood": "discretised_logistic", "network": GRID}
CODES = {**MODEL, "codebook": {"size": 12}}


def settings(model: dict[str, object], epochs: int = 6) -> ImageTrainConfig:
    fit = {"epochs": epochs, "learning_rate": 4e-3, "warmup_steps": 10, "clip_norm": 200.0, "precision": "float32"}
    return ImageTrainConfig.create(
        {"binarisation": "none", "batch_size": 50, "model": model, "fit": fit, "validation_images": 100}
    )


@pytest.fixture(scope="module")
def trained(digits, tmp_path_factory) -> ImageVAE:
    return train_images(settings(CODES), digits, tmp_path_factory.mktemp("codes"), "cpu", silent)


@pytest.fixture(scope="module")
def learned(trained, digits, tmp_path_factory) -> ImageVAE:
    config = CodePriorTrainConfig(
        network={"channels": 16, "layers": 3}, batch_size=50, fit=FitConfig(epochs=4, learning_rate=5e-3)
    )
    return learn_prior(trained, config, digits, tmp_path_factory.mktemp("prior"), "cpu", silent)


def test_a_learned_prior_saves_bits_and_changes_nothing_else(trained, learned, digits):
    measure = ImageEvaluationConfig(images=200, binarisation="none")
    before, after = (evaluate_images(model, digits, measure, silent) for model in (trained, learned))
    assert before["bounds"]["kl"] == pytest.approx(16 * math.log(12))
    assert after["bounds"]["kl"] < 0.9 * before["bounds"]["kl"]
    assert after["bounds"]["reconstruction"] == pytest.approx(before["bounds"]["reconstruction"])
    assert after["bits_per_dimension"] == pytest.approx(-after["bounds"]["elbo"] / (64 * math.log(2)))
    codes = after["codes"]
    assert codes["uniform_bits"] == pytest.approx(16 * math.log2(12)) and codes["bits"] < 0.9 * codes["uniform_bits"]
    assert codes["bits"] == pytest.approx(after["bounds"]["kl"] / math.log(2), rel=1e-4)
    assert codes["perplexity"] > 4 and codes["used"] > 0.5
    assert "likelihood" not in after
    assert "perplexity of the 12 codes" in dict(image_summary(after))


def test_a_model_folder_keeps_codebook_and_prior(learned, digits, tmp_path):
    learned.save_pretrained(tmp_path)
    loaded = load_model(tmp_path, "cpu")
    (batch,) = in_order(digits.test[:5], 5)
    with torch.no_grad():
        torch.testing.assert_close(loaded.terms(batch).kl, learned.terms(batch).kl)
    generator = [torch.Generator().manual_seed(3) for _ in range(2)]
    assert torch.equal(loaded.sample(4, generator=generator[0]), learned.sample(4, generator=generator[1]))
    uniform = loaded.with_prior(None, None)
    assert float(uniform.terms(batch).kl[0]) == pytest.approx(16 * math.log(12))


def test_a_path_between_images_consists_of_codes(learned, digits):
    path = learned.interpolate(digits.test.pixels[:2], 5)
    assert path.shape == (5, 1, 8, 8)
    torch.testing.assert_close(path[0], learned.reconstruct(digits.test.pixels[:1])[0])
    assert learned.codes(digits.test.pixels[:7]).shape == (7, 16)


def test_pictures_show_both_priors(trained, learned, digits):
    names = [panel.name for panel in training_panels(learned, digits, settings(CODES))]
    assert names == ["reconstructions", "samples", "samples-uniform"]
    assert "samples-uniform" not in [panel.name for panel in training_panels(trained, digits, settings(CODES))]


def test_training_that_is_taken_up_again_ends_with_the_same_codes(digits, tmp_path):
    """The codebook learns while the model runs: what it has learned is part of a checkpoint."""
    config = settings(CODES, epochs=1)
    config = config.model_copy(update={"fit": config.fit.model_copy(update={"checkpoint_every": 5})})
    whole = train_images(config, digits, tmp_path / "whole", "cpu", silent)

    class Killed(Exception):
        pass

    saved = loop.save_tensors

    def save_then_die(path, tensors, header=None) -> None:
        saved(path, tensors, header)
        if path.name == loop.LAST and header["step"] == 10:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "save_tensors", save_then_die)
        with pytest.raises(Killed):
            train_images(config, digits, tmp_path / "parts", "cpu", silent)
    resumed = train_images(config, digits, tmp_path / "parts", "cpu", silent)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_a_gaussian_code_on_the_same_grid_is_trained_by_the_same_networks(digits, tmp_path):
    gaussian = train_images(settings(MODEL, 2), digits, tmp_path, "cpu", silent)
    vq = ImageVAE(ImageVAEConfig.create(CODES), digits.shape)
    size = [sum(p.numel() for p in model.decoder.parameters()) for model in (gaussian, vq)]
    assert size[0] == size[1]
    result = evaluate_images(
        gaussian, digits, ImageEvaluationConfig(images=50, nll_images=0, binarisation="none"), silent
    )
    assert 0 < result["bits_per_dimension"] < 8 and "codes" not in result


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": {"kind": "mlp"}}, "set network.kind to grid"),
        ({"posterior": "point_mass"}, "posterior and prior in one"),
        ({"conditional": True}, "a code on a grid is not conditional"),
    ],
)
def test_a_codebook_without_its_grid_is_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        ImageVAEConfig.create({**CODES, **changes})


def test_what_does_not_fit_is_one_message(plane_model, digits, tmp_path):
    with pytest.raises(ConfigError, match="a multiple of 16, not 50"):
        ImageVAE(ImageVAEConfig.create({**CODES, "latent_size": 50}), digits.shape)
    with pytest.raises(ConfigError, match="is of grey values"):
        check(ImageTrainConfig.create({"model": MODEL, "binarisation": "dynamic"}))
    with pytest.raises(ConfigError, match="no codebook"):
        plane_model.codes(digits.test.pixels[:2])
    with pytest.raises(ConfigError, match=r"set train\.model\.codebook"):
        learn_prior(plane_model, CodePriorTrainConfig(), digits, tmp_path, "cpu", silent)
