"""Bayesian optimisation on similarities of candidates, with the autoencoder as their source.

The surrogate is a Gaussian process whose kernel is the similarity of the domain; of molecules, Tanimoto on ECFP4 counts
(Ralaivola et al. 2005; Tripp et al. 2021). It knows nothing of the latent space and needs no training. The autoencoder
proposes: it decodes points near the best candidates and between pairs of them. That the surrogate lives on molecules
and the model only proposes follows Moss et al. 2025 (COWBOYS).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from molvae.core.candidates import Candidate
from molvae.core.sampling import slerp
from molvae.design.strategies.base import Judge, Outcome, Pending, Setup, Suggestion
from molvae.run.seeds import step_seed
from molvae.search.similarity import SimilaritySurrogate, choose_batch

_PARENTS = 50  # best items that candidates are made from
_NOISE = (0.15, 0.7)  # standard deviation of the step from a parent, drawn log-uniformly between these
_OVERSAMPLE = 8  # latent points decoded for each item that is scored


class SimilaritySearch:
    """The ``tanimoto`` strategy.

    The hyperparameters of the process move once a step, when the state is taken, so that a campaign resumed from its
    state goes on exactly as one that was not interrupted.
    """

    def __init__(self, setup: Setup) -> None:
        self.space, self.domain, self.seed = setup.space, setup.domain, setup.seed
        self.surrogate = SimilaritySurrogate()
        self.known: dict[Any, float] = {}  # NaN where scoring failed
        self.items: list[Any] = []  # those with a utility
        self.utility = torch.empty(0, dtype=torch.double)
        self.similarity = torch.empty(0, 0, dtype=torch.double)
        self.pending: list[Any] = []  # items that are being scored
        self._conditioned = 0  # number of items that the surrogate has seen

    def begin(self, items: Sequence[Any], utility: np.ndarray) -> None:
        told = dict(zip(items, utility.tolist(), strict=True))
        new = {item: u for item, u in told.items() if np.isfinite(u) and not np.isfinite(self.known.get(item, np.nan))}
        self.known |= told
        if not new:
            return
        among, cross = self._similarity(list(new), list(new)), self._similarity(list(new), self.items)
        self.similarity = torch.cat([torch.cat([self.similarity, cross.t()], 1), torch.cat([cross, among], 1)])
        self.items += new
        self.utility = torch.cat([self.utility, torch.tensor(list(new.values()), dtype=torch.double)])

    def propose(self, count: int, step: int, judge: Judge) -> list[Suggestion]:
        best = sorted(zip((-self.utility).tolist(), self.items, strict=True), key=lambda row: (row[0], row[1].identity))
        parents, _ = self.space.encode([item for _, item in best[:_PARENTS]])
        if not len(parents):
            return []
        z = self._points(parents, count * _OVERSAMPLE, step)
        pool: dict[Any, tuple[int, Candidate]] = {}  # item -> row of its point
        for row, point in enumerate(self.space.decode(z, step)):
            for candidate in point.candidates:
                if candidate.item not in self.known and candidate.item not in self.pending:
                    pool.setdefault(candidate.item, (row, candidate))
        if not pool:
            return []
        self._condition(optimise=False)
        items = [*pool, *self.pending]
        posterior = self.surrogate.predict_among(self._similarity(items, self.items), self._similarity(items, items))
        # validation is slow: only what would be chosen is judged
        chosen = choose_batch(
            posterior,
            float(self.utility.max()),
            count,
            lambda index: judge(items[index]),
            pending=range(len(pool), len(items)),
        )
        rows = [(index, gain, *pool[items[index]]) for index, gain in chosen]
        return [
            Suggestion(
                candidates=(candidate,),
                z=z[row].double().numpy(),
                mean=float(posterior.mean[index]),
                std=float(posterior.std[index]),
                acquisition=gain,
            )
            for index, gain, row, candidate in rows
        ]

    def keep_away(self, pending: Sequence[Pending]) -> None:
        """What is pending counts as known to be at its mean, as within a batch."""
        self.pending = [each.item for each in pending]

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        known = [outcome for outcome in outcomes if outcome.item is not None]
        self.begin([outcome.item for outcome in known], np.array([outcome.utility for outcome in known]))

    def state(self) -> dict[str, Any]:
        self._condition(optimise=True)
        return {"hyperparameters": self.surrogate.hyperparameters}

    def load_state(self, state: dict[str, Any]) -> None:
        self.surrogate.hyperparameters, self._conditioned = state["hyperparameters"], 0

    def _condition(self, optimise: bool) -> None:
        if len(self.items) != self._conditioned:
            self.surrogate.fit(self.similarity, self.utility, optimise)
            self._conditioned = len(self.items)

    def _similarity(self, rows: Sequence[Any], columns: Sequence[Any]) -> Tensor:
        return torch.from_numpy(self.domain.similarity(rows, columns))

    def _points(self, parents: Tensor, number: int, step: int) -> Tensor:
        """Half near one parent, half on the arc between two; better parents more often: (number, D)."""
        generator = torch.Generator().manual_seed(step_seed(self.seed, step))
        weights = 1.0 / (torch.arange(len(parents)) + 5.0)  # by rank
        first, second = (torch.multinomial(weights, number, replacement=True, generator=generator) for _ in range(2))
        t = torch.rand(number, 1, generator=generator)
        between = torch.cat([slerp(parents[a], parents[b], at) for a, b, at in zip(first, second, t, strict=True)])
        near = torch.arange(number).unsqueeze(1) % 2 == 0
        low, high = _NOISE
        width = low * (high / low) ** torch.rand(number, 1, generator=generator)
        width = torch.where(near, width, torch.full_like(width, low))
        z = torch.where(near, parents[first], between)
        return z + width * torch.randn(z.shape, generator=generator)
