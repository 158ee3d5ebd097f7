"""Pixels from a mixture of slots: a density, its draws, and the masks that weigh it."""

import itertools
import math

import pytest
import torch

from molvae.core.distributions import Gaussian
from molvae.core.priors import StandardNormal
from molvae.core.slot_mixture import AttendedSlots, SlotMixture

S, B, K, C, H, W = 2, 3, 4, 3, 2, 2


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def mixture(samples: int = S, channels: int = C) -> SlotMixture:
    mu = torch.randn(samples, B, K, channels, H, W, generator=generator())
    log_var = torch.linspace(-1.5, 0.5, K).view(K, 1, 1, 1)  # a sigma for each slot
    logits = torch.randn(samples, B, K, 1, H, W, generator=generator(1))
    return SlotMixture(mu, log_var, logits.log_softmax(-4))


def test_the_density_is_that_of_a_mixture_at_every_pixel():
    px, x = mixture(), torch.randn(B, C, H, W, generator=generator(2))
    sigma = (0.5 * px.log_var).exp().expand_as(px.mu)
    for s, b in itertools.product(range(S), range(B)):
        expected = 0.0
        for i, j in itertools.product(range(H), range(W)):
            slots = [
                torch.distributions.Normal(px.mu[s, b, k, :, i, j], sigma[s, b, k, :, i, j])
                .log_prob(x[b, :, i, j])
                .sum()
                .exp()
                * px.log_masks[s, b, k, 0, i, j].exp()
                for k in range(K)
            ]
            expected += float(sum(slots).log())
        assert float(px.log_prob(x)[s, b]) == pytest.approx(expected, abs=1e-4)


def test_the_density_of_one_pixel_integrates_to_one():
    px = mixture(1, 1)
    pixel = SlotMixture(px.mu[..., :1, :1], px.log_var, px.log_masks[..., :1, :1])
    line = torch.linspace(-12, 12, 601)
    density = torch.stack([pixel.log_prob(x.expand(B, 1, 1, 1)).exp()[0] for x in line])
    torch.testing.assert_close(torch.trapezoid(density, line, dim=0), torch.ones(B), atol=1e-3, rtol=0)


def test_with_one_slot_for_certain_it_is_the_gaussian_of_that_slot():
    px, x = mixture(), torch.randn(B, C, H, W, generator=generator(2))
    masks = torch.full((B, K, 1, H, W), -math.inf)
    masks[:, 2] = 0.0
    one = Gaussian(px.mu[:, :, 2], px.log_var[2])
    torch.testing.assert_close(px.with_masks(masks).log_prob(x), one.log_prob(x))
    torch.testing.assert_close(px.with_masks(masks).mode, one.mean)
    assert torch.isfinite(px.with_masks(masks).sample(generator())).all()


def test_draws_have_the_mean_of_the_mixture_and_repeat_with_the_seed():
    one = mixture(1)
    many = SlotMixture(one.mu.expand(20_000, *one.mu.shape[1:]), one.log_var, one.log_masks)
    torch.testing.assert_close(many.sample(generator()).mean(0), one.mean[0], atol=0.06, rtol=0)
    assert torch.equal(one.sample(generator(2)), one.sample(generator(2)))
    assert one.mode.shape == one.mean.shape == (1, B, C, H, W)


def test_masks_agree_with_themselves_and_with_no_others():
    px = mixture(1)
    posterior = AttendedSlots(torch.zeros(B, K * 2), torch.zeros(B, K * 2), (K, 2), log_masks=px.log_masks[0])
    assert posterior.mask_agreement(px).abs().max() < 1e-5
    other = torch.randn(5, B, K, 1, H, W, generator=generator(3)).log_softmax(-4)
    expected = [
        torch.distributions.kl_divergence(
            *(torch.distributions.Categorical(logits=m.movedim(-4, -1)) for m in (px.log_masks[0], other[s]))
        ).sum((1, 2, 3))
        for s in range(5)
    ]
    agreement = posterior.mask_agreement(px.with_masks(other))
    torch.testing.assert_close(agreement, -torch.stack(expected).mean(0))


def test_a_posterior_with_masks_is_a_gaussian_to_every_prior():
    posterior = AttendedSlots(torch.ones(B, 8), torch.zeros(B, 8), (K, 2), log_masks=torch.zeros(B, K, 1, H, W))
    torch.testing.assert_close(StandardNormal(K, 2).kl_from(posterior), torch.full((B,), 4.0))
    assert posterior.event_shape == (K, 2) and posterior.rsample(S, generator()).shape == (S, B, 8)
