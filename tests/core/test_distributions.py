"""Likelihoods and the diagonal Gaussian against their definitions: nats per example, constants included."""

import math

import pytest
import torch

from molvae.core.distributions import Bernoulli, DiagonalGaussian, Gaussian, Laplace
from molvae.errors import InputError

S, B, D = 3, 4, 2


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def posterior() -> DiagonalGaussian:
    return DiagonalGaussian(torch.randn(B, D, generator=generator()), torch.randn(B, D, generator=generator(1)))


LIKELIHOODS = {
    "bernoulli": Bernoulli(torch.randn(S, B, 5, generator=generator(2))),
    "gaussian": Gaussian(torch.randn(S, B, 5, generator=generator(3)), torch.randn(S, B, 5, generator=generator(4))),
    "laplace": Laplace(torch.randn(S, B, 5, generator=generator(3)), torch.tensor(-0.7)),
    "gaussian with shared sigma": Gaussian(torch.randn(S, B, 5, generator=generator(3)), torch.tensor(0.3)),
}


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_likelihood_has_one_number_per_sample_and_example(name):
    likelihood = LIKELIHOODS[name]
    x = likelihood.sample(generator())[0]
    assert x.shape == (B, 5)
    assert likelihood.log_prob(x).shape == (S, B)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_likelihood_draws_repeat_with_the_seed(name):
    likelihood = LIKELIHOODS[name]
    assert torch.equal(likelihood.sample(generator(7)), likelihood.sample(generator(7)))


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_no_x_is_more_probable_than_the_mode(name):
    likelihood = LIKELIHOODS[name]
    at_mode = torch.stack([likelihood.log_prob(likelihood.mode[s])[s] for s in range(S)])
    drawn = likelihood.sample(generator())
    at_draw = torch.stack([likelihood.log_prob(drawn[s])[s] for s in range(S)])
    assert (at_mode >= at_draw).all()


def test_bernoulli_probabilities_of_all_outcomes_sum_to_one():
    likelihood = Bernoulli(torch.randn(1, 1, 3, generator=generator()))
    outcomes = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 3)
    total = sum(likelihood.log_prob(x.unsqueeze(0)).exp() for x in outcomes)
    assert total.item() == pytest.approx(1.0, abs=1e-5)


def test_gaussian_density_integrates_to_one():
    likelihood = Gaussian(torch.full((1, 1, 1), 0.3), torch.tensor(-1.0))
    grid = torch.linspace(-8, 8, 4001)
    density = torch.stack([likelihood.log_prob(x.view(1, 1)).exp().squeeze() for x in grid])
    assert torch.trapezoid(density, grid).item() == pytest.approx(1.0, abs=1e-4)


def test_laplace_agrees_with_torch_and_draws_have_its_spread():
    likelihood = Laplace(torch.full((1, 50_000, 1), 0.3), torch.tensor(0.4))
    reference = torch.distributions.Laplace(0.3, math.exp(0.4))
    x = torch.linspace(-3, 3, 50_000).unsqueeze(-1)
    torch.testing.assert_close(likelihood.log_prob(x)[0], reference.log_prob(x)[:, 0])
    draws = likelihood.sample(generator())
    assert draws.mean().item() == pytest.approx(0.3, abs=0.03)
    assert draws.std().item() == pytest.approx(math.sqrt(2) * math.exp(0.4), abs=0.05)
    assert (draws - 0.3).abs().mean().item() == pytest.approx(math.exp(0.4), abs=0.03)


def test_bernoulli_refuses_grey_pixels():
    with pytest.raises(InputError, match="binarise"):
        Bernoulli(torch.zeros(1, 1, 2)).log_prob(torch.tensor([[0.0, 0.5]]))


def test_posterior_log_prob_agrees_with_torch():
    q = posterior()
    z = q.rsample(S, generator())
    reference = torch.distributions.Normal(q.mu, (0.5 * q.log_var).exp()).log_prob(z).sum(-1)
    torch.testing.assert_close(q.log_prob(z), reference)


def test_posterior_draws_have_its_moments_and_its_gradient():
    q = DiagonalGaussian(torch.tensor([[1.0, -2.0]], requires_grad=True), torch.tensor([[0.0, math.log(0.25)]]))
    z = q.rsample(20_000, generator())[:, 0]
    torch.testing.assert_close(z.mean(0), torch.tensor([1.0, -2.0]), atol=0.03, rtol=0)
    torch.testing.assert_close(z.std(0), torch.tensor([1.0, 0.5]), atol=0.03, rtol=0)
    z.sum().backward()
    assert torch.equal(q.mu.grad, torch.full((1, 2), 20_000.0))  # dz/dmu = 1
