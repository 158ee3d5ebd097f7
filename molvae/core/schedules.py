"""KL weight and learning rate as functions of the training step; a schedule belongs to the step, never to the model."""

import math


def linear_warmup(step: int, value: float, start: int, length: int) -> float:
    """Zero until ``start``, then a straight line that reaches ``value`` after ``length`` steps (Bowman et al. 2016)."""
    if step >= start + length:
        return value
    return value * max(0, step - start) / max(1, length)


def cyclical(step: int, value: float, period: int, rising: float = 0.5) -> float:
    """Saw teeth: in each period rise from zero to ``value`` in the first part ``rising``, then hold (Fu et al. 2019)."""
    return value * min(1.0, (step % period) / (rising * period))


def warmup_cosine(step: int, value: float, warmup: int, total: int, floor: float = 0.01) -> float:
    """Linear rise over ``warmup`` steps, then half a cosine down to ``floor * value`` at ``total`` steps."""
    if step < warmup:
        return value * (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, total - warmup))
    return value * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress)))
