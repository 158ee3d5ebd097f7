"""Mixtures of Gaussians in the plane: a density, its draws, and what a temperature does to them."""

import pytest
import torch

from molvae.core.mixtures import BivariateMixture, sample_classes

M = 3


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def mixture(*leading: int, min_sigma: float = 0.1) -> BivariateMixture:
    return BivariateMixture.from_raw(0.7 * torch.randn(*leading, 6 * M, generator=generator()), min_sigma)


def test_the_density_integrates_to_one():
    line = torch.linspace(-12, 12, 481)
    plane = torch.cartesian_prod(line, line)
    mass = mixture().log_prob(plane).exp().sum() * (line[1] - line[0]) ** 2
    assert mass == pytest.approx(1, abs=1e-3)


def test_one_component_is_the_gaussian_of_its_covariance():
    mu, log_sigma = torch.tensor([[0.3, -1.0]]), torch.tensor([[0.2, -0.5]])
    one = BivariateMixture(torch.zeros(1), mu, log_sigma, torch.tensor([0.6]))
    s = log_sigma[0].exp()
    covariance = torch.tensor([[s[0] ** 2, 0.6 * s[0] * s[1]], [0.6 * s[0] * s[1], s[1] ** 2]])
    points = torch.randn(50, 2, generator=generator())
    expected = torch.distributions.MultivariateNormal(mu[0], covariance).log_prob(points)
    torch.testing.assert_close(one.log_prob(points), expected)
    drawn = BivariateMixture(*(part.expand(20_000, *part.shape) for part in vars(one).values())).sample(generator())
    torch.testing.assert_close(drawn.t().cov(), covariance, atol=0.05, rtol=0.05)


def test_draws_have_the_mean_of_the_mixture_and_repeat_with_the_seed():
    some = mixture()
    many = BivariateMixture(*(part.expand(40_000, *part.shape) for part in vars(some).values()))
    mean = (some.log_weight.exp().unsqueeze(-1) * some.mu).sum(0)
    torch.testing.assert_close(many.sample(generator(1)).mean(0), mean, atol=0.05, rtol=0)
    assert torch.equal(many.sample(generator(2)), many.sample(generator(2)))


def test_a_low_temperature_draws_near_the_heaviest_component():
    some = mixture(500)
    heaviest = some.mu[torch.arange(500), some.log_weight.argmax(-1)]
    assert torch.equal(some.sample(temperature=0), heaviest)
    away = [(some.sample(generator(), tau) - heaviest).norm(dim=-1).mean() for tau in (0.05, 0.4, 1.0)]
    assert away[0] < away[1] < away[2]


def test_no_component_shrinks_below_the_floor():
    raw = torch.full((6 * M,), -50.0)
    assert mixture(min_sigma=0.2).log_sigma.exp().min() >= 0.2 - 1e-6
    assert torch.isfinite(BivariateMixture.from_raw(raw, 0.2).log_prob(torch.zeros(2)))


def test_classes_are_drawn_as_often_as_their_softmax_says():
    logits = torch.tensor([0.0, 1.0, -2.0, 0.5])
    drawn = sample_classes(logits.expand(50_000, 4), generator())
    torch.testing.assert_close(torch.bincount(drawn, minlength=4) / 50_000, logits.softmax(0), atol=0.01, rtol=0)
