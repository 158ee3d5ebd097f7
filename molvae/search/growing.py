"""A Gaussian process with fixed hyperparameters over things compared by similarity, which grows one thing at a time.

Where scores lie between 0 and 1 and similarities of molecules are the kernel, fitting the hyperparameters does not pay
(Tripp & Hernandez-Lobato 2024, "Diagnosing and fixing common problems in Bayesian optimization for molecule design"):
mean 0, amplitude 1 and a little noise serve all tasks. What is left is linear algebra that botorch would do anew at
each step; here a new observation is one more row of the Cholesky factor, and one more row of what is known of a
library. The rows depend on the order of the observations alone: a resumed search computes the very same numbers.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.linalg import solve_triangular

Similarity = Callable[[Sequence[Any], Sequence[Any]], np.ndarray]
"""(n things, m things) -> (n, m), positive definite, ones for equal things."""


class GrowingProcess:
    """y = f + noise, f ~ GP(0, similarity).

    Args:
        similarity: the kernel.
        library: m things whose posterior is asked for again and again.
        noise: variance of the observations.
    """

    def __init__(self, similarity: Similarity, library: Sequence[Any] = (), noise: float = 1e-4) -> None:
        self.similarity, self.library, self.noise = similarity, list(library), noise
        self.items: list[Any] = []
        self._factor = np.empty((16, 16))  # L of K + noise I = L L^T, in the upper left corner
        self._weights = np.empty(16)  # L^-1 y
        self._library = np.empty((16, len(self.library)))  # L^-1 K(items, library)

    def __len__(self) -> int:
        return len(self.items)

    def tell(self, item: Any, y: float) -> None:
        """Take in one observation."""
        n = len(self.items)
        if n == len(self._factor):
            self._factor = np.pad(self._factor, (0, n))
            self._weights = np.pad(self._weights, (0, n))
            self._library = np.pad(self._library, ((0, n), (0, 0)))
        cross = self.similarity([item], [*self.items, *self.library])[0]
        row = self._solve(cross[:n])
        diagonal = np.sqrt(max(1.0 + self.noise - row @ row, self.noise))
        self._factor[n, :n], self._factor[n, n] = row, diagonal
        self._weights[n] = (y - row @ self._weights[:n]) / diagonal
        self._library[n] = (cross[n:] - row @ self._library[:n]) / diagonal
        self.items.append(item)

    def posterior_of_library(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean (m,) and standard deviation (m,) of f at the library."""
        return self._moments(self._library[: len(self.items)])

    def posterior(self, items: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation (k,) of f at other things."""
        return self._moments(self._explained(items))

    def covariance(self, items: Sequence[Any]) -> np.ndarray:
        """Joint covariance of f at other things, (k, k)."""
        explained = self._explained(items)
        return self.similarity(items, items) - explained.T @ explained

    def _explained(self, items: Sequence[Any]) -> np.ndarray:
        return self._solve(self.similarity(items, self.items).T)

    def _moments(self, explained: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n = len(self.items)
        return explained.T @ self._weights[:n], np.sqrt(np.maximum(1.0 - (explained**2).sum(0), 1e-12))

    def _solve(self, right: np.ndarray) -> np.ndarray:
        n = len(self.items)
        if n == 0:
            return right
        solved: np.ndarray = solve_triangular(self._factor[:n, :n], right, lower=True, check_finite=False)
        return solved
