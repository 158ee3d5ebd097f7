"""Mixtures of Gaussians in the plane, the density of a network's next point (Bishop 1994; Graves 2013, section 4.1)."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from molvae.core.distributions import standard_normal_like, uniform_like

MAX_CORRELATION = 0.99
"""Beyond it a Gaussian is a line, and its density has no bound."""
MAX_LOG_SIGMA = 5.0


@dataclass(frozen=True)
class BivariateMixture:
    """sum_m w_m N(mu_m, Sigma_m) with Sigma_m = ((s_x^2, r s_x s_y), (r s_x s_y, s_y^2)), Graves 2013, eq. 23 to 25.

    Attributes:
        log_weight: (..., M), normalised over the components
        mu: (..., M, 2)
        log_sigma: (..., M, 2), log s_x and log s_y
        correlation: (..., M), r, between -1 and 1
    """

    log_weight: Tensor
    mu: Tensor
    log_sigma: Tensor
    correlation: Tensor

    @classmethod
    def from_raw(cls, raw: Tensor, min_sigma: float) -> "BivariateMixture":
        """From a network's outputs (..., 6 M): logits of the weights, mu_x, mu_y, log s_x, log s_y, atanh r.

        Args:
            raw: outputs.
            min_sigma: floor of s_x and s_y. Points on a grid repeat exactly; without a floor a component would shrink
                onto one of them and its density grow for ever.
        """
        logits, mu_x, mu_y, log_x, log_y, skew = raw.float().chunk(6, -1)
        log_sigma = torch.stack([log_x, log_y], -1).clamp(math.log(min_sigma), MAX_LOG_SIGMA)
        correlation = MAX_CORRELATION * torch.tanh(skew)
        return cls(torch.log_softmax(logits, -1), torch.stack([mu_x, mu_y], -1), log_sigma, correlation)

    def log_prob(self, x: Tensor) -> Tensor:
        """Points (..., 2) -> log density (...), constants included."""
        # Z = u^2 + v^2 - 2 r u v with u, v in units of s_x, s_y
        u, v = ((x.unsqueeze(-2) - self.mu) * torch.exp(-self.log_sigma)).unbind(-1)
        free = 1 - self.correlation**2
        distance = u * u + v * v - 2 * self.correlation * u * v
        # log N = -log 2 pi s_x s_y - 1/2 log(1 - r^2) - Z / 2 (1 - r^2)
        log_density = -math.log(2 * math.pi) - self.log_sigma.sum(-1) - 0.5 * (free.log() + distance / free)
        return torch.logsumexp(self.log_weight + log_density, -1)

    def sample(self, generator: torch.Generator | None = None, temperature: float = 1.0) -> Tensor:
        """One point of each mixture, (..., 2).

        Args:
            generator: randomness.
            temperature: tau: the logits of the weights are divided by it and the variances multiplied with it (Ha &
                Eck 2017, eq. 8); 0: the mean of the heaviest component.
        """
        if temperature == 0:
            chosen = self.log_weight.argmax(-1, keepdim=True)
        else:
            chosen = sample_classes(self.log_weight / temperature, generator).unsqueeze(-1)
        mu, log_sigma = (
            part.gather(-2, chosen.unsqueeze(-1).expand(*chosen.shape, 2)).squeeze(-2) for part in self._pairs
        )
        if temperature == 0:
            return mu
        r = self.correlation.gather(-1, chosen).squeeze(-1)
        eps = standard_normal_like(mu, tuple(mu.shape), generator)
        # L eps with L L^T = Sigma
        first, second = eps.unbind(-1)
        correlated = torch.stack([first, r * first + (1 - r**2).sqrt() * second], -1)
        return mu + math.sqrt(temperature) * torch.exp(log_sigma) * correlated

    @property
    def _pairs(self) -> tuple[Tensor, Tensor]:
        return self.mu, self.log_sigma


def sample_classes(logits: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """One class of each softmax, (..., C) -> (...), by the cumulative sum of its probabilities."""
    cumulative = torch.softmax(logits.float(), -1).cumsum(-1)
    uniform = uniform_like(cumulative, (*logits.shape[:-1], 1), generator) * cumulative[..., -1:]
    return (uniform >= cumulative).sum(-1).clamp(max=logits.shape[-1] - 1)
