"""One property suite for every registered posterior and likelihood: a new line in the registry is tested at once."""

import math

import pytest
import torch

from molvae.core.heads import LIKELIHOODS as REGISTERED
from molvae.core.heads import POSTERIORS
from molvae.core.priors import StandardNormal

from ..contributing import make_module

S, B, D = 4, 3, 2
SHAPES = {"categorical": (3, 4)}
"""Event shapes of codes that are no vectors."""
EVENT = (1, 2, 2)


LIKELIHOODS = {**REGISTERED, "logistic": make_module("molvae/core/logistic.py").LogisticHead}
"""With the example of CONTRIBUTING.md, so that what it teaches is tested like all the others."""
GAUSSIANS = ["diagonal_gaussian", "full_gaussian"]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def posterior_head(name: str):
    return POSTERIORS[name](*SHAPES.get(name, (D,)))


def posterior(name: str, *leading: int):
    head = posterior_head(name)
    return head(0.5 * torch.randn(*leading, B, head.outputs, generator=generator()))


def likelihood(name: str, samples: int = S):
    head = LIKELIHOODS[name](0.5)
    raw = torch.randn(samples, B, head.channels * EVENT[0], *EVENT[1:], generator=generator())
    return head(raw)


@pytest.mark.parametrize("name", POSTERIORS)
def test_posterior_draws_are_flat_and_repeat_with_the_seed(name):
    q = posterior(name)
    z = q.rsample(S, generator(1))
    assert z.shape == (S, B, math.prod(q.event_shape)) and q.event_shape == SHAPES.get(name, (D,))
    assert torch.equal(z, q.rsample(S, generator(1)))


@pytest.mark.parametrize("name", [name for name in POSTERIORS if name != "categorical"])
def test_posterior_draws_are_differentiable(name):
    head = posterior_head(name)
    raw = torch.randn(B, head.outputs, generator=generator(), requires_grad=True)
    (gradient,) = torch.autograd.grad(head(raw).rsample(S, generator(1)).square().sum(), raw)
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("name", POSTERIORS)
@pytest.mark.parametrize("leading", [(), (5,)])
def test_posterior_log_prob_has_one_number_per_sample_and_example(name, leading):
    """With the classes that M2 puts in front too."""
    q = posterior(name, *leading)
    assert q.mean.shape == (*leading, B, math.prod(q.event_shape))
    assert q.log_prob(q.rsample(S, generator())).shape == (S, *leading, B)


@pytest.mark.parametrize("name", GAUSSIANS)
def test_posterior_density_integrates_to_one(name):
    q = posterior(name)
    line = torch.linspace(-9, 9, 361)
    plane = torch.cartesian_prod(line, line).unsqueeze(1).expand(-1, B, D)
    mass = q.log_prob(plane).exp().sum(0) * (line[1] - line[0]) ** 2
    torch.testing.assert_close(mass, torch.ones(B), atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", POSTERIORS)
def test_samples_have_the_posterior_mean(name):
    q = posterior(name)
    torch.testing.assert_close(q.rsample(40_000, generator()).mean(0), q.mean, atol=0.03, rtol=0)


def test_a_full_gaussian_without_correlations_is_a_diagonal_one():
    full, diagonal = POSTERIORS["full_gaussian"](2), POSTERIORS["diagonal_gaussian"](2)
    mu, log_sigma = torch.tensor([[0.3, -1.0]]), torch.tensor([0.2, -0.7])
    lower = torch.tensor([[log_sigma[0], 0.0, log_sigma[1]]])  # rows of the triangle
    a, b = full(torch.cat([mu, lower], -1)), diagonal(torch.cat([mu, 2 * log_sigma.unsqueeze(0)], -1))
    z = torch.randn(5, 1, 2, generator=generator())
    torch.testing.assert_close(a.log_prob(z), b.log_prob(z))
    torch.testing.assert_close(StandardNormal(2).kl_from(a), StandardNormal(2).kl_from(b))


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_likelihood_has_one_number_per_sample_and_example(name):
    px = likelihood(name)
    x = px.sample(generator())[0]
    assert x.shape == (B, *EVENT) and px.mean.shape == (S, B, *EVENT)
    assert px.log_prob(x).shape == (S, B)
    assert torch.equal(px.sample(generator(3)), px.sample(generator(3)))


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_no_draw_is_more_probable_than_the_mode(name):
    px = likelihood(name, samples=1)
    drawn = px.sample(generator())[0]
    assert (px.log_prob(px.mode[0]) >= px.log_prob(drawn)).all()


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_likelihood_of_one_pixel_is_normalised(name):
    head = LIKELIHOODS[name](0.5)
    px = head(torch.randn(1, B, head.channels, 1, 1, generator=generator()))
    if hasattr(px, "levels"):
        levels = torch.linspace(0, 1, px.levels)
        mass = sum(px.log_prob(level.expand(B, 1, 1, 1)).exp()[0] for level in levels)
    elif set(px.sample(generator()).unique().tolist()) <= {0.0, 1.0}:
        mass = sum(px.log_prob(torch.full((B, 1, 1, 1), value)).exp()[0] for value in (0.0, 1.0))
    else:
        line = torch.linspace(-25, 25, 20_001)
        density = torch.cat([px.log_prob(x.expand(B, 1, 1, 1)).exp() for x in line])
        mass = torch.trapezoid(density, line, dim=0)
    torch.testing.assert_close(mass, torch.ones(B), atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_log_prob_is_the_sum_over_pixels(name):
    head = LIKELIHOODS[name](0.5)
    raw = torch.randn(S, B, head.channels, 2, 2, generator=generator())
    x = head(raw).sample(generator())[0]
    single = [
        head(raw[..., i : i + 1, j : j + 1]).log_prob(x[..., i : i + 1, j : j + 1]) for i in (0, 1) for j in (0, 1)
    ]
    torch.testing.assert_close(head(raw).log_prob(x), sum(single))


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_leading_axes_are_kept(name):
    """M2 puts the classes in front: parameters (S, K, B, ...) give log p (S, K, B)."""
    head = LIKELIHOODS[name](0.5)
    raw = torch.randn(2, 5, B, head.channels * EVENT[0], *EVENT[1:], generator=generator())
    px = head(raw)
    x = px.sample(generator())[0, 0]
    assert px.log_prob(x).shape == (2, 5, B)
    torch.testing.assert_close(px.log_prob(x)[1, 3], head(raw[1, 3].unsqueeze(0)).log_prob(x)[0])


def test_a_fixed_laplace_scale_is_the_weight_of_the_mean_absolute_error():
    """sigma = sqrt(2) n / w makes -log p(x|z) = w MAE + constant."""
    number, weight = 4, 500.0
    px = LIKELIHOODS["laplace_fixed_scale"](math.sqrt(2) * number / weight)(torch.full((1, 2, *EVENT), 0.5))
    x = torch.rand(2, *EVENT, generator=generator())
    perfect = px.log_prob(torch.full((2, *EVENT), 0.5))
    error = (x - 0.5).abs().flatten(1).mean(1)
    torch.testing.assert_close((perfect - px.log_prob(x))[0], weight * error)


def test_a_shared_laplace_scale_is_learned_as_the_mean_absolute_error():
    head = LIKELIHOODS["laplace_shared_scale"](0.5)
    x = 0.2 * torch.randn(50, *EVENT, generator=generator())
    optimizer = torch.optim.Adam(head.parameters(), lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        (-head(torch.zeros(1, 50, *EVENT)).log_prob(x).mean()).backward()
        optimizer.step()
    assert head.log_scale.exp().item() == pytest.approx(x.abs().mean().item(), rel=0.01)
