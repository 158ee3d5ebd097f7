"""Posteriors, priors and likelihoods as objects.

Every ``log_prob`` is in nats per example: summed over all dimensions of one example, normalising constants
included. Shape letters: S samples, B examples, D latent dimensions. Randomness is an argument: pass a
``torch.Generator`` to repeat a draw.

To add one: write a class with the methods of :class:`Posterior`, :class:`Prior` or :class:`Likelihood`, and the line in
:mod:`molvae.core.heads` that makes it out of a network's outputs.
"""

import math
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from molvae.errors import InputError
from molvae.shapes import Codes, PerExample, PerSample, Samples

LOG_2PI = math.log(2 * math.pi)


@runtime_checkable
class Posterior(Protocol):
    """q(z|x) for a batch of B examples."""

    @property
    def mean(self) -> Codes:
        """(B, D)"""

    def rsample(self, samples: int, generator: torch.Generator | None = None) -> Samples:
        """(S, B, D), differentiable in the parameters of q."""

    def log_prob(self, z: Samples) -> PerSample:
        """(S, B, D) -> (S, B)"""

    def kl_to_standard_normal(self) -> PerExample | None:
        """KL(q || N(0, I)) of each example (B,) in closed form, or None where there is none."""


@runtime_checkable
class Prior(Protocol):
    """p(z)."""

    def sample(self, shape: tuple[int, ...], generator: torch.Generator | None = None) -> Tensor:
        """(*shape, D)"""

    def log_prob(self, z: Tensor) -> Tensor:
        """(S, B, D) -> (S, B)"""

    def kl_from(self, posterior: Posterior) -> Tensor | None:
        """KL(q || p) of each example (B,) in closed form, or None where there is none."""


class Likelihood(Protocol):
    """p(x|z) for S x B latent points; ``x`` is whatever the decoder was built for."""

    def log_prob(self, x: Any) -> Tensor:
        """(S, B)"""

    def sample(self, generator: torch.Generator | None = None) -> Any:
        """One draw for each latent point."""

    @property
    def mode(self) -> Any:
        """The most probable x, or the decoder's best approximation of it."""


def standard_normal_like(reference: Tensor, shape: tuple[int, ...], generator: torch.Generator | None) -> Tensor:
    """N(0, 1) noise on the device of ``reference``; drawn where the generator lives, so that seeds mean the same."""
    device = generator.device if generator is not None else reference.device
    return torch.randn(shape, generator=generator, device=device, dtype=reference.dtype).to(reference.device)


@dataclass(frozen=True)
class DiagonalGaussian:
    """N(mu, diag(sigma^2)), the posterior of Kingma & Welling 2013, section 3.

    Attributes:
        mu: (B, D)
        log_var: (B, D), log sigma^2
    """

    mu: Codes
    log_var: Codes

    @property
    def mean(self) -> Codes:
        return self.mu

    def rsample(self, samples: int, generator: torch.Generator | None = None) -> Samples:
        # z = mu + sigma * eps (AEVB eq. 10, reparameterisation)
        eps = standard_normal_like(self.mu, (samples, *self.mu.shape), generator)
        return self.mu + torch.exp(0.5 * self.log_var) * eps

    def log_prob(self, z: Samples) -> PerSample:
        return -0.5 * (LOG_2PI + self.log_var + (z - self.mu) ** 2 * torch.exp(-self.log_var)).sum(-1)

    def kl_to_standard_normal(self) -> PerExample:
        return kl_per_dimension(self).sum(-1)


@dataclass(frozen=True)
class FullGaussian:
    """N(mu, L L^T), a posterior whose dimensions may depend on each other.

    Kingma & Welling 2019, "An introduction to variational autoencoders", section 2.5.1.

    Attributes:
        mu: (B, D)
        factor: (B, D, D), L: lower triangular, its diagonal positive
    """

    mu: Codes
    factor: Tensor

    @property
    def mean(self) -> Codes:
        return self.mu

    def rsample(self, samples: int, generator: torch.Generator | None = None) -> Samples:
        # z = mu + L eps
        eps = standard_normal_like(self.mu, (samples, *self.mu.shape), generator)
        return self.mu + (self.factor @ eps.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, z: Samples) -> PerSample:
        residual = (z - self.mu).unsqueeze(-1)
        eps = torch.linalg.solve_triangular(self.factor.expand(*z.shape, -1), residual, upper=False).squeeze(-1)
        return -0.5 * (LOG_2PI + eps**2).sum(-1) - self._log_det

    def kl_to_standard_normal(self) -> PerExample:
        # 1/2 (tr(L L^T) + mu^T mu - D) - log det L
        squares = (self.factor**2).sum((-2, -1)) + (self.mu**2 - 1).sum(-1)
        return 0.5 * squares - self._log_det

    @property
    def _log_det(self) -> Tensor:
        return self.factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)


@dataclass(frozen=True)
class PointMass:
    """All of q at one point: the code of a plain autoencoder. No density, so no bound: train it on reconstruction.

    ``log_prob`` is zero by convention, which makes sampled bounds of a point mass the MAP objective log p(x, z).
    """

    mu: Codes

    @property
    def mean(self) -> Codes:
        return self.mu

    def rsample(self, samples: int, generator: torch.Generator | None = None) -> Samples:
        return self.mu.expand(samples, *self.mu.shape)

    def log_prob(self, z: Samples) -> PerSample:
        return torch.zeros_like(z[..., 0])

    def kl_to_standard_normal(self) -> None:
        return None


@dataclass(frozen=True)
class StandardNormal:
    """p(z) = N(0, I) in D dimensions."""

    dimension: int

    def sample(self, shape: tuple[int, ...], generator: torch.Generator | None = None) -> Tensor:
        return torch.randn((*shape, self.dimension), generator=generator)

    def log_prob(self, z: Samples) -> PerSample:
        return -0.5 * (LOG_2PI + z**2).sum(-1)

    def kl_from(self, posterior: Posterior) -> PerExample | None:
        return posterior.kl_to_standard_normal()


def kl_per_dimension(posterior: DiagonalGaussian) -> Codes:
    """KL(N(mu, sigma^2) || N(0, 1)) of each example and dimension, (B, D), AEVB appendix B."""
    mu, log_var = posterior.mu, posterior.log_var
    return -0.5 * (1 + log_var - mu**2 - log_var.exp())


def _sum_event(log_density: Tensor, x: Tensor) -> Tensor:
    """Sum over the dimensions of one example; whatever stands before (samples, classes, examples) stays."""
    return log_density.sum(tuple(range(1 - x.dim(), 0)))


@dataclass(frozen=True)
class Bernoulli:
    """Independent binary pixels; ``logits`` (..., B, *event), usually with S samples in front.

    Grey values are refused: the density of a Bernoulli is defined for 0 and 1 only, so binarise the data
    first (statically, or afresh at every step), and say which beside every number.
    """

    logits: Tensor

    def log_prob(self, x: Tensor) -> Tensor:
        """x (B, *event) of zeros and ones -> (..., B).

        Raises:
            InputError: a value is neither 0 nor 1.
        """
        if not bool(((x == 0) | (x == 1)).all()):
            raise InputError("a Bernoulli likelihood needs binary data: binarise grey values first")
        # log p = x log s(l) + (1 - x) log s(-l) = x l - softplus(l)
        return _sum_event(x * self.logits - torch.nn.functional.softplus(self.logits), x)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        device = generator.device if generator is not None else self.logits.device
        uniform = torch.rand(self.logits.shape, generator=generator, device=device).to(self.logits.device)
        return (uniform < self.logits.sigmoid()).to(self.logits.dtype)

    @property
    def mean(self) -> Tensor:
        return self.logits.sigmoid()

    @property
    def mode(self) -> Tensor:
        return (self.logits > 0).to(self.logits.dtype)


@dataclass(frozen=True)
class Gaussian:
    """Independent real values N(mu, sigma^2); ``mu`` (S, B, *event), ``log_var`` broadcast to it."""

    mu: Tensor
    log_var: Tensor

    def log_prob(self, x: Tensor) -> Tensor:
        """x (B, *event) -> (S, B)"""
        log_var = self.log_var.expand_as(self.mu)
        return _sum_event(-0.5 * (LOG_2PI + log_var + (x - self.mu) ** 2 * torch.exp(-log_var)), x)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        eps = standard_normal_like(self.mu, tuple(self.mu.shape), generator)
        return self.mu + torch.exp(0.5 * self.log_var) * eps

    @property
    def mean(self) -> Tensor:
        return self.mu

    @property
    def mode(self) -> Tensor:
        return self.mu
