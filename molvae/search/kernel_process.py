"""A Gaussian process whose kernel is a matrix of similarities: for things that have no coordinates, such as molecules.

The kernel has no parameters of its own; amplitude and noise are fitted by the marginal likelihood, the amplitude in
closed form, the noise over a grid, both from one eigendecomposition (Rasmussen & Williams 2006, eq. 2.30).
"""

from collections.abc import Callable

import numpy as np
from scipy.special import ndtr

_NOISE = 10.0 ** np.arange(-4.0, 1.0, 0.5)  # noise variance as a share of the amplitude


class KernelProcess:
    """Exact inference with y standardised.

    Args:
        kernel: (n, n) similarities of the known, ones on the diagonal.
        y: (n,) their values, finite.
    """

    def __init__(self, kernel: np.ndarray, y: np.ndarray) -> None:
        self.mean, spread = float(y.mean()), float(y.std())
        self.scale = spread if spread > 0 else 1.0
        target = (y - self.mean) / self.scale
        values, vectors = np.linalg.eigh(kernel)
        values = np.maximum(values, 0.0)
        rotated = vectors.T @ target
        fits = [self._log_likelihood(values + noise, rotated) for noise in _NOISE]
        self.noise = float(_NOISE[int(np.argmax(fits))])
        spectrum = values + self.noise
        self.amplitude = max(float((rotated**2 / spectrum).mean()), 1e-8)
        self._weights = vectors @ (rotated / spectrum)
        self._root = vectors / np.sqrt(spectrum)

    @staticmethod
    def _log_likelihood(spectrum: np.ndarray, rotated: np.ndarray) -> float:
        # the amplitude that maximises it is mean(rotated^2 / spectrum); put in, only this much depends on the noise
        amplitude = max(float((rotated**2 / spectrum).mean()), 1e-12)
        return float(-0.5 * (len(rotated) * np.log(amplitude) + np.log(spectrum).sum()))

    def posterior(self, cross: np.ndarray, among: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean (m,) and covariance (m, m) of the noise-free values of m others.

        Args:
            cross: (m, n) similarities to the known.
            among: (m, m) similarities among themselves.
        """
        mean = self.mean + self.scale * (cross @ self._weights)
        explained = cross @ self._root
        return mean, self.scale**2 * self.amplitude * (among - explained @ explained.T)


def expected_improvement(mean: np.ndarray, std: np.ndarray, best: float) -> np.ndarray:
    """E[max(f - best, 0)] for f ~ N(mean, std^2) (Mockus 1978): (m,)."""
    std = np.maximum(std, 1e-12)
    gap = (mean - best) / std
    return std * (gap * ndtr(gap) + np.exp(-0.5 * gap**2) / np.sqrt(2 * np.pi))


def choose_batch(
    mean: np.ndarray, covariance: np.ndarray, best: float, count: int, accept: Callable[[int], bool]
) -> list[tuple[int, float]]:
    """Up to ``count`` of m, one after another by expected improvement.

    What is chosen counts as known to be at its mean ("kriging believer", Ginsbourger et al. 2010), so that the next is
    not its twin.

    Args:
        mean: (m,)
        covariance: (m, m)
        best: largest value so far.
        count: how many.
        accept: asked once for each that would be chosen; what it refuses is passed over.

    Returns:
        (place, expected improvement when it was chosen)
    """
    covariance = covariance.copy()
    open_ = np.ones(len(mean), dtype=bool)
    chosen: list[tuple[int, float]] = []
    while len(chosen) < count and open_.any():
        gain = expected_improvement(mean, np.sqrt(np.maximum(np.diag(covariance), 0.0)), best)
        place = int(np.argmax(np.where(open_, gain, -np.inf)))
        open_[place] = False
        if not accept(place):
            continue
        chosen.append((place, float(gain[place])))
        best = max(best, float(mean[place]))
        column = covariance[:, place]
        covariance -= np.outer(column, column) / max(float(column[place]), 1e-12)
    return chosen
