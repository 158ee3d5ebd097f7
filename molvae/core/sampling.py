"""Draw and combine latent points: Gaussians and mixtures fitted to encodings, lines and great circles, analogies,
grids.

Nothing here knows what a point stands for: molecules and images use the same functions.
"""

import numpy as np
import torch
from torch import Tensor

from molvae.core.distributions import standard_normal_like
from molvae.errors import ConfigError
from molvae.shapes import Drawn, Fractions, Path, Point, Points


def lerp(start: Point, end: Point, t: Fractions) -> Path:
    """Straight line: (D,), (D,), (T,) -> (T, D)."""
    return start + t.unsqueeze(-1) * (end - start)


def slerp(start: Point, end: Point, t: Fractions) -> Path:
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


def interpolate(start: Point, end: Point, t: Fractions, method: str = "slerp") -> Path:
    """Points between two others by name of the method; (D,), (D,), (T,) -> (T, D).

    Raises:
        ConfigError: no such method.
    """
    methods = {"lerp": lerp, "slerp": slerp}
    if method not in methods:
        raise ConfigError(f"interpolation method {method!r} is unknown: use lerp or slerp")
    return methods[method](start, end, t)


def fitted_gaussian(
    encodings: Points, number: int, generator: torch.Generator | None = None, jitter: float = 1e-6
) -> Drawn:
    """Draw from the Gaussian with the mean and covariance of encodings (n, D): (number, D).

    The aggregate posterior differs from the prior; its own Gaussian is closer to where the decoder was trained.
    """
    # fewer encodings than dimensions leave a covariance without full rank: the jitter must not drown in the rounding
    centred = (encodings - encodings.mean(0)).double()
    covariance = centred.t() @ centred / max(1, len(encodings) - 1)
    factor = torch.linalg.cholesky(covariance + jitter * torch.eye(len(covariance)).to(covariance)).to(encodings)
    noise = standard_normal_like(encodings, (number, encodings.shape[1]), generator)
    return encodings.mean(0) + noise @ factor.t()


def fitted_mixture(encodings: Points, number: int, components: int = 5, seed: int = 0) -> Drawn:
    """Draw from a mixture of Gaussians with full covariances fitted to encodings (n, D) by EM: (number, D).

    For a subset that is not one cloud: a class written in two styles, the whole aggregate posterior.

    Raises:
        ConfigError: fewer encodings than components.
    """
    from sklearn.mixture import GaussianMixture

    if len(encodings) < components:
        raise ConfigError(f"a mixture of {components} Gaussians needs as many encodings, not {len(encodings)}")
    # the ridge keeps the covariance of a small component positive definite in many dimensions
    mixture = GaussianMixture(components, reg_covar=1e-3, random_state=seed).fit(encodings.double().cpu().numpy())
    points, _ = mixture.sample(number)
    return torch.from_numpy(np.random.default_rng(seed).permutation(points)).to(encodings)


def analogy(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """What is to ``c`` as ``b`` is to ``a``: c + b - a (Mikolov et al. 2013); (..., D) each."""
    return c + b - a


def gaussian_grid(side: int) -> Tensor:
    """A square grid of equal probability under N(0, I) in two dimensions, row by row: (side^2, 2).

    Linear coordinates on the unit square through the inverse Gaussian CDF (Kingma & Welling 2013, appendix A).
    """
    line = torch.special.ndtri((torch.arange(side, dtype=torch.float64) + 0.5) / side).float()
    rows, columns = torch.meshgrid(line.flip(0), line, indexing="ij")
    return torch.stack([columns.flatten(), rows.flatten()], -1)
