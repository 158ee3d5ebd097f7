"""Posteriors, priors and likelihoods as objects: the three protocols, Gaussians and pixels.

Every ``log_prob`` is in nats per example: summed over all dimensions of one example, normalising constants
included. Shape letters: S samples, B examples, D latent dimensions. Randomness is an argument: pass a
``torch.Generator`` to repeat a draw; it is made where the generator lives, and moved to where it is needed.

A code may be more than a vector: N categories of C classes, a grid, a set of slots. Outside it is flat, (S, B, D), so
that objectives, evaluators and samplers need not know; its ``event_shape``, with D elements, is for those who do.

Discrete posteriors are in :mod:`molvae.core.categorical`, priors in :mod:`molvae.core.priors`. To add a distribution:
write a class with the methods of :class:`Posterior`, :class:`Prior` or :class:`Likelihood`, and the line in the
registry that makes it: a head in :mod:`molvae.core.heads`, or ``PRIORS``.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from molvae.errors import InputError
from molvae.shapes import Codes, PerSample, Samples

LOG_2PI = math.log(2 * math.pi)


@runtime_checkable
class Posterior(Protocol):
    """q(z|x) for a batch of B examples."""

    @property
    def event_shape(self) -> tuple[int, ...]:
        """What the D numbers of one code are, ``(D,)`` for a vector."""

    @property
    def mean(self) -> Codes:
        """(B, D)"""

    def rsample(self, samples: int, generator: torch.Generator | None = None) -> Samples:
        """(S, B, D), differentiable in the parameters of q where q has such draws."""

    def log_prob(self, z: Samples) -> PerSample:
        """(S, B, D) -> (S, B)"""


@runtime_checkable
class Prior(Protocol):
    """p(z), or p(z|x) with parameters for each of B examples. It decides what its divergence from a posterior is."""

    @property
    def event_shape(self) -> tuple[int, ...]:
        """What the D numbers of one code are, ``(D,)`` for a vector."""

    def sample(self, shape: tuple[int, ...], generator: torch.Generator | None = None) -> Tensor:
        """(*shape, D), or (*shape, B, D) if every example has its own prior."""

    def log_prob(self, z: Tensor) -> Tensor:
        """(S, B, D) -> (S, B)"""

    def kl_per_factor(self, q: Posterior) -> Tensor | None:
        """KL(q || p) of each independent part of the code, (B, F): a dimension, a category; None if it has no such
        parts or no closed form.
        """

    def kl_from(self, q: Posterior) -> Tensor | None:
        """KL(q || p) of each example (B,) in closed form, or None where there is none: it is then estimated from the
        samples of the bound.
        """


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
    return _drawn_like(torch.randn, reference, shape, generator)


def uniform_like(reference: Tensor, shape: tuple[int, ...], generator: torch.Generator | None) -> Tensor:
    """Uniform numbers in [0, 1), otherwise as :func:`standard_normal_like`."""
    return _drawn_like(torch.rand, reference, shape, generator)


def _drawn_like(
    draw: Callable[..., Tensor], reference: Tensor, shape: tuple[int, ...], generator: torch.Generator | None
) -> Tensor:
    device = generator.device if generator is not None else reference.device
    draw = partial(draw, generator=generator, device=device, dtype=reference.dtype)
    share = getattr(generator, "share", None)
    if share is not None and len(shape) > 1 and shape[1] == len(share):
        # one of several processes: each example has the noise that it would have in one
        return draw((shape[0], share.of, *shape[2:]))[:, share.rows].to(reference.device)
    return draw(shape).to(reference.device)


@dataclass(frozen=True)
class DiagonalGaussian:
    """N(mu, diag(sigma^2)), the posterior of Kingma & Welling 2013, section 3.

    Attributes:
        mu: (B, D)
        log_var: (B, D), log sigma^2
        shape: event shape of a code that is more than a vector, such as K slots of D / K numbers.
    """

    mu: Codes
    log_var: Codes
    shape: tuple[int, ...] = ()

    @property
    def event_shape(self) -> tuple[int, ...]:
        return self.shape or (self.mu.shape[-1],)

    @property
    def mean(self) -> Codes:
        return self.mu

    def rsample(self, samples: int, generator: torch.Generator | None = None) -> Samples:
        # z = mu + sigma * eps (AEVB eq. 10, reparameterisation)
        eps = standard_normal_like(self.mu, (samples, *self.mu.shape), generator)
        return self.mu + torch.exp(0.5 * self.log_var) * eps

    def log_prob(self, z: Samples) -> PerSample:
        return -0.5 * (LOG_2PI + self.log_var + (z - self.mu) ** 2 * torch.exp(-self.log_var)).sum(-1)


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
    def event_shape(self) -> tuple[int, ...]:
        return (self.mu.shape[-1],)

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
        return -0.5 * (LOG_2PI + eps**2).sum(-1) - self.log_det

    @property
    def log_det(self) -> Tensor:
        """log det L of each example, (B,)."""
        return self.factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)


@dataclass(frozen=True)
class PointMass:
    """All of q at one point: the code of a plain autoencoder. No density, so no bound: train it on reconstruction.

    ``log_prob`` is zero by convention, so that what stands for the KL is -log p(z): no divergence, and no evaluator
    reports it as one.

    Attributes:
        mu: (B, D)
        shape: event shape of a code that is more than a vector.
    """

    mu: Codes
    shape: tuple[int, ...] = ()

    @property
    def event_shape(self) -> tuple[int, ...]:
        return self.shape or (self.mu.shape[-1],)

    @property
    def mean(self) -> Codes:
        return self.mu

    def rsample(self, samples: int, generator: torch.Generator | None = None) -> Samples:
        return self.mu.expand(samples, *self.mu.shape)

    def log_prob(self, z: Samples) -> PerSample:
        return torch.zeros_like(z[..., 0])


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
        uniform = uniform_like(self.logits, tuple(self.logits.shape), generator)
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


@dataclass(frozen=True)
class Laplace:
    """Independent real values of density exp(-|x - mu| / b) / 2b; ``mu`` (S, B, *event), ``log_scale`` = log b.

    Its log-density is an absolute error of weight 1 / b; the standard deviation is b sqrt(2).
    """

    mu: Tensor
    log_scale: Tensor

    def log_prob(self, x: Tensor) -> Tensor:
        """x (B, *event) -> (S, B)"""
        log_scale = self.log_scale.expand_as(self.mu)
        return _sum_event(-math.log(2) - log_scale - (x - self.mu).abs() * torch.exp(-log_scale), x)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        u = uniform_like(self.mu, tuple(self.mu.shape), generator)
        # the inverse of the distribution function; a u of zero, which may be drawn, is no infinite value
        tail = (1 - (2 * u - 1).abs()).clamp(min=torch.finfo(u.dtype).tiny)
        return self.mu - torch.exp(self.log_scale) * (u - 0.5).sign() * tail.log()

    @property
    def mean(self) -> Tensor:
        return self.mu

    @property
    def mode(self) -> Tensor:
        return self.mu
