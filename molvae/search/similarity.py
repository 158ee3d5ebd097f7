"""A Gaussian process over things that have no coordinates, such as molecules: its kernel is a matrix of similarities.

The kernel is one of gpytorch's, in the style of GAUCHE (Griffiths et al. 2023), so that botorch's exact
:class:`~botorch.models.SingleTaskGP` and its fit serve here as they do over R^d. Two things botorch does not have:
inputs that are rows of a matrix computed before, and a batch of which only what would be chosen is looked at closely.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from gpytorch.kernels import Kernel
from torch import Tensor

from molvae.search.surrogate import Posterior, Surrogate


class SimilarityKernel(Kernel):
    """k(i, j) = S[i, j]: inputs (n, 1) are rows of a positive definite matrix S, ones on its diagonal."""

    def __init__(self, similarity: Tensor) -> None:
        super().__init__()
        self.similarity = similarity

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **_: Any) -> Tensor:
        rows, columns = x1.squeeze(-1).long(), x2.squeeze(-1).long()
        return self.similarity[rows, columns] if diag else self.similarity[rows.unsqueeze(-1), columns.unsqueeze(-2)]


class SimilaritySurrogate(Surrogate):
    """y = b + f + noise, f a Gaussian process with kernel a^2 S."""

    def fit(self, similarity: Tensor, y: Tensor, optimise: bool = True) -> None:
        """Condition on finite y (n,) of things with similarities (n, n); ``optimise`` also improves hyperparameters."""
        self._known = similarity
        self._kernel = SimilarityKernel(similarity)
        super().fit(_rows(0, len(y)), y, optimise)

    def predict_among(self, cross: Tensor, among: Tensor) -> Posterior:
        """Posterior about m others, without observation noise.

        Args:
            cross: (m, n) similarities to the known.
            among: (m, m) similarities among themselves.
        """
        known = len(self._known)
        self._kernel.similarity = torch.cat([torch.cat([self._known, cross.t()], 1), torch.cat([cross, among], 1)])
        return self.predict(_rows(known, known + len(among)))

    def _base_kernel(self, dimension: int) -> Kernel:
        return self._kernel


def _rows(start: int, end: int) -> Tensor:
    return torch.arange(start, end, dtype=torch.double).unsqueeze(-1)


Value = Callable[[Tensor, Tensor, float], Tensor]
"""(mean (m,), standard deviation (m,), largest value so far) -> what each is worth (m,)."""


def expected_improvement(mean: Tensor, std: Tensor, best: float) -> Tensor:
    """E[max(f - best, 0)] for f ~ N(mean, std^2) (Mockus 1978): (m,)."""
    std = std.clamp(min=1e-12)
    gap = (mean - best) / std
    return std * (gap * torch.special.ndtr(gap) + torch.exp(-0.5 * gap**2) / math.sqrt(2 * math.pi))


def choose_batch(
    posterior: Posterior,
    best: float,
    count: int,
    accept: Callable[[int], bool],
    value: Value = expected_improvement,
    pending: Sequence[int] = (),
) -> list[tuple[int, float]]:
    """Up to ``count`` of m, one after another by expected improvement or another ``value``.

    What is chosen counts as known to be at its mean ("kriging believer", Ginsbourger et al. 2010), so that the next is
    not its twin. botorch chooses a batch by gradient over R^d, or among a list that is checked beforehand; this one
    checks only what it would choose.

    Args:
        posterior: of the m.
        best: largest value so far.
        count: how many.
        accept: asked once for each that would be chosen; what it refuses is passed over.
        value: what the largest is chosen by.
        pending: those that are being evaluated; they count as chosen before all others.

    Returns:
        (index, value when it was chosen)
    """
    mean, covariance = posterior.mean, posterior.covariance.clone()
    open_rows = torch.zeros_like(mean)
    chosen: list[tuple[int, float]] = []
    for index in pending:
        open_rows[index] = -torch.inf
        best = max(best, float(mean[index]))
        _condition(covariance, index)
    while len(chosen) < count and not bool(open_rows.isinf().all()):
        gain = value(mean, covariance.diagonal().clamp(min=0).sqrt(), best)
        index = int((gain + open_rows).argmax())
        open_rows[index] = -torch.inf
        if not accept(index):
            continue
        chosen.append((index, float(gain[index])))
        best = max(best, float(mean[index]))
        _condition(covariance, index)
    return chosen


def _condition(covariance: Tensor, index: int) -> None:
    """Make a covariance (m, m) that of all given the value of one."""
    column = covariance[:, index].clone()
    covariance -= torch.outer(column, column) / column[index].clamp(min=1e-12)
