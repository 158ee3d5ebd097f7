"""Several objectives at once: the ``pareto`` strategy looks for molecules that no other beats in all of them.

The scalar objective of the campaign only orders the table. What is searched is the front of the formulas in the setting
``pareto``, in latent space, by the same steps as the ``latent`` strategy.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from molvae.design.latent_search import LatentSearch
from molvae.design.latent_space import LatentSpace
from molvae.design.objective import Objective
from molvae.design.settings import CampaignConfig
from molvae.molecules.properties import compute_many
from molvae.search.pareto import ParetoSearch


class ParetoStrategy(LatentSearch):
    """The ``pareto`` strategy.

    The values of the formulas are computed by RDKit for molecules that the oracle has scored; no further call is made.

    Args:
        space: the latent space.
        config: of the campaign.
    """

    def __init__(self, space: LatentSpace, config: CampaignConfig) -> None:
        super().__init__(space, config)
        self.objectives = [Objective.parse(formula) for formula in config.pareto]
        self.search: ParetoSearch = ParetoSearch(  # type: ignore[assignment]
            space.dimension, len(self.objectives), config.search, seed=config.seed
        )

    def values(self, smiles: Sequence[str | None], utility: Sequence[float] | np.ndarray) -> Tensor:
        """Objectives (n, m) of molecules; NaN where there is none, or its scoring failed."""
        return torch.from_numpy(pareto_values(self.objectives, smiles, np.isfinite(np.asarray(utility, dtype=float))))


def pareto_values(objectives: Sequence[Objective], smiles: Sequence[str | None], known: np.ndarray) -> np.ndarray:
    """Values (n, m) of formulas, NaN where ``known`` (n,) is false."""
    rows = [row for row, text in enumerate(smiles) if text is not None and known[row]]
    values = np.full((len(smiles), len(objectives)), np.nan)
    names = tuple(dict.fromkeys(name for objective in objectives for name in objective.properties))
    table = compute_many([str(smiles[row]) for row in rows], names, num_workers=1, quiet=True)
    for place, objective in enumerate(objectives):
        values[rows, place] = objective.evaluate({name: table[name].to_numpy(float) for name in names})
    return values
