"""Probabilities of values that come in levels, such as grey values of 8 bits; bits per dimension count them."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from molvae.core.distributions import uniform_like


@dataclass(frozen=True)
class DiscretisedLogistic:
    """P(x) = s((x + w/2 - mu) / b) - s((x - w/2 - mu) / b) for levels x = 0, w, 2 w, ..., 1, the first and the last
    with all that lies beyond (Salimans et al. 2017, "PixelCNN++", eq. 2, with one component).

    A probability, not a density: -log2 of it, divided by the number of values, are bits per dimension.

    Attributes:
        mu: (S, B, *event) means, in the units of x
        log_scale: (S, B, *event) log b
        levels: how many there are from 0 to 1.
    """

    mu: Tensor
    log_scale: Tensor
    levels: int = 256

    def log_prob(self, x: Tensor) -> Tensor:
        """x (B, *event) in [0, 1], taken for the nearest level -> (S, B)."""
        log_p = self._log_mass(self._nearest(x))
        return log_p.sum(tuple(range(1 - x.dim(), 0)))

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        uniform = uniform_like(self.mu, tuple(self.mu.shape), generator).clamp(1e-6, 1 - 1e-6)
        return self._nearest(self.mu + self.log_scale.exp() * torch.logit(uniform))

    @property
    def mean(self) -> Tensor:
        """The mean of the density, brought into [0, 1]."""
        return self.mu.clamp(0, 1)

    @property
    def mode(self) -> Tensor:
        """The likeliest level: the one at the mean, or an end where more lies beyond."""
        candidates = torch.stack([self._nearest(self.mu), torch.zeros_like(self.mu), torch.ones_like(self.mu)])
        best = torch.stack([self._log_mass(x) for x in candidates]).argmax(0, keepdim=True)
        return candidates.gather(0, best).squeeze(0)

    def _nearest(self, x: Tensor) -> Tensor:
        return (x.clamp(0, 1) * (self.levels - 1)).round() / (self.levels - 1)

    def _log_mass(self, x: Tensor) -> Tensor:
        half = 0.5 / (self.levels - 1)
        rate = torch.exp(-self.log_scale)
        above, below = (x + half - self.mu) * rate, (x - half - self.mu) * rate
        # s(a) - s(b) = s(a) s(-b) (1 - exp(b - a)); each factor has a logarithm that does not cancel
        width = torch.log(-torch.expm1(-2 * half * rate))
        first, last = x < half, x > 1 - half
        log_mass = torch.where(last, 0.0, logsigmoid(above)) + torch.where(first, 0.0, logsigmoid(-below))
        return log_mass + torch.where(first | last, 0.0, width)


def bits_per_dimension(log_prob: float, dimensions: int) -> float:
    """Nats of an example -> bits of each of its values."""
    return -log_prob / (dimensions * math.log(2))
