"""Discrete codes: N variables, each one of C classes, as one-hots behind the flat (S, B, N C).

:class:`Categorical` is what a model has and what it is evaluated with. Its draws have no gradient; to train it, an
objective either uses the score function or lets the draws be soft for the time being, :class:`RelaxedCategorical`
(Jang et al. 2016, "Categorical reparameterization with Gumbel-softmax"; Maddison et al. 2016, "The concrete
distribution"), at a temperature that belongs to the training step; or it pretends that they have one,
:class:`StraightThroughCategorical`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from molvae.core.distributions import uniform_like
from molvae.errors import ConfigError
from molvae.shapes import Classes, Codes, PerSample, Samples


def one_hot(index: Tensor, classes: int) -> Tensor:
    """Classes (..., N) -> flat one-hots (..., N C) in float32."""
    return torch.nn.functional.one_hot(index, classes).float().flatten(-2)


def gumbel_like(reference: Tensor, shape: tuple[int, ...], generator: torch.Generator | None) -> Tensor:
    """Gumbel(0, 1) noise: with it, argmax(log pi + g) is a draw from the categories pi (Maddison et al. 2014)."""
    tiny = torch.finfo(reference.dtype).tiny
    return -(-uniform_like(reference, shape, generator).clamp(min=tiny).log()).log()


@dataclass(frozen=True)
class Categorical:
    """N independent variables of C classes each, q(z|x) = prod_n pi_n.

    Attributes:
        log_pi: (B, N, C), log probabilities, normalised
    """

    log_pi: Classes

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(N, C)"""
        return tuple(self.log_pi.shape[-2:])

    @property
    def mean(self) -> Codes:
        """The probabilities, (B, N C)."""
        return self.log_pi.exp().flatten(-2)

    def rsample(self, samples: int, generator: torch.Generator | None = None) -> Samples:
        """One-hots (S, B, N C); no gradient flows through them."""
        noise = gumbel_like(self.log_pi, (samples, *self.log_pi.shape), generator)
        return one_hot((self.log_pi + noise).argmax(-1), self.log_pi.shape[-1])

    def log_prob(self, z: Samples) -> PerSample:
        """log of the probability of one-hots; for soft z the mean of log pi under them, of which it is the limit."""
        return (z.unflatten(-1, self.event_shape) * self.log_pi).sum((-2, -1))


@dataclass(frozen=True)
class RelaxedCategorical(Categorical):
    """The same variables with soft draws z = softmax((log pi + g) / tau), g ~ Gumbel(0, 1), differentiable in pi.

    The smaller tau, the closer to one-hots and the noisier the gradient. What an objective makes of soft draws is no
    bound on log p(x): evaluate with :class:`Categorical`. Densities and KL are those of the classes, as in Jang et al.

    Attributes:
        temperature: tau
        straight_through: draw one-hots, with the gradient of the soft ones (ST Gumbel-softmax).
    """

    temperature: float = 1.0
    straight_through: bool = False

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ConfigError(f"a temperature is above 0, not {self.temperature:g}: give its schedule a floor")

    def rsample(self, samples: int, generator: torch.Generator | None = None) -> Samples:
        noise = gumbel_like(self.log_pi, (samples, *self.log_pi.shape), generator)
        soft = torch.softmax((self.log_pi + noise) / self.temperature, -1).flatten(-2)
        if not self.straight_through:
            return soft
        hard = one_hot((self.log_pi + noise).argmax(-1), self.log_pi.shape[-1])
        return hard + (soft - soft.detach())


@dataclass(frozen=True)
class StraightThroughCategorical(Categorical):
    """The same one-hots, with the gradient that the probabilities themselves would have in their place.

    Bengio, Leonard & Courville 2013, "Estimating or propagating gradients through stochastic neurons": no temperature,
    little noise, and a bias that does not go away.
    """

    def rsample(self, samples: int, generator: torch.Generator | None = None) -> Samples:
        return super().rsample(samples, generator) + (self.mean - self.mean.detach())
