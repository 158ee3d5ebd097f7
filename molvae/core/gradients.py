"""The noise of gradient estimators: mean and variance over repeated draws of z, on the very same batch and weights."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from molvae.core.objectives import elbo, leave_one_out, sampled_elbo, score_function
from molvae.core.vae import VAE

Estimator = Callable[[VAE, Any, torch.Generator], Tensor]
"""(model, batch, generator) -> surrogate (B,) whose mean's gradient is an estimate of that of the ELBO."""


def reparameterised(samples: int = 1, closed_form: bool = True) -> Estimator:
    """SGVB, estimator B with the closed-form KL or A without (Kingma & Welling 2013, eq. 6 and 7)."""
    bound = elbo if closed_form else sampled_elbo
    return lambda model, batch, generator: bound(model.terms(batch, samples, generator))


def score(samples: int = 1, baseline: bool = False) -> Estimator:
    """Score function, plain or with the leave-one-out baseline (needs two samples or more)."""

    def estimator(model: VAE, batch: Any, generator: torch.Generator) -> Tensor:
        terms = model.terms(batch, samples, generator, reparameterised=False)
        return score_function(terms, leave_one_out(terms) if baseline else 0.0)

    return estimator


@dataclass(frozen=True)
class GradientMoments:
    """Moments of an estimator over independent draws, P parameters.

    Attributes:
        mean: (P,)
        variance: (P,), of a single draw
        draws: how many
    """

    mean: Tensor
    variance: Tensor
    draws: int

    @property
    def total_variance(self) -> float:
        """Trace of the covariance: the expected squared distance of one draw from the mean."""
        return float(self.variance.sum())


def gradient_moments(
    model: VAE, batch: Any, estimator: Estimator, parameters: Sequence[nn.Parameter], draws: int, seed: int = 0
) -> GradientMoments:
    """Mean and variance of a gradient estimate over ``draws`` draws of z (Welford's update).

    Args:
        model: its weights stay as they are, and so do the gradients that were in them.
        batch: the same for every draw.
        estimator: what is measured.
        parameters: with respect to which; those of the encoder, usually.
        draws: at least 2.
        seed: of the draws.
    """
    generator = torch.Generator().manual_seed(seed)
    mean = square = torch.zeros(sum(parameter.numel() for parameter in parameters), dtype=torch.float64)
    for count in range(1, draws + 1):
        gradients = torch.autograd.grad(estimator(model, batch, generator).mean(), parameters)
        flat = torch.cat([gradient.flatten() for gradient in gradients]).double().cpu()
        delta = flat - mean
        mean = mean + delta / count
        square = square + delta * (flat - mean)
    return GradientMoments(mean, square / (draws - 1), draws)
