"""Ask and tell: the search for the maximum of a black box over R^d, whose points may be infeasible.

What :meth:`Search.ask` proposes depends on the data told, the state and (seed, step) alone. The surrogate's
hyperparameters move once a step, when the state is taken; so a search restored from its state goes on exactly as
the one that was interrupted.
"""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from molvae.run.config import Config
from molvae.run.seeds import step_seed
from molvae.search.acquisition import ACQUISITIONS
from molvae.search.region import TrustRegion, anywhere, near_centres, typical_norm
from molvae.search.surrogate import Feasibility, PriorMean, Surrogate


class SearchConfig(Config):
    """How to search."""

    acquisition: Literal["logei", "thompson"] = "logei"
    """Log expected improvement of a batch, or Thompson sampling."""
    region: Literal["trust", "global"] = "trust"
    """Near the best points, or anywhere under N(0, I)."""
    feasibility: bool = True
    """Whether the acquisition is weighted with the learned probability of being feasible."""
    candidates: int = Field(1500, ge=10, le=20_000)
    """Points among which the acquisition chooses."""
    centres: int = Field(20, ge=1, le=10_000)
    """Best points around which the trust region lies."""
    length: float = Field(0.4, gt=0, le=100)
    """Length of the trust region at the start, in standard deviations of the prior."""
    max_norm: float = Field(1.2, gt=0, le=100)
    """Largest norm of a proposal, in units of sqrt(d)."""
    max_points: int = Field(2000, ge=10, le=10_000)
    """The surrogate sees the best half and the latest half of so many points."""
    max_iterations: int = Field(25, ge=1, le=10_000)
    """Of the fit of the hyperparameters at each step."""


@dataclass(frozen=True)
class Proposal:
    """q points, with what was predicted of them.

    Attributes:
        z: (q, d)
        mean, std: (q,) posterior about the objective.
        acquisition: (q,) value by which each was chosen, given those before it.
        feasibility: (q,) probability of being feasible.
    """

    z: Tensor
    mean: Tensor
    std: Tensor
    acquisition: Tensor
    feasibility: Tensor


class Search:
    """Bayesian optimisation with a trust region and learned feasibility; always maximises.

    Args:
        dimension: d
        config: settings.
        prior_mean: a guess of the objective (n, d) -> (n,).
        seed: of the randomness of the proposals.
    """

    def __init__(
        self, dimension: int, config: SearchConfig | None = None, prior_mean: PriorMean | None = None, seed: int = 0
    ) -> None:
        self.dimension, self.config, self.seed = dimension, config or SearchConfig(), seed
        self.surrogate = Surrogate(prior_mean, self.config.max_iterations)
        self.feasibility = Feasibility()
        self.region = TrustRegion(length=self.config.length, largest=max(0.8, self.config.length))
        self.z = torch.empty(0, dimension, dtype=torch.double)
        self.y = torch.empty(0, dtype=torch.double)
        self.feasible = torch.empty(0, dtype=torch.bool)
        self.pending = torch.empty(0, dimension, dtype=torch.double)
        self.together: int | None = None  # feasible results that are one step of the region; None: what is told at once
        self._conditioned = -1  # number of points that the surrogate has seen
        self._moved = -1  # number of points at the last fit of the hyperparameters

    def tell(self, z: Tensor, y: Tensor, feasible: Tensor) -> None:
        """Take in results.

        Args:
            z: (n, d)
            y: (n,) the objective; NaN or infinite where infeasible or unknown.
            feasible: (n,)
        """
        z, y = z.to(torch.double), y.to(torch.double)
        before = self._incumbent()
        unknown = ~feasible | ~torch.isfinite(y if y.ndim == 1 else y.sum(1))
        self.z = torch.cat([self.z, z])
        self.y = torch.cat([self.y, y.masked_fill(unknown if y.ndim == 1 else unknown.unsqueeze(1), torch.nan)])
        self.feasible = torch.cat([self.feasible, feasible])
        self.pending = self.pending[:0]
        if before is not None and len(z):
            improved = self._improved(before, len(z))
            if self.together is None:
                self.region.update(improved)
            else:
                self.region.add(improved, max(1, int(feasible.sum())), self.together)

    def _incumbent(self) -> Any:
        """What the next results must beat; None before there are any."""
        return self.best

    def _improved(self, before: Any, told: int) -> bool:
        """Whether the last ``told`` points beat what stood before them."""
        return self.best is not None and self.best > before + 1e-9

    @property
    def best(self) -> float | None:
        """Largest y so far."""
        known = self.y[torch.isfinite(self.y)]
        return float(known.max()) if len(known) else None

    def add_pending(self, z: Tensor) -> None:
        """Points (n, d) that are being evaluated: proposals keep away from them until the next tell."""
        self.pending = torch.cat([self.pending, z.to(torch.double)])

    def ask(self, q: int, step: int) -> Proposal:
        """Propose q points near the good ones."""
        generator = torch.Generator().manual_seed(step_seed(self.seed, 2 * step))
        return self._choose(self._candidates(self.config.candidates, generator), q, generator)[1]

    def select(self, z: Tensor, q: int, step: int) -> tuple[list[int], Proposal]:
        """Choose q of the given points (n, d); returns their rows, and what was predicted of them."""
        generator = torch.Generator().manual_seed(step_seed(self.seed, 2 * step + 1))
        return self._choose(z.to(torch.double), q, generator)

    def state(self) -> dict[str, Any]:
        """Hyperparameters and region as JSON; improves the hyperparameters if new data has come."""
        if self._moved != len(self.z):
            self._condition(optimise=True)
            self._moved = len(self.z)
        return {"region": self.region.state(), "hyperparameters": self.hyperparameters}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from a state, after the same data has been told."""
        self.region = TrustRegion.from_state(state["region"])
        self.hyperparameters = state["hyperparameters"]
        self._conditioned, self._moved = -1, len(self.z)

    @property
    def hyperparameters(self) -> Any:
        """Of the surrogate, as JSON."""
        return self.surrogate.hyperparameters

    @hyperparameters.setter
    def hyperparameters(self, values: Any) -> None:
        self.surrogate.hyperparameters = values

    def _choose(self, candidates: Tensor, q: int, generator: torch.Generator) -> tuple[list[int], Proposal]:
        feasibility = self.feasibility_of(candidates)
        best = self.best
        if best is None:
            first = feasibility.argsort(descending=True, stable=True)[:q]
            return first.tolist(), self._proposal(candidates, feasibility, first, feasibility.log())
        if self._conditioned != len(self.z):
            self._condition(optimise=False)
        posterior = self.surrogate.predict(torch.cat([candidates, self.pending]))
        pending = range(len(candidates), len(candidates) + len(self.pending))
        feasibility = torch.cat([feasibility, torch.ones(len(pending), dtype=torch.double)])
        rows, values = ACQUISITIONS[self.config.acquisition](posterior, feasibility, best, q, generator, pending)
        return rows, Proposal(candidates[rows], posterior.mean[rows], posterior.std[rows], values, feasibility[rows])

    def _proposal(self, candidates: Tensor, feasibility: Tensor, rows: Tensor, values: Tensor) -> Proposal:
        """Rows of the candidates, with their values (n,) and no posterior."""
        nothing = torch.full((len(rows),), torch.nan, dtype=torch.double)
        return Proposal(candidates[rows], nothing, nothing, values[rows], feasibility[rows])

    def feasibility_of(self, z: Tensor) -> Tensor:
        """Probability of being feasible at z (n, d): (n,); one everywhere where it is not to be learned."""
        if not self.config.feasibility:
            return torch.ones(len(z), dtype=torch.double)
        self.feasibility.fit(self.z, self.feasible)
        return self.feasibility.predict(z)

    def _condition(self, optimise: bool) -> None:
        rows = self._rows()
        if len(rows):
            self.surrogate.fit(self.z[rows], self.y[rows], optimise)
        self._conditioned = len(self.z)

    def _rows(self) -> Tensor:
        """Rows that the surrogate sees: all known ones, or the best and the latest if there are too many."""
        known = torch.nonzero(torch.isfinite(self.y)).flatten()
        if len(known) <= self.config.max_points:
            return known
        half = self.config.max_points // 2
        best = known[self.y[known].argsort(descending=True, stable=True)[:half]]
        return torch.unique(torch.cat([best, known[-half:]]))

    def _candidates(self, number: int, generator: torch.Generator) -> Tensor:
        centres, weights = self._centres()
        if self.config.region == "global" or not len(centres):
            return anywhere(self.dimension, number, generator)
        max_norm = self.config.max_norm * typical_norm(self.dimension)
        return near_centres(centres, weights, self.region.length, number, max_norm, generator)

    def _centres(self) -> tuple[Tensor, Tensor]:
        """Points (k, d) around which candidates are drawn, and how often around each (k,): the best, by rank."""
        known = torch.nonzero(torch.isfinite(self.y)).flatten()
        order = known[self.y[known].argsort(descending=True, stable=True)[: self.config.centres]]
        ranks = torch.arange(len(order), dtype=torch.double)
        return self.z[order], torch.exp(-ranks / max(1.0, self.config.centres / 3))
