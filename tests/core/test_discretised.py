"""Probabilities of grey values."""

import math

import torch

from molvae.core.discretised import DiscretisedLogistic, bits_per_dimension

LEVELS = torch.arange(256) / 255


def test_the_levels_of_a_value_sum_to_one():
    mu, log_scale = torch.tensor([-0.2, 0.0, 0.4, 1.3]), torch.tensor([-4.0, -1.0, -7.0, 1.0])
    px = DiscretisedLogistic(mu.view(1, 4, 1, 1, 1), log_scale.view(1, 4, 1, 1, 1))
    mass = torch.stack([px.log_prob(level.expand(4, 1, 1, 1)) for level in LEVELS]).exp().sum(0)
    torch.testing.assert_close(mass, torch.ones(1, 4), atol=1e-4, rtol=0)


def test_a_value_far_from_the_mean_has_a_finite_gradient():
    mu = torch.full((1, 1, 1, 1, 1), -30.0, requires_grad=True)
    px = DiscretisedLogistic(mu, torch.full_like(mu, -7.0).detach())
    for value in (0.0, 0.5, 1.0):
        (gradient,) = torch.autograd.grad(px.log_prob(torch.full((1, 1, 1, 1), value)).sum(), mu)
        assert torch.isfinite(gradient).all()


def test_what_lies_between_two_levels_is_taken_for_the_nearer():
    px = DiscretisedLogistic(torch.full((1, 1, 1, 1, 1), 0.5), torch.full((1, 1, 1, 1, 1), -3.0))
    torch.testing.assert_close(
        px.log_prob(torch.full((1, 1, 1, 1), 100.4 / 255)), px.log_prob(torch.full((1, 1, 1, 1), 100 / 255))
    )


def test_draws_are_levels_with_the_frequencies_of_the_masses():
    px = DiscretisedLogistic(torch.full((1, 20_000, 1, 1, 1), 0.1), torch.full((1, 20_000, 1, 1, 1), -3.0))
    drawn = px.sample(torch.Generator().manual_seed(0)).flatten()
    assert torch.allclose(drawn * 255, (drawn * 255).round(), atol=1e-3)
    black = px.log_prob(torch.zeros(20_000, 1, 1, 1)).exp().mean()
    torch.testing.assert_close((drawn == 0).float().mean(), black, atol=0.01, rtol=0)


def test_the_mode_is_the_likeliest_level():
    mu, log_scale = torch.tensor([0.3, 0.02, 0.99, 0.5]), torch.tensor([-4.0, -1.0, -1.5, 2.0])
    px = DiscretisedLogistic(mu.view(1, 4, 1, 1, 1), log_scale.view(1, 4, 1, 1, 1))
    every = torch.stack([px.log_prob(level.expand(4, 1, 1, 1))[0] for level in LEVELS])
    torch.testing.assert_close(px.log_prob(px.mode[0])[0], every.max(0).values)


def test_bits_are_nats_of_each_value():
    assert bits_per_dimension(-8 * 12 * math.log(2), 12) == 8.0
