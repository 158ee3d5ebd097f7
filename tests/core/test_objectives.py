"""The bounds, checked on a linear-Gaussian model whose log p(x) is known in closed form."""

import torch
from torch import nn

from molvae.core.distributions import DiagonalGaussian, Gaussian, StandardNormal
from molvae.core.evaluate import active_units, evaluate_bounds
from molvae.core.objectives import elbo, iwae, joint
from molvae.core.vae import VAE, Terms

NOISE = 0.5  # p(x|z) = N(z, NOISE^2), p(z) = N(0, 1), so p(x) = N(0, 1 + NOISE^2)


class ScaledEncoder(nn.Module):
    """q(z|x) = the true posterior, its mean shifted by ``error``."""

    def __init__(self, error: float) -> None:
        super().__init__()
        self.error = error

    def forward(self, x: torch.Tensor) -> DiagonalGaussian:
        variance = torch.tensor(NOISE**2 / (1 + NOISE**2))
        return DiagonalGaussian(x / (1 + NOISE**2) + self.error, variance.log().expand_as(x))


class IdentityDecoder(nn.Module):
    def forward(self, z: torch.Tensor) -> Gaussian:
        return Gaussian(z, torch.tensor(NOISE**2).log())


def linear_gaussian(error: float = 0.0) -> VAE:
    return VAE(ScaledEncoder(error), StandardNormal(1), IdentityDecoder())


def true_log_p(x: torch.Tensor) -> torch.Tensor:
    return torch.distributions.Normal(0.0, (1 + NOISE**2) ** 0.5).log_prob(x).sum(-1)


X = torch.tensor([[0.3], [-1.2], [2.0]])


def terms(error: float, samples: int) -> Terms:
    return linear_gaussian(error).terms(X, samples, torch.Generator().manual_seed(0))


def test_with_the_true_posterior_every_bound_is_tight():
    tight = terms(0.0, 4)
    torch.testing.assert_close(iwae(tight), true_log_p(X))
    torch.testing.assert_close(elbo(terms(0.0, 20_000)), true_log_p(X), atol=0.02, rtol=0)


def test_elbo_is_below_iwae_is_below_log_p():
    loose = terms(0.4, 5_000)
    assert (elbo(loose) < iwae(loose)).all()
    torch.testing.assert_close(iwae(loose), true_log_p(X), atol=0.05, rtol=0)
    # the gap of the ELBO is KL(q || true posterior) = error^2 / (2 variance)
    gap = 0.4**2 / (2 * NOISE**2 / (1 + NOISE**2))
    torch.testing.assert_close(true_log_p(X) - elbo(loose), torch.full((3,), gap), atol=0.05, rtol=0)


def test_one_sample_iwae_is_the_sampled_elbo():
    one = terms(0.4, 1)
    sampled = Terms(one.log_px, one.log_pz, one.log_qz, None, one.q, one.px, one.z)
    torch.testing.assert_close(iwae(one), elbo(sampled))


def test_beta_weighs_the_kl_alone():
    some = terms(0.4, 3)
    torch.testing.assert_close(elbo(some, 1.0) - elbo(some, 0.25), -0.75 * some.kl)


def test_joint_objective_adds_weighted_auxiliary_terms():
    some = terms(0.0, 2)
    with_property = Terms(
        some.log_px, some.log_pz, some.log_qz, some.kl, some.q, some.px, some.z, {"properties": torch.ones(3)}
    )
    torch.testing.assert_close(joint(with_property, 0.5, {"properties": 3.0}), elbo(some, 0.5) + 3.0)


def test_active_units_count_the_dimensions_that_say_something():
    means = torch.randn(100, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 0.0, 0.5])
    assert active_units(means) == 2


def test_evaluate_bounds_weighs_batches_by_their_size():
    model = linear_gaussian()
    whole = evaluate_bounds(model, [X], samples=2_000)
    parts = evaluate_bounds(model, [X[:2], X[2:]], samples=2_000)
    assert abs(whole["elbo"] - parts["elbo"]) < 0.05
    assert abs(whole["nll"] + true_log_p(X).mean().item()) < 1e-4
