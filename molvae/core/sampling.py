"""Draw and combine latent points: the prior, a Gaussian fitted to encodings, straight lines and great circles."""

from typing import Literal

import torch
from torch import Tensor

from molvae.errors import ConfigError


def lerp(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    """Straight line: (D,), (D,), (T,) -> (T, D)."""
    return start + t.unsqueeze(-1) * (end - start)


def slerp(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    """Great circle (Shoemake 1985): (D,), (D,), (T,) -> (T, D).

    In many dimensions N(0, I) lies near a sphere; a straight line leaves it, a great circle does not (White 2016).
    The norm goes linearly from one end to the other. Falls back to a line where the ends are (anti)parallel.
    """
    norms = start.norm(), end.norm()
    if min(norms) == 0:
        return lerp(start, end, t)
    a, b = start / norms[0], end / norms[1]
    angle = torch.arccos((a @ b).clamp(-1, 1))
    if torch.sin(angle) < 1e-6:
        return lerp(start, end, t)
    t = t.unsqueeze(-1)
    direction = (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)
    return direction * ((1 - t) * norms[0] + t * norms[1])


def interpolate(start: Tensor, end: Tensor, t: Tensor, method: Literal["lerp", "slerp"] = "slerp") -> Tensor:
    """Points between two others by name of the method; (D,), (D,), (T,) -> (T, D).

    Raises:
        ConfigError: no such method.
    """
    methods = {"lerp": lerp, "slerp": slerp}
    if method not in methods:
        raise ConfigError(f"interpolation method {method!r} is unknown: use lerp or slerp")
    return methods[method](start, end, t)


def fitted_gaussian(
    encodings: Tensor, number: int, generator: torch.Generator | None = None, jitter: float = 1e-6
) -> Tensor:
    """Draw from the Gaussian with the mean and covariance of encodings (n, D): (number, D).

    The aggregate posterior differs from the prior; its own Gaussian is closer to where the decoder was trained.
    """
    centred = encodings - encodings.mean(0)
    covariance = centred.t() @ centred / max(1, len(encodings) - 1)
    factor = torch.linalg.cholesky(covariance + jitter * torch.eye(covariance.shape[0]))
    return encodings.mean(0) + torch.randn(number, encodings.shape[1], generator=generator) @ factor.t()
