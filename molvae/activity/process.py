"""The Gaussian process of one assay: which kernel, which hyperparameters, and predictions whatever the number of rows.

- Kernels: ``fingerprint`` (MinMax of ECFP4 counts), ``latent`` (squared exponential of latent points), ``sum`` of both.
- The one is chosen under which each molecule is predicted best by all others (leave-one-molecule-out log predictive
  density in closed form); the sum only if by more than 0.01 nats a measurement. Only rows given to :func:`learn` take
  part: what is held out neither chooses nor fits.
- Hyperparameters are fitted to at most ``max_fitted`` measurements, drawn by molecule.
- Up to ``max_exact`` molecules the process is exact. Beyond, each prediction is that of the exact process on the
  ``neighbours`` molecules of largest prior covariance with its own (Vecchia 1988; Datta et al. 2016) and on ``shared``
  ones, drawn once: the first tell what is particular to it, which inducing points lose under a kernel of fingerprints,
  the others what holds everywhere.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from molvae.activity.features import Features
from molvae.search.mixed import ConditionedProcess, Hyperparameters, fit_hyperparameters

KERNELS = ("fingerprint", "latent", "sum")
_BLOCK = 500  # molecules that are predicted at a time
_MARGIN = 0.01  # nats a measurement by which the sum must be better than a part of it


@dataclass(frozen=True)
class Limits:
    """Sizes at which the work is made smaller.

    Attributes:
        max_fitted: measurements that hyperparameters are fitted to.
        max_exact: molecules up to which predictions are exact.
        neighbours: like molecules that a prediction is made of beyond that.
        shared: molecules that every prediction is made of too.
    """

    max_fitted: int = 1000
    max_exact: int = 4000
    neighbours: int = 300
    shared: int = 500


_LIMITS = Limits()


@dataclass(frozen=True)
class Learned:
    """One kernel with its hyperparameters.

    Attributes:
        kernel: of ``KERNELS``.
        hyperparameters: of it.
        criterion: leave-one-molecule-out log predictive density, nats a measurement; larger is better.
    """

    kernel: str
    hyperparameters: Hyperparameters
    criterion: float


def covariance(a: Features, b: Features, learned: Learned, same: bool = False) -> np.ndarray:
    """Prior covariance (n, m) of f between molecules; ``same``: a and b are the same rows."""
    similar = None if learned.kernel == "latent" else a.similarity(b)
    distant = None if learned.kernel == "fingerprint" else a.squared_distance(b, same)
    return learned.hyperparameters.covariance(similar, distant)


def learn(
    features: Features,
    y: np.ndarray,
    molecule: np.ndarray,
    kernels: Sequence[str],
    limits: Limits = _LIMITS,
    seed: int = 0,
) -> list[Learned]:
    """Fit each kernel; the best by the criterion comes first.

    Priors, bounds and tolerances are those of values of mean 0 and standard deviation 1, which the measurements are
    brought to; what is returned is in their own unit again.

    Args:
        features: of m distinct molecules.
        y: (n,) measurements, all of them: the noise is learned from those of one molecule too.
        molecule: (n,) row of the features that each is of.
        kernels: of ``KERNELS``.
        limits: see there.
        seed: of the draw, where there are more measurements than hyperparameters are fitted to.
    """
    rows = _drawn(molecule, limits.max_fitted, seed)
    centre, scale = _location(y[rows])
    values, (distinct, which) = (y[rows] - centre) / scale, np.unique(molecule[rows], return_inverse=True)
    part, groups = features.take(distinct), rows_of(which)
    similar = part.similarity(part)[np.ix_(which, which)] if {"fingerprint", "sum"} & set(kernels) else None
    distant = part.squared_distance(part, same=True)[np.ix_(which, which)] if {"latent", "sum"} & set(kernels) else None
    found = []
    for kernel in kernels:
        parts = (None if kernel == "latent" else similar, None if kernel == "fingerprint" else distant)
        hyperparameters = fit_hyperparameters(values, *parts, features.dimension)
        process = ConditionedProcess(hyperparameters.covariance(*parts), values, hyperparameters)
        own = _moved(hyperparameters, centre, scale)
        # a density is one of a unit
        found.append(Learned(kernel, own, process.left_out_log_density(groups) - math.log(scale)))
    # the sum can be all of one part: it must say more than that part to be worth a VAE at every prediction
    return sorted(found, key=lambda each: -each.criterion + (_MARGIN if each.kernel == "sum" else 0.0))


def _location(y: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of values; 1 where they are all equal."""
    return float(y.mean()), float(y.std()) or 1.0


def _moved(hyperparameters: Hyperparameters, centre: float, scale: float) -> Hyperparameters:
    """Those of ``centre + scale * y``."""
    h = hyperparameters
    return replace(h, mean=centre + scale * h.mean, variance=scale**2 * h.variance, noise=scale**2 * h.noise)


def rows_of(group: np.ndarray) -> list[np.ndarray]:
    """The rows of each group 0, 1, ..., g - 1, from the group (n,) of each row."""
    return np.split(np.argsort(group, kind="stable"), np.cumsum(np.bincount(group))[:-1])


def merge(y: np.ndarray, molecule: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and number of the measurements (n,) of each molecule, each (m,)."""
    counts = np.bincount(molecule)
    return np.bincount(molecule, weights=y) / counts, counts


def _drawn(molecule: np.ndarray, limit: int, seed: int) -> np.ndarray:
    """All measurements of so many molecules, drawn at random, as are at most ``limit`` measurements; in order."""
    if len(molecule) <= limit:
        return np.arange(len(molecule))
    names, counts = np.unique(molecule, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    chosen = order[: max(2, int(np.searchsorted(np.cumsum(counts[order]), limit, side="right")))]
    return np.flatnonzero(np.isin(molecule, names[chosen]))


class Process:
    """A learned kernel given all measurements.

    The mean of k measurements of one molecule, with a kth of the noise, says as much about f as the k themselves.

    Args:
        features: of m distinct molecules.
        y: (m,) mean of the measurements of each.
        counts: (m,) their number.
        learned: kernel and hyperparameters.
        limits: whether predictions are exact.
    """

    def __init__(
        self, features: Features, y: np.ndarray, counts: np.ndarray, learned: Learned, limits: Limits = _LIMITS
    ) -> None:
        self.features, self.y, self.counts, self.learned, self.limits = features, y, counts, learned, limits
        # computed with values of mean 0 and standard deviation 1, for small ones drown in absolute tolerances
        self._centre, self._scale = _location(y)
        own = _moved(learned.hyperparameters, -self._centre / self._scale, 1 / self._scale)
        self._standard, self._y = replace(learned, hyperparameters=own), (y - self._centre) / self._scale
        self.exact = self._given(np.arange(len(y))) if len(y) <= limits.max_exact else None
        self.shared = np.random.default_rng(0).permutation(len(y))[: limits.shared]

    def predict(self, features: Features) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation (m,) of what m molecules have, without the noise of a measurement."""
        blocks = [np.arange(s, min(s + _BLOCK, len(features))) for s in range(0, len(features), _BLOCK)]
        parts = [self._predict(features.take(rows)) for rows in blocks]
        if not parts:
            return np.empty(0), np.empty(0)
        mean, sd = (np.concatenate(part) for part in zip(*parts, strict=True))
        return self._centre + self._scale * mean, self._scale * sd

    def _predict(self, features: Features) -> tuple[np.ndarray, np.ndarray]:
        cross = covariance(features, self.features, self._standard)
        if self.exact is not None:
            return self.exact.predict(cross)
        count = min(self.limits.neighbours, len(self.y))
        near = np.argpartition(-cross, count - 1, axis=1)[:, :count]
        used = [np.union1d(rows, self.shared) for rows in near]
        moments = [self._given(rows).predict(row[None, rows]) for row, rows in zip(cross, used, strict=True)]
        return np.concatenate([mean for mean, _ in moments]), np.concatenate([sd for _, sd in moments])

    def _given(self, rows: np.ndarray) -> ConditionedProcess:
        part = self.features.take(rows)
        known = covariance(part, part, self._standard, same=True)
        return ConditionedProcess(known, self._y[rows], self._standard.hyperparameters, self.counts[rows])
