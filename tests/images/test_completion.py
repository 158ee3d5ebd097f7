"""Images completed from some of their quadrants."""

import numpy as np
import pytest
import torch

from molvae.core.pretrained import load_model
from molvae.core.priors import GaussianPrior
from molvae.errors import ConfigError, InputError
from molvae.images.batches import in_order
from molvae.images.completion import GUESS, HiddenPart, given_pixels
from molvae.images.pictures import completion_panel, manifold_panel, path_panel, sample_panel
from molvae.images.training import (
    ImageEvaluationConfig,
    evaluate_images,
    image_summary,
    train_images,
    training_panels,
)
from molvae.images.vae import ImageVAE, ImageVAEConfig
from molvae.run.progress import silent

from .conftest import quick


@pytest.fixture(scope="module")
def model(digits, tmp_path_factory) -> ImageVAE:
    """Completes digits from their left half."""
    config = quick(8, epochs=16, quadrants=2)
    return train_images(config, digits, tmp_path_factory.mktemp("completion"), progress=silent)


def test_quadrants_are_given_from_the_lower_left_on():
    assert given_pixels(1, 4, 4).tolist() == [[False] * 4] * 2 + [[True, True, False, False]] * 2
    assert given_pixels(2, 4, 4).tolist() == [[True, True, False, False]] * 4
    assert given_pixels(3, 5, 4).sum() == 5 * 4 - 2 * 2  # of an odd height, the upper part is the smaller


def test_the_hidden_part_is_taken_out_and_put_back():
    images = torch.rand(3, 2, 4, 6)
    part = HiddenPart(1, 4, 6)
    hidden = part(images)
    assert hidden.shape == (3, 2, 1, 18) and part.size == 18
    assert torch.equal(part.filled(part.without(images), hidden), images)
    assert torch.equal(part.without(images)[:, :, 2:, :3], images[:, :, 2:, :3])
    assert part.without(images).count_nonzero() == 3 * 2 * 6


def test_nothing_that_predicts_sees_the_hidden_part(model, digits):
    """The prior and the plain network depend on what is given, the recognition network on the whole."""
    (batch,) = in_order(digits.test[:20], 20, "threshold")
    part = model.completion.hidden
    other = part.filled(batch.pixels, 1 - part(batch.pixels))
    (changed,) = in_order(type(digits.test)(other), 20)
    assert torch.equal(model.prior_for(batch).mu, model.prior_for(changed).mu)
    assert torch.equal(model.completion.guess(batch.pixels).mean, model.completion.guess(other).mean)
    assert not torch.allclose(model.posterior(batch).mean, model.posterior(changed).mean)
    assert isinstance(model.prior_for(batch), GaussianPrior)


def test_the_plain_network_learns_from_its_own_term_alone(model, digits):
    (batch,) = in_order(digits.train[:30], 30, "threshold")
    terms = model.terms(batch, 2, torch.Generator().manual_seed(0))
    plain = list(model.completion.plain.parameters())
    others = [*model.encoder.parameters(), *model.decoder.parameters(), *model.completion.prior_network.parameters()]
    bound = (terms.log_px.mean(0) - terms.kl).sum()
    assert all(g is None for g in torch.autograd.grad(bound, plain, retain_graph=True, allow_unused=True))
    guess = terms.aux[GUESS].sum()
    assert all(g is None for g in torch.autograd.grad(guess, others, retain_graph=True, allow_unused=True))
    assert all(g is not None for g in torch.autograd.grad(guess, plain))


def test_predictions_are_better_than_the_plain_network_and_recognition_at_least_as_good(model, digits):
    config = ImageEvaluationConfig(nll_images=300, nll_samples=100)
    result = evaluate_images(model, digits, config, progress=silent)
    found = result["completion"]
    assert found["monte_carlo"] < found["plain_network"] - 0.3
    assert result["likelihood"]["nll"] < found["monte_carlo"] + 0.05  # importance sampling is the tighter estimate
    lines = dict(image_summary(result))
    assert any("samples of p(z given x)" in name for name in lines) and any("plain network" in name for name in lines)


def test_completions_keep_what_is_given_and_differ_from_each_other(model, digits):
    (batch,) = in_order(digits.test[:1], 1, "threshold")
    repeated = batch.pixels.expand(20, -1, -1, -1)
    drawn = model.sample(20, generator=torch.Generator().manual_seed(0), given=repeated)
    assert torch.equal(model.completion.hidden.without(drawn), model.completion.hidden.without(repeated))
    assert drawn.var(0).max() > 0.02
    noisy = model.sample(20, noise=True, generator=torch.Generator().manual_seed(0), given=repeated)
    assert set(noisy.unique().tolist()) == {0.0, 1.0}


def test_pixels_are_drawn_where_noise_is_asked_for(model, digits):
    noisy = sample_panel(model, 20, noise=True, data=digits.test)
    assert set(np.unique(noisy.array[:, 2:-1])) == {0.0, 1.0}
    assert "draws from" in noisy.caption
    means = sample_panel(model, 20, data=digits.test)
    assert len(np.unique(means.array[:, 2:-1])) > 2


def test_every_picture_of_an_image_model_is_drawn(model, digits):
    assert completion_panel(model, digits.test.pixels[:3], samples=4).array.shape == (3, 4 + 3, 8, 8)
    assert sample_panel(model, 15, data=digits.test).array.shape == (2, 13, 8, 8)
    assert path_panel(model, digits.test, [0, 1], 4, "slerp").array.shape == (1, 4, 8, 8)
    (panel,) = training_panels(model, digits, quick(8, quadrants=2))
    assert panel.name == "completions"


def test_what_cannot_be_completed_says_why(model, plane_model, digits):
    with pytest.raises(ConfigError, match="name a data set"):
        sample_panel(model, 10)
    with pytest.raises(ConfigError, match="leave the class out"):
        sample_panel(model, 10, label=3, data=digits.test)
    with pytest.raises(InputError, match="give 4 whose quadrants are known"):
        model.sample(4)
    with pytest.raises(InputError, match="quadrants are known"):
        model.decode(torch.zeros(1, 8))
    with pytest.raises(ConfigError, match="does not complete images"):
        completion_panel(plane_model, digits.test.pixels[:2])
    flat = ImageVAE(ImageVAEConfig.create({"latent_size": 2, "quadrants": 1}), digits.shape)
    with pytest.raises(ConfigError, match="given quadrants"):
        manifold_panel(flat)
    with pytest.raises(ConfigError, match="the condition is what is given"):
        ImageVAEConfig.create({"quadrants": 1, "conditional": True})


@pytest.mark.parametrize("likelihood", ["gaussian", "gaussian_shared_sigma"])
def test_grey_pixels_are_completed_by_convolutions_and_kept_in_a_folder(digits, tmp_path, likelihood):
    settings = {"latent_size": 3, "quadrants": 3, "likelihood": likelihood}
    network = {"kind": "cnn", "hidden_size": 16, "channels": 8}
    model = ImageVAE(ImageVAEConfig.create({**settings, "network": network}), digits.shape)
    (batch,) = in_order(digits.test[:5], 5)
    assert model.terms(batch, 2).log_px.shape == (2, 5)
    model.save_pretrained(tmp_path)
    again = load_model(tmp_path, "cpu")
    drawn = [m.sample(5, generator=torch.Generator().manual_seed(1), given=batch.pixels) for m in (model, again)]
    torch.testing.assert_close(*drawn)
