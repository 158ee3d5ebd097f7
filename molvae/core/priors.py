"""Priors p(z), and the registry by which a configuration names them.

The divergence of a posterior from its prior belongs to the pair, so it is the prior that knows which closed forms there
are. To add one: a class with the methods of :class:`~molvae.core.distributions.Prior`, made from an event shape, and a
line in ``PRIORS``; a conditional prior p(z|x) is what :meth:`~molvae.core.vae.VAE.prior_for` returns.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from molvae.core.categorical import Categorical, one_hot
from molvae.core.distributions import LOG_2PI, DiagonalGaussian, FullGaussian, Posterior, Prior, standard_normal_like
from molvae.errors import ConfigError
from molvae.shapes import PerExample, PerFactor, PerSample, Samples


class StandardNormal:
    """p(z) = N(0, I).

    Args:
        event_shape: ``StandardNormal(D)`` for vectors, ``StandardNormal(K, D)`` for sets of K slots.
    """

    def __init__(self, *event_shape: int) -> None:
        self.event_shape = event_shape

    def sample(self, shape: tuple[int, ...], generator: torch.Generator | None = None) -> Tensor:
        device = None if generator is None else generator.device
        return torch.randn((*shape, math.prod(self.event_shape)), generator=generator, device=device)

    def log_prob(self, z: Samples) -> PerSample:
        return -0.5 * (LOG_2PI + z**2).sum(-1)

    def kl_per_factor(self, q: Posterior) -> PerFactor | None:
        if not isinstance(q, DiagonalGaussian):
            return None
        # KL(N(mu, sigma^2) || N(0, 1)), AEVB appendix B
        return -0.5 * (1 + q.log_var - q.mu**2 - q.log_var.exp())

    def kl_from(self, q: Posterior) -> PerExample | None:
        if isinstance(q, FullGaussian):
            # 1/2 (tr(L L^T) + mu^T mu - D) - log det L
            squares = (q.factor**2).sum((-2, -1)) + (q.mu**2 - 1).sum(-1)
            return 0.5 * squares - q.log_det
        return _total(self.kl_per_factor(q))


class GaussianPrior(nn.Module):
    """N(mu, diag(sigma^2)): one for all examples, learned if its numbers are parameters, or one for each, p(z|x).

    Args:
        mu: (D,), or (B, D) for B examples
        log_var: log sigma^2, of the same shape
        event_shape: default: a vector, (D,).
    """

    mu: Tensor
    log_var: Tensor

    def __init__(self, mu: Tensor, log_var: Tensor, event_shape: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.mu, self.log_var = mu, log_var
        self.event_shape = event_shape or (mu.shape[-1],)

    def sample(self, shape: tuple[int, ...], generator: torch.Generator | None = None) -> Tensor:
        eps = standard_normal_like(self.mu, (*shape, *self.mu.shape), generator)
        return self.mu + torch.exp(0.5 * self.log_var) * eps

    def log_prob(self, z: Samples) -> PerSample:
        return -0.5 * (LOG_2PI + self.log_var + (z - self.mu) ** 2 * torch.exp(-self.log_var)).sum(-1)

    def kl_per_factor(self, q: Posterior) -> PerFactor | None:
        if not isinstance(q, DiagonalGaussian):
            return None
        # 1/2 (log s_p^2 / s_q^2 + (s_q^2 + (m_q - m_p)^2) / s_p^2 - 1)
        ratio = (q.log_var.exp() + (q.mu - self.mu) ** 2) * torch.exp(-self.log_var)
        return 0.5 * (self.log_var - q.log_var + ratio - 1)

    def kl_from(self, q: Posterior) -> PerExample | None:
        return _total(self.kl_per_factor(q))


def learned_gaussian(*event_shape: int) -> GaussianPrior:
    """A Gaussian prior whose mean and scale are trained with the model; begins as N(0, I)."""
    size = math.prod(event_shape)
    return GaussianPrior(nn.Parameter(torch.zeros(size)), nn.Parameter(torch.zeros(size)), event_shape)


@dataclass(frozen=True)
class UniformCategorical:
    """N variables, every one of C classes equally probable.

    Attributes:
        variables: N
        classes: C
    """

    variables: int
    classes: int

    @property
    def event_shape(self) -> tuple[int, ...]:
        return self.variables, self.classes

    def sample(self, shape: tuple[int, ...], generator: torch.Generator | None = None) -> Tensor:
        """One-hots (*shape, N C)."""
        device = None if generator is None else generator.device
        size = (*shape, self.variables)
        return one_hot(torch.randint(self.classes, size, generator=generator, device=device), self.classes)

    def log_prob(self, z: Samples) -> PerSample:
        return torch.full_like(z[..., 0], -self.variables * math.log(self.classes))

    def kl_per_factor(self, q: Posterior) -> PerFactor:
        """KL of each variable: log C + sum_c pi_c log pi_c.

        Raises:
            ConfigError: q is not a distribution over classes, so there is no divergence at all.
        """
        if not isinstance(q, Categorical):
            raise ConfigError(f"a prior over classes needs a posterior over classes, not a {type(q).__name__}")
        return math.log(self.classes) + (q.log_pi.exp() * q.log_pi).sum(-1)

    def kl_from(self, q: Posterior) -> PerExample:
        return self.kl_per_factor(q).sum(-1)


def _total(per_factor: Tensor | None) -> Tensor | None:
    return None if per_factor is None else per_factor.sum(-1)


PRIORS: dict[str, Callable[..., Prior]] = {
    "standard_normal": StandardNormal,
    "learned_gaussian": learned_gaussian,
    "uniform_categorical": UniformCategorical,
}
"""Name -> event shape, such as (D,) or (N, C) -> prior."""
