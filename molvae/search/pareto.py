"""Ask and tell for several objectives at once: the search for the Pareto front of a black box over R^d.

The acquisition is the expected growth of the hypervolume that the front dominates (qLogNEHVI; Daulton et al. 2021,
Ament et al. 2023), with one exact Gaussian process for each objective.
"""

import warnings
from typing import Any

import torch
from botorch.acquisition.multi_objective import logei
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from botorch.models.model_list_gp_regression import ModelListGP
from botorch.sampling.normal import SobolQMCNormalSampler
from botorch.utils.multi_objective.box_decompositions.dominated import DominatedPartitioning
from botorch.utils.multi_objective.hypervolume import infer_reference_point
from botorch.utils.multi_objective.pareto import is_non_dominated
from linear_operator.utils.warnings import NumericalWarning
from torch import Tensor

from molvae.run.seeds import short_seed, step_seed
from molvae.search.loop import Proposal, Search, SearchConfig
from molvae.search.surrogate import Surrogate

_CANDIDATES = 400  # each costs an integral over hypervolumes

# botorch would compile a kernel on first use where there is a compiler: a minute of silence, files in the home folder,
# and other roundings than on a machine that has none; what it speeds up, gradients for many points, is not used here
logei._load_attempted = True


class ParetoSearch(Search):
    """Bayesian optimisation of m objectives; every one is maximised.

    Results are told as y (n, m), NaN where infeasible or unknown; a success is a point that the front did not dominate.

    Args:
        dimension: d
        objectives: m, two or more.
        config: settings; the acquisition named there is not used.
        seed: of the randomness of the proposals.
    """

    def __init__(self, dimension: int, objectives: int, config: SearchConfig | None = None, seed: int = 0) -> None:
        super().__init__(dimension, config, seed=seed)
        self.surrogates = [Surrogate(max_iterations=self.config.max_iterations) for _ in range(objectives)]
        self.y = torch.empty(0, objectives, dtype=torch.double)

    def _incumbent(self) -> Tensor | None:
        front = self.front_rows
        return front if len(front) else None

    def _improved(self, before: Tensor, told: int) -> bool:
        return bool((self.front_rows >= len(self.z) - told).any())

    @property
    def front_rows(self) -> Tensor:
        """Rows of the points that no other point dominates."""
        known = torch.nonzero(torch.isfinite(self.y).all(1)).flatten()
        return known[is_non_dominated(self.y[known])] if len(known) else known

    def ask(self, q: int, step: int) -> Proposal:
        """Propose q points near the front, the most promising of those drawn, each by itself."""
        generator = torch.Generator().manual_seed(step_seed(self.seed, 2 * step))
        candidates = self._candidates(_CANDIDATES, generator)
        feasibility = self.feasibility_of(candidates)
        values = feasibility.log()
        if len(self.front_rows):
            values = values + _evaluate(self._acquisition(step), candidates)
        return self._proposal(candidates, feasibility, values.argsort(descending=True, stable=True)[:q], values)

    def select(self, z: Tensor, q: int, step: int) -> tuple[list[int], Proposal]:
        """Choose q of the given points (n, d), each for what it adds to those before; their rows, and predictions."""
        candidates = z.to(torch.double)
        feasibility = self.feasibility_of(candidates)
        if not len(self.front_rows):
            rows = feasibility.argsort(descending=True, stable=True)[:q]
            return rows.tolist(), self._proposal(candidates, feasibility, rows, feasibility.log())
        acquisition = self._acquisition(step)
        chosen: list[int] = []
        gains = torch.zeros(len(candidates), dtype=torch.double)
        for _ in range(min(q, len(candidates))):
            values = _evaluate(acquisition, candidates) + feasibility.log()
            values[chosen] = -torch.inf
            row = int(values.argmax())
            chosen.append(row)
            gains[row] = values[row]
            acquisition.set_X_pending(torch.cat([self.pending, candidates[chosen]]))
        return chosen, self._proposal(candidates, feasibility, torch.tensor(chosen), gains)

    @property
    def hyperparameters(self) -> Any:
        return [surrogate.hyperparameters for surrogate in self.surrogates]

    @hyperparameters.setter
    def hyperparameters(self, values: Any) -> None:
        for surrogate, own in zip(self.surrogates, values, strict=True):
            surrogate.hyperparameters = own

    def _condition(self, optimise: bool) -> None:
        known = torch.isfinite(self.y).all(1)
        if bool(known.any()):
            for column, surrogate in enumerate(self.surrogates):
                surrogate.fit(self.z[known], self.y[known, column], optimise)
        self._conditioned = len(self.z)

    def _acquisition(self, step: int) -> qLogNoisyExpectedHypervolumeImprovement:
        if self._conditioned != len(self.z):
            self._condition(optimise=False)
        known = torch.isfinite(self.y).all(1)
        # the processes are of standardised objectives: so are the front and its reference point
        centre = torch.tensor([surrogate.intercept for surrogate in self.surrogates], dtype=torch.double)
        scale = torch.tensor([surrogate.scale for surrogate in self.surrogates], dtype=torch.double)
        standardised = (self.y[known] - centre) / scale
        front = standardised[is_non_dominated(standardised)]
        models = [surrogate.model for surrogate in self.surrogates if surrogate.model is not None]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NumericalWarning)  # jitter was added, as it must be for close points
            acquisition = qLogNoisyExpectedHypervolumeImprovement(
                model=ModelListGP(*models),
                ref_point=infer_reference_point(front),
                X_baseline=self.z[self.front_rows],
                sampler=SobolQMCNormalSampler(torch.Size([64]), seed=short_seed(self.seed + step)),
                prune_baseline=False,
            )
            if len(self.pending):
                acquisition.set_X_pending(self.pending)
            return acquisition

    def _centres(self) -> tuple[Tensor, Tensor]:
        centres = self.z[self.front_rows]
        return centres, torch.ones(len(centres), dtype=torch.double)


def _evaluate(acquisition: qLogNoisyExpectedHypervolumeImprovement, candidates: Tensor) -> Tensor:
    """Value of each candidate by itself, (n,)."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", NumericalWarning)
        return acquisition(candidates.unsqueeze(1))


def hypervolume(y: Tensor, reference: Tensor) -> float:
    """Volume that the points y (n, m) dominate above a reference point (m,), everything maximised."""
    known = y[torch.isfinite(y).all(1)]
    return float(DominatedPartitioning(ref_point=reference, Y=known).compute_hypervolume()) if len(known) else 0.0


def front(y: Tensor) -> Tensor:
    """Which of the points y (n, m) no other dominates, everything maximised: (n,) booleans."""
    return is_non_dominated(y)
