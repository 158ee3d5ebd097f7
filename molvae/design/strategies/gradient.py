"""Baseline: follow the gradient of the predicted utility from the best candidates so far, then decode."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from molvae.design.strategies.base import Judge, Outcome, Setup, Stateless, Suggestion, decode_suggestions
from molvae.errors import ConfigError
from molvae.run.seeds import step_seed

_STEPS = 40
_RATE = 0.1
_NOISE = 0.3  # standard deviation of where the ascent begins around an encoding


class GradientAscent(Stateless):
    """The ``gradient`` strategy.

    Gomez-Bombarelli et al. 2018 smooth the same landscape with a GP; here the property predictor is climbed as it is.
    A step ends where the norm of z leaves what the encoder produces, since the predictor knows nothing out there.

    Raises:
        ConfigError: the model does not predict the objective.
    """

    def __init__(self, setup: Setup) -> None:
        predict = setup.space.predicted_utility
        if predict is None:
            raise ConfigError("gradient ascent needs an objective made of properties that the model predicts")
        self.space, self.seed, self.predict = setup.space, setup.seed, predict
        self.known: dict[Any, float] = {}

    def begin(self, items: Sequence[Any], utility: np.ndarray) -> None:
        self.known |= {item: float(u) for item, u in zip(items, utility, strict=True) if np.isfinite(u)}

    def propose(self, count: int, step: int, judge: Judge) -> list[Suggestion]:
        generator = torch.Generator().manual_seed(step_seed(self.seed, step))
        best = sorted(self.known, key=lambda item: (-self.known[item], item.identity))[: 2 * count]
        if not best:
            return []
        z, _ = self.space.encode(best)
        rows = torch.randint(len(z), (count,), generator=generator)
        z = z[rows] + _NOISE * torch.randn(count, z.shape[1], generator=generator, dtype=z.dtype)
        longest = self.space.typical_norm
        for _ in range(_STEPS):
            z.requires_grad_(True)
            (gradient,) = torch.autograd.grad(self.predict(z).sum(), z)
            z = z.detach() + _RATE * gradient / gradient.norm(dim=1, keepdim=True).clamp(min=1e-9)
            z = z * (longest / z.norm(dim=1, keepdim=True)).clamp(max=1.0)
        return decode_suggestions(self.space, z, step, mean=self.predict(z).detach())

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        scored = [outcome for outcome in outcomes if outcome.item is not None]
        self.begin([outcome.item for outcome in scored], np.array([outcome.utility for outcome in scored]))
