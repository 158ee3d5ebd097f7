"""A Gaussian process over things that have similarities, coordinates, or both: the kernels, their sum, their fit.

    k(i, j) = a^2 [w S(i, j) + (1 - w) exp(-|z_i - z_j|^2 / 2 l^2)],   y = m + f + noise

S is a positive definite similarity such as MinMax of fingerprints; a thing without coordinates (NaN) shares none of the
second part with any other. The amplitude a, the share w, the lengthscale l, the mean m and the noise are fitted by
:class:`~molvae.search.surrogate.Surrogate`; what follows from them is linear algebra on matrices of any size, here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gpytorch.constraints import GreaterThan, Interval
from gpytorch.kernels import Kernel
from gpytorch.priors import LogNormalPrior
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from torch import Tensor, nn

from molvae.search.surrogate import Surrogate

FAR = 1e6  # squared distance to what has no coordinates: the exponential of it is 0, and so is its derivative
_JITTER = 1e-8


@dataclass(frozen=True)
class Hyperparameters:
    """In units of y: what :func:`fit_hyperparameters` learns.

    Attributes:
        mean: m.
        variance: a^2.
        noise: variance of one observation about f.
        share: w; 1 without coordinates, 0 without similarities.
        lengthscale: l; of no meaning where w is 1.
    """

    mean: float
    variance: float
    noise: float
    share: float = 1.0
    lengthscale: float = 1.0

    def covariance(self, similarity: np.ndarray | None, squared_distance: np.ndarray | None) -> np.ndarray:
        """Of f: (n, m) from matrices of that shape; a part whose share is 0 may be None."""
        parts = []
        if similarity is not None and self.share > 0:
            parts.append(self.share * similarity)
        if squared_distance is not None and self.share < 1:
            parts.append((1 - self.share) * np.exp(-0.5 * squared_distance / self.lengthscale**2))
        return self.variance * np.sum(parts, axis=0)


def squared_distances(a: np.ndarray, b: np.ndarray, same: bool = False) -> np.ndarray:
    """(n, m) between points (n, D) and (m, D); ``FAR`` where one of the two is NaN.

    Args:
        a, b: points.
        same: they are the same things in the same order, so that each has distance 0 to itself, also where it is NaN.
    """
    left, right = np.nan_to_num(a), np.nan_to_num(b)
    distance = (left**2).sum(1)[:, None] + (right**2).sum(1) - 2 * left @ right.T
    distance = np.maximum(distance, 0.0)
    missing = np.isnan(a).any(1)[:, None] | np.isnan(b).any(1)
    distance[missing] = FAR
    if same:
        np.fill_diagonal(distance, 0.0)
    return distance


class MixedKernel(Kernel):
    """The kernel above without its amplitude; inputs (n, 1) are rows of the matrices given here.

    Args:
        similarity: S (n, n), or None.
        squared_distance: |z_i - z_j|^2 (n, n), or None; one of the two is given.
        dimension: of z, which the prior of the lengthscale grows with.
    """

    def __init__(self, similarity: Tensor | None, squared_distance: Tensor | None, dimension: int) -> None:
        super().__init__()
        self.similarity, self.squared_distance = similarity, squared_distance
        if squared_distance is not None:
            # as of the surrogate over R^d: two draws of N(0, I) are sqrt(2d) apart (Hvarfner et al. 2024)
            prior = LogNormalPrior(loc=0.5 * math.log(max(1, dimension)) + 0.3, scale=0.7)
            constraint = GreaterThan(1e-2, initial_value=prior.mode)
            self.register_parameter("raw_length", nn.Parameter(torch.zeros(1, dtype=torch.double)))
            self.register_constraint("raw_length", constraint)
            self.register_prior("length_prior", prior, lambda kernel: kernel.length)
            self.initialize(raw_length=constraint.inverse_transform(prior.mode.to(torch.double)))
        if similarity is not None and squared_distance is not None:
            self.register_parameter("raw_share", nn.Parameter(torch.zeros(1, dtype=torch.double)))
            self.register_constraint("raw_share", Interval(0.0, 1.0))

    @property
    def length(self) -> Tensor:
        return self.raw_length_constraint.transform(self.raw_length)

    @property
    def share(self) -> Tensor:
        """w"""
        if self.squared_distance is None:
            return torch.ones(1, dtype=torch.double)
        if self.similarity is None:
            return torch.zeros(1, dtype=torch.double)
        return self.raw_share_constraint.transform(self.raw_share)

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **_: Any) -> Tensor:
        rows, columns = x1.squeeze(-1).long(), x2.squeeze(-1).long()
        where = (rows, columns) if diag else (rows.unsqueeze(-1), columns.unsqueeze(-2))
        total: Any = 0.0
        if self.similarity is not None:
            total = total + self.share * self.similarity[where]
        if self.squared_distance is not None:
            total = total + (1 - self.share) * torch.exp(-0.5 * self.squared_distance[where] / self.length**2)
        return total


class _MixedSurrogate(Surrogate):
    """The process on the rows of its matrices."""

    def __init__(self, kernel: MixedKernel, max_iterations: int) -> None:
        super().__init__(max_iterations=max_iterations)
        self._kernel = kernel

    def _base_kernel(self, dimension: int) -> Kernel:
        return self._kernel

    def learned(self) -> Hyperparameters:
        assert self.model is not None, "fit first"
        kernel, length = self._kernel, 1.0
        if kernel.squared_distance is not None:
            length = float(kernel.length.detach())
        return Hyperparameters(
            mean=self.intercept + self.scale * float(self.model.mean_module.constant.detach()),
            variance=self.scale**2 * float(self.model.covar_module.outputscale.detach()),
            noise=self.noise,
            share=float(kernel.share.detach()),
            lengthscale=length,
        )


def fit_hyperparameters(
    y: np.ndarray,
    similarity: np.ndarray | None,
    squared_distance: np.ndarray | None,
    dimension: int = 1,
    max_iterations: int = 60,
) -> Hyperparameters:
    """Maximum a posteriori hyperparameters of the exact process on n observations.

    Args:
        y: (n,) finite; the same thing may have been observed more than once.
        similarity: (n, n), or None for the kernel on coordinates alone.
        squared_distance: (n, n), or None for the similarity alone.
        dimension: of the coordinates.
        max_iterations: of the optimiser; each costs a Cholesky factor of an (n, n) matrix.
    """
    similar = None if similarity is None else torch.from_numpy(np.ascontiguousarray(similarity))
    distant = None if squared_distance is None else torch.from_numpy(np.ascontiguousarray(squared_distance))
    surrogate = _MixedSurrogate(MixedKernel(similar, distant, dimension), max_iterations)
    surrogate.fit(torch.arange(len(y), dtype=torch.double).unsqueeze(-1), torch.from_numpy(y.astype(float)))
    return surrogate.learned()


class ConditionedProcess:
    """The process given n observations.

    Args:
        covariance: (n, n) of f at them.
        y: (n,) observed; where counts are given, the mean of so many observations.
        hyperparameters: mean, amplitude and noise.
        counts: (n,) numbers of observations, or None for one each.

    Raises:
        numpy.linalg.LinAlgError: the covariance is not positive definite.
    """

    def __init__(
        self,
        covariance: np.ndarray,
        y: np.ndarray,
        hyperparameters: Hyperparameters,
        counts: np.ndarray | None = None,
    ) -> None:
        self.hyperparameters, self.y = hyperparameters, y
        noise = hyperparameters.noise / (np.ones(len(y)) if counts is None else counts)
        noisy = covariance + np.diag(noise + _JITTER * hyperparameters.variance)
        self._factor = cho_factor(noisy, lower=True, check_finite=False)
        self._weights = cho_solve(self._factor, y - hyperparameters.mean, check_finite=False)

    def predict(self, cross: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation (m,) of f, without noise, at things with covariances (m, n) to the known."""
        explained = solve_triangular(self._factor[0], cross.T, lower=True, check_finite=False)
        variance = self.hyperparameters.variance - (explained**2).sum(0)
        return self.hyperparameters.mean + cross @ self._weights, np.sqrt(np.maximum(variance, 1e-12))

    def left_out_log_density(self, groups: Sequence[np.ndarray]) -> float:
        """Mean log predictive density, in nats an observation, of each group of rows given all others.

        In closed form (Rasmussen & Williams 2006, section 5.4.2): with K the noisy covariance and G a group, the others
        predict y_G as N(y_G - [K^-1]_GG^-1 [K^-1 (y - m)]_G, [K^-1]_GG^-1).
        """
        inverse = cho_solve(self._factor, np.eye(len(self.y)), check_finite=False)
        total = 0.0
        for rows in groups:
            precision, weights = inverse[np.ix_(rows, rows)], self._weights[rows]
            error = np.linalg.solve(precision, weights)
            total += -0.5 * (error @ weights - np.linalg.slogdet(precision)[1] + len(rows) * math.log(2 * math.pi))
        return float(total / sum(len(rows) for rows in groups))
