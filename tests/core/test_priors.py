"""One property suite for every registered prior, and the KL of every pair that has a closed form."""

import math

import pytest
import torch

from molvae.core.categorical import Categorical, RelaxedCategorical
from molvae.core.distributions import DiagonalGaussian, FullGaussian, Posterior, Prior
from molvae.core.flows import CouplingFlow, FlowPosterior
from molvae.core.priors import PRIORS, GaussianPrior, StandardNormal, UniformCategorical, learned_gaussian
from molvae.errors import ConfigError

B, D, N, C = 4, 6, 2, 3


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return 0.7 * torch.randn(*shape, generator=generator(seed))


def diagonal() -> DiagonalGaussian:
    return DiagonalGaussian(randn(B, D), randn(B, D, seed=1))


def full() -> FullGaussian:
    lower = randn(B, D, D, seed=2).tril(-1)
    return FullGaussian(randn(B, D), lower + torch.diag_embed(randn(B, D, seed=3).exp()))


def categorical() -> Categorical:
    return Categorical(torch.log_softmax(randn(B, N, C), -1))


PAIRS: dict[str, tuple[Posterior, Prior]] = {
    "diagonal Gaussian and N(0, I)": (diagonal(), StandardNormal(D)),
    "full Gaussian and N(0, I)": (full(), StandardNormal(D)),
    "diagonal Gaussian and another": (diagonal(), GaussianPrior(randn(D, seed=4), randn(D, seed=5))),
    "diagonal Gaussian and one for each example": (diagonal(), GaussianPrior(randn(B, D, seed=4), randn(B, D, seed=5))),
    "categorical and uniform": (categorical(), UniformCategorical(N, C)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_the_closed_form_is_the_mean_of_its_samples(name):
    q, p = PAIRS[name]
    z = q.rsample(60_000, generator())
    kl = p.kl_from(q)
    assert kl.shape == (B,)
    torch.testing.assert_close(kl, (q.log_prob(z) - p.log_prob(z)).mean(0), atol=0.06, rtol=0.02)


@pytest.mark.parametrize("name", [name for name in PAIRS if "full" not in name])
def test_the_parts_of_a_factorised_kl_sum_to_it(name):
    q, p = PAIRS[name]
    parts = p.kl_per_factor(q)
    assert parts.shape == ((B, N) if "categorical" in name else (B, D)) and (parts >= 0).all()
    torch.testing.assert_close(parts.sum(-1), p.kl_from(q))


def test_the_kl_of_two_gaussians_agrees_with_torch():
    q, p = PAIRS["diagonal Gaussian and one for each example"]
    normal = torch.distributions.Normal
    reference = torch.distributions.kl_divergence(
        normal(q.mu, (0.5 * q.log_var).exp()), normal(p.mu, (0.5 * p.log_var).exp())
    )
    torch.testing.assert_close(p.kl_per_factor(q), reference)


def test_a_pair_without_a_closed_form_says_so():
    flow = FlowPosterior(diagonal(), CouplingFlow(D, 2, 8))
    for q, p in ((flow, StandardNormal(D)), (full(), learned_gaussian(D)), (flow, learned_gaussian(D))):
        assert p.kl_from(q) is None and p.kl_per_factor(q) is None
    assert StandardNormal(D).kl_per_factor(full()) is None  # a KL, but not of single dimensions


def test_there_is_no_divergence_of_a_density_from_a_prior_over_classes():
    with pytest.raises(ConfigError, match="posterior over classes, not a DiagonalGaussian"):
        UniformCategorical(N, C).kl_from(diagonal())


def test_certain_classes_cost_their_logarithm_and_uniform_ones_nothing():
    p = UniformCategorical(N, C)
    certain = Categorical(torch.log_softmax(100 * torch.eye(C)[None, :N], -1))
    torch.testing.assert_close(p.kl_from(certain), torch.tensor([N * math.log(C)]))
    torch.testing.assert_close(p.kl_from(Categorical(torch.full((1, N, C), -math.log(C)))), torch.zeros(1))
    relaxed = RelaxedCategorical(categorical().log_pi, 0.1)
    torch.testing.assert_close(p.kl_from(relaxed), p.kl_from(categorical()))  # of its classes, as Jang et al. do


@pytest.mark.parametrize("name", PRIORS)
def test_prior_draws_are_flat_and_repeat_with_the_seed(name):
    p = PRIORS[name](N, C)
    z = p.sample((5, B), generator())
    assert p.event_shape == (N, C) and z.shape == (5, B, N * C) and p.log_prob(z).shape == (5, B)
    assert torch.equal(z, p.sample((5, B), generator())) and isinstance(p, Prior)


@pytest.mark.parametrize("name", ["standard_normal", "learned_gaussian"])
def test_gaussian_priors_begin_as_the_standard_normal(name):
    p = PRIORS[name](3)
    z = p.sample((20_000, 1), generator())
    torch.testing.assert_close(torch.cov(z[:, 0].t()), torch.eye(3), atol=0.05, rtol=0)
    torch.testing.assert_close(p.log_prob(z), torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1))


def test_a_learned_prior_moves_to_where_the_codes_are():
    p, q = learned_gaussian(D), DiagonalGaussian(randn(B, D) + 3, torch.full((B, D), -2.0))
    optimizer = torch.optim.Adam(p.parameters(), lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        p.kl_from(q).mean().backward()
        optimizer.step()
    torch.testing.assert_close(p.mu.detach(), q.mu.mean(0), atol=0.01, rtol=0)
    variance = q.log_var.exp().mean(0) + q.mu.var(0, unbiased=False)  # of the aggregate posterior
    torch.testing.assert_close(p.log_var.detach().exp(), variance, atol=0.01, rtol=0.02)


def test_every_class_is_drawn_alike():
    z = UniformCategorical(N, C).sample((30_000,), generator()).unflatten(-1, (N, C))
    assert set(z.unique().tolist()) == {0.0, 1.0} and (z.sum(-1) == 1).all()
    torch.testing.assert_close(z.mean(0), torch.full((N, C), 1 / C), atol=0.01, rtol=0)
