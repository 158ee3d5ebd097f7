"""The trust-region search in the space of the first principal components of what the campaign begins with."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from molvae.design.strategies.base import Setup
from molvae.design.strategies.points import PointSearch, published
from molvae.search import Search


class SubspaceSearch(PointSearch):
    """The ``subspace`` strategy.

    A Gaussian process needs far fewer points in 16 dimensions than in 64 (Wang et al. 2016, "REMBO", with random
    directions; principal directions lie where candidates are).
    """

    components = 16

    def __init__(self, setup: Setup) -> None:
        super().__init__(published(setup))

    def begin(self, items: Sequence[Any], utility: np.ndarray) -> None:
        z, _ = self.space.encode(items)
        z = z.double()
        self.centre = z.mean(0)
        _, singular, directions = torch.linalg.svd(z - self.centre, full_matrices=False)
        number = min(self.components, z.shape[1], max(1, len(z) - 1))
        spread = (singular[:number] / math.sqrt(max(1, len(z) - 1))).clamp(min=1e-6)
        self.basis = directions[:number] * spread.unsqueeze(1)  # (d, D): one standard deviation along each
        self.search = Search(number, self.config.search, seed=self.config.seed)
        super().begin(items, utility)

    def to_search_space(self, z: Tensor) -> Tensor:
        scale = self.basis.square().sum(1)
        return (z.double() - self.centre) @ self.basis.t() / scale

    def from_search_space(self, points: Tensor) -> Tensor:
        return self.centre + points @ self.basis
