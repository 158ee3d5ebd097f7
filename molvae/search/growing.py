"""A Gaussian process with fixed hyperparameters over things that are sets of features, which grows one thing at a time.

Where scores lie between 0 and 1 and similarities of molecules are the kernel, fitting the hyperparameters does not pay
(Tripp & Hernandez-Lobato 2024, "Diagnosing and fixing common problems in Bayesian optimization for molecule design"):
mean 0, amplitude 1 and a little noise serve all tasks. What is left is linear algebra that botorch would do anew at
each step; here a new observation is one more row of the inverse Cholesky factor. The numbers depend on the order of the
observations alone: a resumed search computes the very same ones.

Similarity is the Jaccard index of two sets of whole numbers. Counts are such sets too (k occurrences of a feature are k
elements), and their Jaccard index is then the MinMax kernel of the counts. Many sets at once meet all observations in
one sparse product.
"""

from collections.abc import Sequence

import numpy as np
from scipy.linalg import solve_triangular
from scipy.sparse import csr_matrix

Features = np.ndarray
"""(k,) distinct non-negative whole numbers."""


class Vocabulary:
    """Rows for features, in the order in which they first come up."""

    def __init__(self) -> None:
        self._row_of = np.full(1, -1, np.int32)  # of each feature
        self.size = 0

    def add(self, features: Features) -> np.ndarray:
        """Rows (k,) of the features of a set; those that are new get one."""
        largest = int(features.max(initial=0))
        if largest >= len(self._row_of):
            self._row_of = np.pad(self._row_of, (0, largest + 1), constant_values=-1)
        new = features[self._row_of[features] < 0]
        self._row_of[new] = np.arange(self.size, self.size + len(new))
        self.size += len(new)
        return self._row_of[features]

    def rows(self, features: Features) -> np.ndarray:
        """Rows (k,); -1 for what has none."""
        inside = features < len(self._row_of)
        return np.where(inside, self._row_of[np.where(inside, features, 0)], -1)

    def matrix(self, sets: Sequence[Features], rows: int) -> tuple[csr_matrix, np.ndarray]:
        """m sets as a sparse matrix (m, ``rows``) of ones where they hold a feature that has a row; sizes (m,)."""
        sizes = np.array([len(features) for features in sets], dtype=np.int64)
        found = self.rows(np.concatenate(sets)) if len(sets) else np.empty(0, np.int32)
        owner = np.repeat(np.arange(len(sizes)), sizes)[found >= 0]
        ends = np.searchsorted(owner, np.arange(len(sizes) + 1))
        found = found[found >= 0]
        matrix = csr_matrix((np.ones(len(found), np.float32), found, ends), shape=(len(sizes), rows))
        return matrix, sizes.astype(float)


class SetIndex:
    """n known sets, to be compared with others: a column for each, a row for each feature that one of them has."""

    def __init__(self) -> None:
        self._vocabulary = Vocabulary()
        self._has = np.zeros((1024, 16), np.float32)
        self._sizes = np.empty(16)
        self.count = 0

    def add(self, features: Features) -> None:
        """Take in one more set."""
        rows = self._vocabulary.add(features)
        if self._vocabulary.size > len(self._has):
            self._has = np.pad(self._has, ((0, max(len(self._has), self._vocabulary.size - len(self._has))), (0, 0)))
        if self.count == self._has.shape[1]:
            self._has = np.pad(self._has, ((0, 0), (0, self.count)))
            self._sizes = np.pad(self._sizes, (0, self.count))
        self._has[rows, self.count] = 1.0
        self._sizes[self.count] = len(features)
        self.count += 1

    def similarity(self, others: Sequence[Features]) -> np.ndarray:
        """Jaccard indices (m, n) of m others with the n known sets, in the order in which they were added."""
        matrix, sizes = self._vocabulary.matrix(others, len(self._has))
        shared = (matrix @ self._has)[:, : self.count].astype(float)
        return jaccard(shared, sizes[:, None], self._sizes[: self.count])


def jaccard(shared: np.ndarray, sizes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """|A & B| / |A | B| from the size of the intersection and those of both sets; two empty sets are equal."""
    together = sizes + others - shared
    return np.divide(shared, together, out=np.ones_like(shared), where=together > 0)


class GrowingProcess:
    """y = c + s (f + noise), f ~ GP(0, Jaccard index).

    Args:
        library: m sets whose posterior is asked for again and again.
        noise: variance of the noise beside f, whose own is 1.
        scaled: whether c and s are those of the largest likelihood, which have a closed form (Jones et al. 1998,
            "Efficient global optimization", equations 5 and 6); if not, they are 0 and 1.
        max_points: what the process is conditioned on at most. When there are more, the best half and the latest
            quarter of so many stay: the cost of an observation does not grow with their number.
    """

    def __init__(
        self, library: Sequence[Features] = (), noise: float = 1e-4, max_points: int = 1500, scaled: bool = False
    ) -> None:
        self.noise, self.max_points, self.scaled = noise, max(4, max_points), scaled
        self.features: list[Features] = []
        self.y: list[float] = []
        self._vocabulary = Vocabulary()  # of the library
        for features in library:
            self._vocabulary.add(features)
        self._whole, self._sizes = self._vocabulary.matrix(library, self._vocabulary.size)
        self._clear()

    def __len__(self) -> int:
        return len(self.features)

    def _clear(self) -> None:
        self._known = SetIndex()
        self._inverse = np.zeros((16, 16))  # of L, K + noise I = L L^T, in the upper left corner
        self._weights = np.empty((16, 2))  # L^-1 (y, 1)
        self._cross = np.empty((16, len(self._sizes)), np.float32)  # similarities to the library

    def tell(self, features: Features, y: float) -> None:
        """Take in one observation."""
        if len(self.features) == self.max_points:
            self._forget()
        self.features.append(features)
        self.y.append(y)
        self._grow()
        n = len(self.features) - 1
        row = self._inverse[:n, :n] @ self._known.similarity([features])[0]
        diagonal = float(np.sqrt(max(1.0 + self.noise - row @ row, self.noise)))
        self._known.add(features)
        self._inverse[n, :n], self._inverse[n, n] = -(row @ self._inverse[:n, :n]) / diagonal, 1.0 / diagonal
        self._weights[n] = (np.array([y, 1.0]) - row @ self._weights[:n]) / diagonal
        self._cross[n] = self._to_library(features)

    def _grow(self) -> None:
        n = len(self._weights)
        if len(self.features) > n:
            self._inverse = np.pad(self._inverse, (0, n))
            self._weights = np.pad(self._weights, ((0, n), (0, 0)))
            self._cross = np.pad(self._cross, ((0, n), (0, 0)))

    def _to_library(self, features: Features) -> np.ndarray:
        rows = self._vocabulary.rows(features)
        vector = np.zeros(self._whole.shape[1], np.float32)
        vector[rows[rows >= 0]] = 1.0
        return jaccard((self._whole @ vector).astype(float), self._sizes, np.array(float(len(features))))

    def _forget(self) -> None:
        """Keep the best half and the latest quarter of ``max_points``, in their order."""
        number = len(self.y)
        best = sorted(range(number), key=lambda row: (-self.y[row], row))[: self.max_points // 2]
        kept = sorted({*best, *range(number - self.max_points // 4, number)})
        features, y = [self.features[row] for row in kept], [self.y[row] for row in kept]
        cross = self._cross[kept]
        self._clear()
        self.features, self.y = features, y
        for each in features:
            self._known.add(each)
        n, room = len(y), max(16, self.max_points)
        gram = self._known.similarity(features) + self.noise * np.eye(n)
        self._inverse, self._weights = np.zeros((room, room)), np.empty((room, 2))
        self._inverse[:n, :n] = solve_triangular(np.linalg.cholesky(gram), np.eye(n), lower=True)
        self._weights[:n] = self._inverse[:n, :n] @ np.column_stack([y, np.ones(n)])
        self._cross = np.concatenate([cross, np.empty((room - n, len(self._sizes)), np.float32)])

    def scale(self) -> tuple[float, float]:
        """c and s."""
        if not self.scaled or not self.y:
            return 0.0, 1.0
        y, one = self._weights[: len(self)].T
        centre = float(y @ one / (one @ one))
        return centre, float(np.sqrt(np.mean((y - centre * one) ** 2))) or 1.0

    def mean_of_library(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean (m,) of c + s f at the library, and a standard deviation (m,) that it does not exceed: that of the
        process conditioned on the nearest observation alone.
        """
        n = len(self.features)
        centre, scale = self.scale()
        if n == 0:
            return np.zeros(len(self._sizes)), np.ones(len(self._sizes))
        cross = self._cross[:n]
        slopes = self._residual(centre) @ self._inverse[:n, :n]  # (K + noise I)^-1 (y - c)
        mean = centre + (slopes.astype(np.float32) @ cross).astype(float)
        nearest = cross.max(0).astype(float)
        return mean, scale * np.sqrt(np.maximum(1.0 - nearest**2 / (1.0 + self.noise), 1e-12))

    def posterior(self, features: Sequence[Features]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation (k,) of c + s f at other things."""
        centre, scale = self.scale()
        explained = self._explained(features)
        variance = 1.0 - np.einsum("nk,nk->k", explained, explained)
        return centre + self._residual(centre) @ explained, scale * np.sqrt(np.maximum(variance, 1e-12))

    def covariance(self, features: Sequence[Features]) -> np.ndarray:
        """Joint covariance of c + s f at other things, (k, k)."""
        among = SetIndex()
        for each in features:
            among.add(each)
        explained = self._explained(features)
        return self.scale()[1] ** 2 * (among.similarity(features) - explained.T @ explained)

    def _explained(self, features: Sequence[Features]) -> np.ndarray:
        n = len(self.features)
        return self._inverse[:n, :n] @ self._known.similarity(features).T

    def _residual(self, centre: float) -> np.ndarray:
        """L^-1 (y - c), (n,)."""
        weights = self._weights[: len(self)]
        return weights[:, 0] - centre * weights[:, 1]
