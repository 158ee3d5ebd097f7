"""Bayesian optimisation on similarities whose acquisition is optimised by evolution before anything is paid.

The strategy ``gpbo``, after Tripp & Hernandez-Lobato 2024: a Gaussian process with the similarity of the domain as its
kernel and hyperparameters that are never fitted, upper confidence bounds with a random weight at each step, and the
genetic algorithm of the domain, which starts from everything known and from a library of other candidates and looks for
the largest bound over several generations. No latent space is used. It is at its best with one candidate a step.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from molvae.core.candidates import Candidate
from molvae.design.strategies.base import Judge, Outcome, Setup, Stateless, Suggestion
from molvae.run.seeds import short_seed, step_seed
from molvae.search.growing import GrowingProcess
from molvae.search.similarity import choose_batch
from molvae.search.surrogate import Posterior

_GENERATIONS, _OFFSPRING, _POPULATION = 5, 200, 10_000  # of the inner evolution, as published
_LOOK = 50  # best candidates that the batch is chosen from, for each place in it


class EvolvedAcquisition(Stateless):
    """The ``gpbo`` strategy.

    The process is conditioned on all that was scored, which costs time that grows with the square of the calls: some
    0.3 s a call at 1,000.
    """

    pool_size = 10_000  # the library

    def __init__(self, setup: Setup) -> None:
        self.domain, self.seed, self.pool, self.evolution = setup.domain, setup.seed, setup.pool, setup.evolution
        self.process: GrowingProcess | None = None
        self.known: dict[Any, float] = {}  # NaN where scoring failed
        self.scale = (0.0, 1.0)

    def begin(self, items: Sequence[Any], utility: np.ndarray) -> None:
        finite = utility[np.isfinite(utility)]
        if len(finite) and not (finite.min() >= 0 and finite.max() <= 1):
            # the process expects scores between 0 and 1: others are moved there by what the campaign begins with
            self.scale = (float(finite.min()), float(np.ptp(finite)) or 1.0)
        known = set(items)
        library = [item for item in self.pool[: self.pool_size] if item not in known]
        self.process = GrowingProcess(self.domain.similarity, library)
        self._learn(items, utility)

    def propose(self, count: int, step: int, judge: Judge) -> list[Suggestion]:
        if self.process is None or not len(self.process):
            return []
        seed = step_seed(self.seed, step)
        weight = 10 ** np.random.default_rng(seed).uniform(-1, 0)  # the root of beta = 10^U(-2, 0)
        bound = self._evolve(self.process, weight, seed)
        fresh = [item for item in bound if item not in self.known]
        ranked = sorted(fresh, key=lambda item: (-bound[item], item.identity))[: _LOOK * count]
        return self._batch(self.process, ranked, weight, count, judge)

    def _evolve(self, process: GrowingProcess, weight: float, seed: int) -> dict[Any, float]:
        """Upper confidence bounds of everything that the inner evolution has seen."""

        def bounds(moments: tuple[np.ndarray, np.ndarray]) -> list[float]:
            mean, std = moments
            return (mean + weight * std).tolist()

        known = list(process.items)
        evolution = self.evolution(_POPULATION, short_seed(seed))
        bound = dict(zip(process.library, bounds(process.posterior_of_library()), strict=True))
        bound |= dict(zip(known, bounds(process.posterior(known)), strict=True))
        evolution.tell(list(bound), list(bound.values()))
        for _ in range(_GENERATIONS):
            offspring = list(evolution.ask(_OFFSPRING))
            if not offspring:
                break
            values = bounds(process.posterior(offspring))
            evolution.tell(offspring, values)
            bound |= dict(zip(offspring, values, strict=True))
        return bound

    def _batch(
        self, process: GrowingProcess, ranked: Sequence[Any], weight: float, count: int, judge: Judge
    ) -> list[Suggestion]:
        """One after another by the bound, see :func:`~molvae.search.similarity.choose_batch`."""
        if not ranked:
            return []
        mean, std = process.posterior(ranked)
        covariance = process.covariance(ranked) if count > 1 else np.diag(std**2)
        posterior = Posterior(torch.from_numpy(mean), torch.from_numpy(covariance))
        # validation is slow: only what would be chosen is judged
        chosen = choose_batch(posterior, 0.0, count, lambda row: judge(ranked[row]), lambda m, s, _: m + weight * s)
        low, width = self.scale
        return [
            Suggestion(
                (Candidate(ranked[row]),),
                mean=float(low + width * mean[row]),
                std=float(width * std[row]),
                acquisition=low + width * bound,
            )
            for row, bound in chosen
        ]

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        told = [outcome for outcome in outcomes if outcome.item is not None]
        self._learn([outcome.item for outcome in told], np.array([outcome.utility for outcome in told]))

    def _learn(self, items: Sequence[Any], utility: np.ndarray) -> None:
        assert self.process is not None, "begin first"
        low, width = self.scale
        for item, value in zip(items, utility.tolist(), strict=True):
            if np.isfinite(self.known.get(item, np.nan)):
                continue
            self.known[item] = value
            if np.isfinite(value):
                self.process.tell(item, (value - low) / width)
