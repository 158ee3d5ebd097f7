"""KL weight and learning rate as functions of the training step; a schedule belongs to the step, never to the model."""

import itertools
import math
from collections.abc import Sequence


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
