"""Likelihood estimates against a model whose log p(x) is known."""

import math

import torch
from torch import nn

from molvae.core.distributions import DiagonalGaussian, Gaussian
from molvae.core.evaluate import active_units, importance_log_likelihood, prior_log_likelihood
from molvae.core.priors import StandardNormal
from molvae.core.vae import VAE

NOISE = 0.5
X = torch.tensor([[0.3, 0.1], [-1.2, 0.4], [2.0, -0.7]])


class RoughEncoder(nn.Module):
    """About the true posterior of p(x|z) = N(z, NOISE^2), p(z) = N(0, I); broader, as an encoder's may be."""

    def forward(self, x: torch.Tensor) -> DiagonalGaussian:
        return DiagonalGaussian(x / (1 + NOISE**2) + 0.2, torch.full_like(x, math.log(0.4)))


class IdentityDecoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.log_var = nn.Parameter(torch.tensor(2 * math.log(NOISE)))

    def forward(self, z: torch.Tensor) -> Gaussian:
        return Gaussian(z, self.log_var)


MODEL = VAE(RoughEncoder(), StandardNormal(2), IdentityDecoder())
TRUTH = torch.distributions.Normal(0.0, math.sqrt(1 + NOISE**2)).log_prob(X).sum(-1)


def test_importance_sampling_finds_the_likelihood():
    found = importance_log_likelihood(MODEL, [X[:2], X[2:]], samples=20_000, chunk=999)
    torch.testing.assert_close(found.values, TRUTH, atol=0.02, rtol=0)
    assert found.samples == 20_000
    assert abs(found.nll + float(TRUTH.mean())) < 0.02
    assert abs(found.standard_error - float(TRUTH.std()) / math.sqrt(3)) < 0.02


def test_more_importance_samples_tighten_the_estimate():
    few = torch.stack([importance_log_likelihood(MODEL, [X], 2, seed).values for seed in range(300)]).mean(0)
    more = torch.stack([importance_log_likelihood(MODEL, [X], 20, seed).values for seed in range(300)]).mean(0)
    assert (few < more).all() and (more < TRUTH + 0.02).all()


def test_prior_samples_agree_in_two_dimensions_after_many_and_are_too_low_after_few():
    marks = (10, 1_000, 200_000)
    found = prior_log_likelihood(MODEL, X, 200_000, marks, chunk=5_000)
    assert found.shape == (3, 3)
    torch.testing.assert_close(found[-1], TRUTH, atol=0.05, rtol=0)
    repeated = torch.stack([prior_log_likelihood(MODEL, X, 3, (3,), seed)[0] for seed in range(300)])
    assert (repeated.mean(0) < TRUTH - 0.1).all()


def test_a_unit_is_active_if_its_mean_varies_over_the_examples():
    means = torch.tensor([[0.0, 1.0, 0.0], [0.0, -1.0, 0.05]])
    assert active_units(means) == 1 and active_units(means, threshold=0.001) == 2
    assert active_units(means[:1]) == 0  # one example does not vary
