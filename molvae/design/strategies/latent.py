"""Gaussian process search of the latent space, in the places where the latent space holds candidates.

The search proposes more points than will be scored. All are decoded; those that decode to nothing teach the
feasibility model, for free. The candidates that the others decode to are encoded again, and the acquisition chooses
among these encodings: what is compared, modelled and told is then the place of the candidate itself, not of a point
that happened to decode to it.
"""

from collections.abc import Container, Sequence
from itertools import compress
from typing import Any

import numpy as np
import torch
from torch import Tensor

from molvae.core.candidates import Candidate, PointCandidates
from molvae.design.strategies.base import Judge, Outcome, Pending, Setup, Suggestion, as_suggestion
from molvae.search import Search


class LatentSearch:
    """The ``latent`` strategy."""

    def __init__(self, setup: Setup) -> None:
        self.space, self.config = setup.space, setup.config
        self.search = self.make_search()

    def make_search(self) -> Search:
        """The search over points, with nothing told."""
        prior_mean = self.space.predicted_utility if self.config.use_predictor else None
        return Search(self.space.dimension, self.config.search, prior_mean, seed=self.config.seed)

    def to_search_space(self, z: Tensor) -> Tensor:
        """Latent points (n, D) -> points of the search (n, d)."""
        return z.double()

    def begin(self, items: Sequence[Any], utility: np.ndarray) -> None:
        z, mask = self.space.encode(items)
        values = self.values(list(compress(items, mask)), utility[mask])
        self.search.tell(self.to_search_space(z), values, torch.ones(len(z), dtype=torch.bool))

    def values(self, items: Sequence[Any | None], utility: Sequence[float] | np.ndarray) -> Tensor:
        """What the search is told of items: their utility (n,)."""
        return torch.as_tensor(np.asarray(utility, dtype=float))

    def propose(self, count: int, step: int, judge: Judge) -> list[Suggestion]:
        asked = self.search.ask(count * self.config.oversample, step)
        fresh: dict[Any, Candidate] = {}
        refused: list[Suggestion] = []
        for row, point in enumerate(self.space.decode(asked.z, step)):
            candidate = _first_fresh(point, judge, fresh)
            if candidate is not None:
                fresh[candidate.item] = candidate
            elif not any(candidate.item in fresh for candidate in point.candidates):
                refused.append(as_suggestion(point, asked.z[row]))  # nothing new: told, but not scored
        return self._select(list(fresh.values()), count, step) + refused

    def _select(self, fresh: Sequence[Candidate], count: int, step: int) -> list[Suggestion]:
        """The candidates with the best joint acquisition at their own encodings."""
        z, mask = self.space.encode([candidate.item for candidate in fresh])
        fresh = list(compress(fresh, mask))
        if not fresh:
            return []
        rows, chosen = self.search.select(z.double(), min(count, len(fresh)), step)
        return [
            Suggestion(
                candidates=(fresh[row],),
                z=chosen.z[index].numpy(),
                mean=float(chosen.mean[index]),
                std=float(chosen.std[index]),
                acquisition=float(chosen.acquisition[index]),
                feasibility=float(chosen.feasibility[index]),
            )
            for index, row in enumerate(rows)
        ]

    def keep_away(self, pending: Sequence[Pending]) -> None:
        """What is pending may turn out as any joint draw of the process says: the acquisition is the mean over them."""
        placed = [torch.from_numpy(each.z).double() for each in pending if each.z is not None]
        encoded, _ = self.space.encode([each.item for each in pending if each.z is None])
        points = [*placed, *encoded.double()]
        self.search.together = self.config.batch  # answers come one by one: the region moves as it would in steps
        self.search.pending = self.search.pending[:0]
        if points:
            self.search.add_pending(self.to_search_space(torch.stack(points)))

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        # what was told without having been asked for has no point yet: its encoding is one, if the model can hold it
        unasked = [outcome for outcome in outcomes if outcome.z is None and outcome.item is not None]
        encoded, mask = self.space.encode([outcome.item for outcome in unasked])
        known = [outcome for outcome in outcomes if outcome.z is not None]
        points = [torch.from_numpy(outcome.z).double() for outcome in known if outcome.z is not None]
        known += compress(unasked, mask)
        if not known:
            return
        values = self.values([outcome.item for outcome in known], [outcome.utility for outcome in known])
        feasible = torch.tensor([outcome.item is not None for outcome in known], dtype=torch.bool)
        self.search.tell(self.to_search_space(torch.stack([*points, *encoded.double()])), values, feasible)

    def state(self) -> dict[str, Any]:
        return dict(self.search.state())

    def load_state(self, state: dict[str, Any]) -> None:
        self.search.load_state(state)


def _first_fresh(point: PointCandidates, judge: Judge, taken: Container[Any]) -> Candidate | None:
    """The candidate with most votes that is acceptable, not scored yet and not in this batch."""
    return next((c for c in point.candidates if c.item not in taken and judge(c.item)), None)
