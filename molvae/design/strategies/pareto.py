"""Several objectives at once: the ``pareto`` strategy looks for candidates that no other beats in all of them.

The scalar objective of the campaign only orders the table. What is searched is the front of the formulas in the setting
``pareto``, in latent space, by the same steps as the ``latent`` strategy.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from molvae.design.objective import Objective, formula_values
from molvae.design.strategies.base import Setup
from molvae.design.strategies.latent import LatentSearch
from molvae.search.pareto import ParetoSearch


class ParetoStrategy(LatentSearch):
    """The ``pareto`` strategy.

    The values of the formulas are computed for candidates that the oracle has scored; no further call is made.
    """

    def __init__(self, setup: Setup) -> None:
        self.objectives = [Objective.parse(formula, domain=setup.domain) for formula in setup.config.pareto]
        super().__init__(setup)

    def make_search(self) -> ParetoSearch:
        return ParetoSearch(self.space.dimension, len(self.objectives), self.config.search, seed=self.config.seed)

    def values(self, items: Sequence[Any | None], utility: Sequence[float] | np.ndarray) -> Tensor:
        """Objectives (n, m) of items; NaN where there is none, or its scoring failed."""
        scored = np.isfinite(np.asarray(utility, dtype=float))
        return torch.from_numpy(
            formula_values(
                self.objectives, [item if known else None for item, known in zip(items, scored, strict=True)]
            )
        )
