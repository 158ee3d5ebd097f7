"""MONet: images as slots whose masks are attended to one after the other."""

import pytest
import torch

from molvae.core.evaluate import importance_log_likelihood
from molvae.core.pretrained import load_model
from molvae.core.slot_mixture import MASKS, AttendedSlots, SlotMixture
from molvae.errors import ConfigError
from molvae.images.batches import in_order
from molvae.images.datasets import ImageData, tetrominoes
from molvae.images.networks import ENCODERS, NetworkConfig
from molvae.images.pictures import slot_panel
from molvae.images.training import (
    ImageEvaluationConfig,
    ImageTrainConfig,
    evaluate_images,
    image_summary,
    train_images,
    training_panels,
)
from molvae.images.vae import ImageVAE, ImageVAEConfig
from molvae.run.progress import silent

MONET = {
    "latent_size": 3 * 4,
    "likelihood": "gaussian_fixed_sigma",
    "sigma": 0.36,
    "background_sigma": 0.3,
    "network": {"kind": "monet", "slots": 3, "hidden_size": 16, "channels": 8, "depth": 1, "activation": "relu"},
}
CONFIG = ImageTrainConfig.create(
    {
        "batch_size": 20,
        "binarisation": "none",
        "model": MONET,
        "objective": {"beta": 0.5},
        "fit": {"epochs": 3, "learning_rate": 3e-3, "warmup_steps": 5, "precision": "float32"},
    }
)


@pytest.fixture(scope="module")
def scenes() -> ImageData:
    return ImageData("tetrominoes", tetrominoes(200, 0, 2), tetrominoes(20, 1, 2), tetrominoes(20, 2, 2))


@pytest.fixture(scope="module")
def trained(scenes, tmp_path_factory) -> tuple[ImageVAE, list[dict[str, float]]]:
    log: list[dict[str, float]] = []
    folder = tmp_path_factory.mktemp("monet")
    model = train_images(CONFIG, scenes, folder, "cpu", silent, lambda step, row: log.append(dict(row)))
    return model, log


def test_it_learns_and_is_measured_on_the_way(trained, scenes):
    model, log = trained
    assert log[-1]["train_objective"] > log[0]["train_objective"] + 50
    assert log[-1]["valid_objective"] > log[0]["valid_objective"]
    assert log[-1]["train_masks"] < 0 and -1 <= log[-1]["valid_foreground_ari"] <= 1
    settings = ImageEvaluationConfig(nll_images=3, nll_samples=5, binarisation="none")
    result = evaluate_images(model, scenes, settings, silent)
    assert {"foreground ARI of the slots", "ELBO, nats"} <= dict(image_summary(result)).keys()


def test_masks_cover_every_pixel_once_however_certain_they_are(scenes):
    torch.manual_seed(0)
    encoder = ENCODERS["monet"]((3, 24, 24), 12, NetworkConfig.create(MONET["network"]))
    pixels = scenes.test.pixels[:4]
    for scale in (1.0, 1e4):
        encoder.attention.last.weight.data *= scale
        log_masks = encoder.attend(pixels)
        assert log_masks.shape == (4, 3, 1, 24, 24) and torch.isfinite(encoder.describe(pixels, log_masks)).all()
        torch.testing.assert_close(log_masks.exp().sum(1), torch.ones(4, 1, 24, 24))
    with pytest.raises(ConfigError, match="not conditional"):
        ENCODERS["monet"]((3, 24, 24), 12, NetworkConfig.create(MONET["network"]), classes=3)
    with pytest.raises(ConfigError, match="sides that are multiples of 4"):
        ENCODERS["monet"]((3, 24, 22), 12, NetworkConfig.create(MONET["network"]))


def test_training_weighs_pixels_with_the_masks_of_the_encoder_and_a_bound_with_those_of_the_decoder(trained, scenes):
    model, _ = trained
    (batch,) = in_order(scenes.test[:4], 4)
    q = model.posterior(batch)
    assert isinstance(q, AttendedSlots)
    with torch.no_grad():
        bound = model.terms(batch, 2, torch.Generator().manual_seed(0))
        try:
            paper = model.train().terms(batch, 2, torch.Generator().manual_seed(0))
        finally:
            model.eval()
    assert isinstance(bound.px, SlotMixture) and isinstance(paper.px, SlotMixture)
    torch.testing.assert_close(paper.px.log_masks, q.log_masks)
    torch.testing.assert_close(bound.log_px, model.likelihood(bound.z, batch).log_prob(batch.pixels))
    torch.testing.assert_close(paper.log_px, bound.px.with_masks(q.log_masks).log_prob(batch.pixels))
    torch.testing.assert_close(paper.aux[MASKS], q.mask_agreement(bound.px))
    sigma = (0.5 * bound.px.log_var).exp().flatten()
    torch.testing.assert_close(sigma, torch.tensor([0.3, 0.36, 0.36]))


def test_the_bound_lies_below_the_likelihood(trained, scenes):
    """With the decoder's masks it is one of log p(x): more samples of the importance-weighted bound only raise it."""
    model, _ = trained
    batches = in_order(scenes.test[:6], 6)
    few, many = (importance_log_likelihood(model, batches, number, 0).nll for number in (1, 50))
    assert many < few


def test_it_segments_by_the_masks_of_the_encoder(trained, scenes):
    model, _ = trained
    pictures, masks = model.components(scenes.test.pixels[:3])
    (batch,) = in_order(scenes.test[:3], 3)
    q = model.posterior(batch)
    assert isinstance(q, AttendedSlots) and pictures.shape == (3, 3, 3, 24, 24)
    torch.testing.assert_close(masks, q.log_masks.exp())
    assert slot_panel(model, scenes.test.pixels[:2]).array.shape[:2] == (2, 2 + 3 * 3)
    names = [panel.name for panel in training_panels(model, scenes, CONFIG)]
    assert names == ["reconstructions", "samples", "slots"]


def test_it_draws_from_its_prior_and_comes_back_from_its_folder(trained, scenes, tmp_path):
    model, _ = trained
    seed = torch.Generator().manual_seed
    assert model.sample(5, generator=seed(0)).shape == (5, 3, 24, 24)
    assert model.sample(5, noise=True, generator=seed(0)).std() > 0.2
    model.save_pretrained(tmp_path)
    again, pixels = load_model(tmp_path, "cpu"), scenes.test.pixels[:3]
    assert torch.equal(again.components(pixels)[1], model.components(pixels)[1])
    assert torch.equal(again.reconstruct(pixels), model.reconstruct(pixels))
    assert model.with_slots(5).components(pixels)[1].shape == (3, 5, 1, 24, 24)


def test_settings_that_it_does_not_have_are_refused():
    for change, message in (
        ({"posterior": "point_mass"}, "the posterior diagonal_gaussian and a Gaussian likelihood"),
        ({"likelihood": "bernoulli", "background_sigma": None}, "a Gaussian likelihood"),
        ({"likelihood": "gaussian"}, "background_sigma is of the network monet"),
        ({"network": {"kind": "mlp"}}, "background_sigma is of the network monet"),
        ({"latent_size": 13}, "a multiple of their number"),
    ):
        with pytest.raises(ConfigError, match=message):
            ImageVAEConfig.create({**MONET, **change})
