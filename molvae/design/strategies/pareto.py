"""Several objectives at once: the ``pareto`` strategy looks for molecules that no other beats in all of them.

The scalar objective of the campaign only orders the table. What is searched is the front of the formulas in the setting
``pareto``, in latent space, by the same steps as the ``latent`` strategy.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from molvae.design.latent_space import LatentSpace
from molvae.design.objective import Objective, formula_values
from molvae.design.settings import CampaignConfig
from molvae.design.strategies.latent import LatentSearch
from molvae.search.pareto import ParetoSearch


class ParetoStrategy(LatentSearch):
    """The ``pareto`` strategy.

    The values of the formulas are computed by RDKit for molecules that the oracle has scored; no further call is made.

    Args:
        space: the latent space.
        config: of the campaign.
    """

    def __init__(self, space: LatentSpace, config: CampaignConfig) -> None:
        self.objectives = [Objective.parse(formula) for formula in config.pareto]
        super().__init__(space, config)

    def make_search(self) -> ParetoSearch:
        return ParetoSearch(self.space.dimension, len(self.objectives), self.config.search, seed=self.config.seed)

    def values(self, smiles: Sequence[str | None], utility: Sequence[float] | np.ndarray) -> Tensor:
        """Objectives (n, m) of molecules; NaN where there is none, or its scoring failed."""
        scored = np.isfinite(np.asarray(utility, dtype=float))
        kept = [text if known else None for text, known in zip(smiles, scored, strict=True)]
        return torch.from_numpy(formula_values(self.objectives, kept))
