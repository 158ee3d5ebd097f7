"""The VAE of images: every combination trains, and what is kept comes back."""

import pytest
import torch

from molvae.core.heads import LIKELIHOODS, POSTERIORS
from molvae.core.pretrained import load_model
from molvae.core.training import ObjectiveConfig, vae_objective
from molvae.errors import CheckpointError, ConfigError, InputError
from molvae.images.batches import ImageBatch, ImageBatches
from molvae.images.vae import ImageVAE, ImageVAEConfig

TAU = {"categorical": 0.5}


def batch(digits, number: int = 16) -> ImageBatch:
    return next(ImageBatches(digits.train, number, 0, "threshold").epoch(0))


DISCRETE = {"posterior": "categorical", "prior": "uniform_categorical", "latent_size": 12, "categories": 4}


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("posterior", POSTERIORS)
@pytest.mark.parametrize("conditional", [False, True])
def test_every_combination_learns_a_handful_of_images(digits, likelihood, posterior, conditional):
    torch.manual_seed(0)
    code = DISCRETE if posterior == "categorical" else {"posterior": posterior, "latent_size": 3}
    config = ImageVAEConfig.create(
        {"likelihood": likelihood, "conditional": conditional, "network": {"hidden_size": 64, "depth": 1}, **code}
    )
    model, images = ImageVAE(config, digits.shape, digits.classes), batch(digits)
    name = "reconstruction" if posterior == "point_mass" else "elbo"
    objective = vae_objective(ObjectiveConfig.create({"name": name, "temperature": TAU.get(posterior)}))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    values = []
    for step in range(60):
        value = objective(model, images, step, torch.Generator().manual_seed(step))[0].mean()
        optimizer.zero_grad()
        (-value).backward()
        optimizer.step()
        values.append(float(value.detach()))
    assert values[-1] > values[0] + 8


@pytest.mark.parametrize("kind", ["mlp", "cnn", "resnet"])
def test_a_handful_of_images_is_rebuilt_by_every_network(digits, kind):
    torch.manual_seed(0)
    network = {"kind": kind, "hidden_size": 64, "depth": 1, "channels": 16, "activation": "silu"}
    model = ImageVAE(ImageVAEConfig.create({"latent_size": 8, "network": network}), digits.shape)
    images = batch(digits, 8)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    objective = vae_objective(ObjectiveConfig(name="reconstruction"))
    for step in range(200):
        optimizer.zero_grad()
        (-objective(model, images, step, torch.Generator().manual_seed(step))[0].mean()).backward()
        optimizer.step()
    wrong = ((model.reconstruct(images.pixels) > 0.5).float() != images.pixels).float().mean()
    assert wrong < 0.02


def test_the_decoder_begins_at_the_mean_image(digits):
    torch.manual_seed(0)
    model = ImageVAE(ImageVAEConfig(latent_size=2), digits.shape)
    model.set_mean(digits.train.pixels)
    drawn = model.sample(500, generator=torch.Generator().manual_seed(0)).mean(0)
    assert (drawn - digits.train.pixels.mean(0)).abs().mean() < 0.03


def test_what_is_saved_comes_back(plane_model, digits, tmp_path):
    plane_model.card = "# digits"
    plane_model.save_pretrained(tmp_path / "model")
    again = ImageVAE.from_pretrained(tmp_path)  # a run folder, with model/ in it
    assert torch.equal(again.encode(digits.test.pixels), plane_model.encode(digits.test.pixels))
    assert again.shape == (1, 8, 8) and again.config == plane_model.config and again.card == "# digits"
    (tmp_path / "model" / "model.safetensors").write_bytes(b"x")
    with pytest.raises(CheckpointError, match="truncated or altered"):
        ImageVAE.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"prior": "normal"}, "there are standard_normal, learned_gaussian, uniform_categorical"),
        ({"posterior": "categorical"}, "needs all of posterior"),
        ({"prior": "uniform_categorical", "categories": 5}, "needs all of posterior"),
        ({**DISCRETE, "categories": 5}, "12 is not a multiple of categories, 5"),
    ],
)
def test_posterior_and_prior_must_fit(settings, message):
    with pytest.raises(ConfigError, match=message):
        ImageVAEConfig.create(settings)


def test_a_prior_is_chosen_by_name_learned_and_kept(digits, tmp_path):
    config = ImageVAEConfig.create({"latent_size": 3, "prior": "learned_gaussian", "network": {"hidden_size": 8}})
    model = ImageVAE(config, digits.shape)
    model.prior.mu.data += 1.0
    assert {"prior.mu", "prior.log_var"} <= dict(model.named_parameters()).keys()
    model.save_pretrained(tmp_path)
    again = load_model(tmp_path, "cpu")
    assert isinstance(again, ImageVAE) and torch.equal(again.prior.mu, model.prior.mu)
    assert again.sample(5).shape == (5, 1, 8, 8)


def test_discrete_codes_are_drawn_encoded_and_decoded(digits):
    model = ImageVAE(ImageVAEConfig.create(DISCRETE), digits.shape)
    codes = model.encode(digits.test.pixels[:6])
    assert model.config.event_shape == (3, 4) and codes.shape == (6, 12)
    torch.testing.assert_close(codes.unflatten(-1, (3, 4)).sum(-1), torch.ones(6, 3))  # probabilities of the classes
    assert model.sample(4).shape == model.reconstruct(digits.test.pixels[:4]).shape == (4, 1, 8, 8)


def test_a_path_passes_through_every_image(plane_model, digits):
    some = digits.test.pixels[:3]
    path = plane_model.interpolate(some, steps=5)
    assert path.shape == (9, 1, 8, 8)
    rebuilt = plane_model.reconstruct(some)
    torch.testing.assert_close(path[[0, 4, 8]], rebuilt, atol=1e-5, rtol=0)
    with pytest.raises(InputError, match="two images"):
        plane_model.interpolate(some[:1])


def test_ancestral_samples_carry_the_noise_of_the_decoder(plane_model):
    seed = torch.Generator().manual_seed
    assert set(plane_model.sample(5, noise=True, generator=seed(0)).unique().tolist()) == {0.0, 1.0}
    assert len(plane_model.sample(5, generator=seed(0)).unique()) > 10


def test_a_conditional_model_needs_classes(class_model, digits):
    with pytest.raises(InputError, match="class of every image"):
        class_model.encode(digits.test.pixels)
    z = torch.zeros(2, 4)
    zero, one = class_model.decode(z, torch.tensor([0, 1]))
    assert (zero - one).abs().max() > 0.3  # the same z, another class, another picture
    with pytest.raises(ConfigError, match="classes"):
        ImageVAE(ImageVAEConfig(conditional=True), (1, 28, 20), classes=0)
