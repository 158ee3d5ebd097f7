"""KL weight and learning rate as functions of the training step; a schedule belongs to the step, never to the model."""

import itertools
import math
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from molvae.run.config import Config


def piecewise_linear(step: int, knots: Sequence[tuple[int, float]]) -> float:
    """Straight lines between knots (step, value), constant before the first and after the last.

    ``[(0, 0), (8000, 0.05)]`` is the KL annealing of Bowman et al. 2016; a single knot is a constant.
    """
    for (left, low), (right, high) in itertools.pairwise(knots):
        if step < right:
            return low + (high - low) * max(0, step - left) / (right - left)
    return knots[-1][1]


def cyclical(step: int, value: float, period: int, rising: float = 0.5) -> float:
    """Saw teeth: rise from zero to ``value`` in the first part ``rising`` of a period, then hold (Fu et al. 2019)."""
    return value * min(1.0, (step % period) / (rising * period))


def warmup_cosine(step: int, value: float, warmup: int, total: int, floor: float = 0.01) -> float:
    """Linear rise over ``warmup`` steps, then half a cosine down to ``floor * value`` at ``total`` steps."""
    if step < warmup:
        return value * (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, total - warmup))
    return value * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress)))


class KLSchedule(Config):
    """Weight of the KL term over the steps of a run."""

    kind: Literal["constant", "linear", "cyclical"] = "constant"
    """``linear`` rises once from zero (Bowman et al. 2016), ``cyclical`` again and again (Fu et al. 2019)."""
    weight: float = Field(1.0, ge=0, le=1e4)
    """beta in the end; 1 is the bound itself (Higgins et al. 2017 for others)."""
    steps: int = Field(1000, ge=1, le=1_000_000_000)
    """Length of the rise, or of one cycle."""

    def at(self, step: int) -> float:
        """beta at a step."""
        if self.kind == "linear":
            return piecewise_linear(step, ((0, 0.0), (self.steps, self.weight)))
        if self.kind == "cyclical":
            return cyclical(step, self.weight, self.steps)
        return self.weight
