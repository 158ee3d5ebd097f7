"""Discrete codes and their relaxation."""

import pytest
import torch

from molvae.core.categorical import Categorical, RelaxedCategorical, StraightThroughCategorical
from molvae.errors import ConfigError

B, N, C = 2, 2, 3
LOG_PI = torch.log_softmax(torch.randn(B, N, C, generator=torch.Generator().manual_seed(1)), -1)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_draws_are_one_hots_with_their_probabilities():
    q = Categorical(LOG_PI)
    z = q.rsample(40_000, generator()).unflatten(-1, (N, C))
    assert set(z.unique().tolist()) == {0.0, 1.0} and (z.sum(-1) == 1).all()
    torch.testing.assert_close(z.mean(0), LOG_PI.exp(), atol=0.01, rtol=0)


def test_the_probabilities_of_all_codes_sum_to_one():
    pairs = torch.cartesian_prod(torch.arange(C), torch.arange(C))
    codes = torch.nn.functional.one_hot(pairs, C).float().flatten(-2)
    mass = Categorical(LOG_PI).log_prob(codes.unsqueeze(1).expand(-1, B, -1)).exp().sum(0)
    torch.testing.assert_close(mass, torch.ones(B))


@pytest.mark.parametrize("straight_through", [False, True])
def test_relaxed_draws_have_a_gradient_and_the_same_noise_as_hard_ones(straight_through):
    log_pi = LOG_PI.clone().requires_grad_()
    q = RelaxedCategorical(log_pi, 0.5, straight_through)
    z = q.rsample(1000, generator())
    hard = Categorical(LOG_PI).rsample(1000, generator())
    assert torch.equal(z.unflatten(-1, (N, C)).argmax(-1), hard.unflatten(-1, (N, C)).argmax(-1))
    torch.testing.assert_close(z.unflatten(-1, (N, C)).sum(-1), torch.ones(1000, B, N))
    assert straight_through == torch.allclose(z, hard, atol=1e-6)
    (gradient,) = torch.autograd.grad((z * torch.arange(float(N * C))).sum(), log_pi)
    assert (gradient != 0).all()


def test_straight_through_has_the_gradient_of_the_soft_draw():
    log_pi = LOG_PI.clone().requires_grad_()
    weights = torch.arange(float(N * C))
    soft, hard = (
        torch.autograd.grad((RelaxedCategorical(log_pi, 0.5, hard).rsample(9, generator()) * weights).sum(), log_pi)[0]
        for hard in (False, True)
    )
    torch.testing.assert_close(soft, hard)


def test_a_cold_relaxation_is_hard_and_a_hot_one_says_little():
    def spread(temperature: float) -> float:
        z = RelaxedCategorical(LOG_PI, temperature).rsample(500, generator()).unflatten(-1, (N, C))
        return float((z.max(-1).values - z.min(-1).values).mean())

    assert spread(0.01) > 0.98 and spread(100.0) < 0.05


def test_a_temperature_of_zero_is_refused():
    with pytest.raises(ConfigError, match="above 0"):
        RelaxedCategorical(LOG_PI, 0.0)


def test_plain_straight_through_draws_are_hard_with_the_gradient_of_the_probabilities():
    log_pi = LOG_PI.clone().requires_grad_()
    weights = torch.arange(float(N * C))
    z = StraightThroughCategorical(log_pi).rsample(7, generator())
    torch.testing.assert_close(z, Categorical(LOG_PI).rsample(7, generator()))
    (found,) = torch.autograd.grad((z * weights).sum(), log_pi)
    (expected,) = torch.autograd.grad((7 * Categorical(log_pi).mean * weights).sum(), log_pi)
    torch.testing.assert_close(found, expected)
