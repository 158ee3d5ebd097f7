"""Denoising diffusion: its noise in closed form, its bound, and what it learns in a second."""

import math

import pytest
import torch

from molvae.errors import ConfigError
from molvae.images.diffusion import Diffusion, _log_mass

SHAPE = (1, 8, 8)


def small(steps: int = 20) -> Diffusion:
    torch.manual_seed(0)
    return Diffusion(SHAPE, channels=8, steps=steps)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_noise_in_one_step_is_the_noise_of_many():
    """Eq. 4 against eq. 2, step by step: mean and variance of x_t."""
    model, x = small(), torch.full((4000, *SHAPE), 0.8)
    stepped, random = x, generator()
    for t in range(12):
        noise = torch.randn(x.shape, generator=random)
        stepped = (1 - model.beta[t]).sqrt() * stepped + model.beta[t].sqrt() * noise
    direct = model.noisy(x, torch.full((4000,), 11), torch.randn(x.shape, generator=random))
    for moment in (torch.mean, torch.std):
        assert moment(stepped).item() == pytest.approx(moment(direct).item(), abs=0.01)


def test_what_is_left_of_the_image_falls_to_nothing():
    alpha_bar = small(200).alpha_bar
    assert (alpha_bar.diff() < 0).all() and alpha_bar[0] > 0.99 and alpha_bar[-1] < 1e-4


def test_the_bound_of_a_model_that_knows_nothing_is_what_its_terms_say():
    """eps = 0: every step has the KL of two Gaussians of one variance, here computed anew from their means."""
    model, x = small(), torch.rand(300, *SHAPE, generator=generator())
    levels = (x * 255).round() / 255
    bound = model.bound(levels, generator(1)).mean().item()
    data, total = 2 * levels - 1, 0.0
    a, beta = model.alpha_bar.double(), model.beta.double()
    total -= 0.5 * (a[-1] * data.square() - a[-1] - torch.log(1 - a[-1])).flatten(1).sum(-1).mean()
    for t in range(1, model.steps):
        noise = torch.randn(data.shape, generator=generator(t), dtype=torch.float64)
        x_t = a[t].sqrt() * data + (1 - a[t]).sqrt() * noise
        variance = beta[t] * (1 - a[t - 1]) / (1 - a[t])
        posterior = (
            a[t - 1].sqrt() * beta[t] / (1 - a[t]) * data + (1 - beta[t]).sqrt() * (1 - a[t - 1]) / (1 - a[t]) * x_t
        )  # eq. 7
        guess = x_t / (1 - beta[t]).sqrt()  # eq. 11 without noise
        total -= ((posterior - guess).square() / (2 * variance)).flatten(1).sum(-1).mean()
    noise = torch.randn(data.shape, generator=generator(99), dtype=torch.float64)
    x_1 = a[0].sqrt() * data + (1 - a[0]).sqrt() * noise
    normal = torch.distributions.Normal(x_1 / (1 - beta[0]).sqrt(), beta[0].sqrt())
    mass = normal.cdf(data + 1 / 255) - normal.cdf(data - 1 / 255)
    total += mass.clamp(min=1e-12).log().flatten(1).sum(-1).mean()
    assert bound == pytest.approx(float(total), rel=0.01)


def test_the_bound_lies_below_log_p_where_that_is_known():
    """eps = 0: every p(x_(t-1)|x_t) only scales and adds noise, so p(x) is Gaussian and its pixels independent."""
    model = small()
    a, beta, variance = model.alpha_bar.double(), model.beta.double(), torch.tensor(1.0, dtype=torch.float64)
    for t in range(model.steps - 1, 0, -1):
        variance = variance / (1 - beta[t]) + beta[t] * (1 - a[t - 1]) / (1 - a[t])
    normal = torch.distributions.Normal(0, (variance / (1 - beta[0]) + beta[0]).sqrt())
    levels = torch.randint(1, 255, (200, *SHAPE), generator=generator())  # the ends also have all that lies beyond
    data = 2 * levels.double() / 255 - 1
    exact = (normal.cdf(data + 1 / 255) - normal.cdf(data - 1 / 255)).log().flatten(1).sum(-1)
    bound = model.bound(levels / 255, generator(1))
    assert bound.mean() < exact.mean()


def test_no_floor_holds_up_the_mass_of_a_value_far_off():
    """A hundred standard deviations away a mass is no float any more; its logarithm is."""
    x = torch.tensor([0.5, -0.5, 1.0, -1.0])
    mean, sigma = torch.tensor([-0.5, 0.5, 0.9, -0.9]), torch.tensor(0.01)
    found = _log_mass(x, mean, sigma)
    assert torch.isfinite(found).all()
    assert found[0].item() == pytest.approx(-0.5 * 99.6**2, rel=0.02)
    assert found[0].item() == pytest.approx(found[1].item(), rel=0.02)
    levels = torch.linspace(-1, 1, 256)
    for middle in (-1.0, 0.3, 2.0):
        total = _log_mass(levels, torch.tensor(middle), torch.tensor(0.2)).exp().sum()
        assert total.item() == pytest.approx(1), "all levels together"


def test_it_learns_where_there_is_ink():
    """Images that are black on the left and white on the right."""
    model, images = small(50), torch.zeros(64, *SHAPE)
    images[..., 4:] = 1
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    before = model.bound(images, generator()).mean()
    for step in range(200):
        loss = -model.objective(images, generator(step)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after = model.bound(images, generator()).mean()
    assert after > before + 64 * math.log(2)  # a bit or more of each value
    for steps in (None, 5):
        drawn = model.sample(20, generator(), steps)
        assert drawn.shape == (20, *SHAPE) and drawn.min() >= 0 and drawn.max() <= 1
        assert drawn[..., 4:].mean() > drawn[..., :4].mean() + 0.4


def test_draws_repeat_with_the_seed():
    model = small()
    assert torch.equal(model.sample(3, generator(4)), model.sample(3, generator(4)))
    assert torch.equal(model.sample(3, generator(4), 20), model.sample(3, generator(4)))


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="multiples of 4, not 6 x 8"):
        Diffusion((1, 6, 8))
    with pytest.raises(ConfigError, match="has 20 steps, not 21"):
        small().sample(1, steps=21)
