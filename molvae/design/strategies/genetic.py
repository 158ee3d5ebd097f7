"""Baseline: the genetic algorithm of the domain, without any latent space."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from molvae.core.candidates import Candidate
from molvae.design.strategies.base import Judge, Outcome, Setup, Suggestion

_POPULATION = 100


class GeneticAlgorithm:
    """The ``genetic`` strategy: of molecules, crossover and mutation of graphs (Jensen 2019)."""

    def __init__(self, setup: Setup) -> None:
        self.evolution = setup.evolution(_POPULATION, setup.seed)

    def begin(self, items: Sequence[Any], utility: np.ndarray) -> None:
        self.evolution.tell(list(items), utility.tolist())

    def propose(self, count: int, step: int, judge: Judge) -> list[Suggestion]:
        items = self.evolution.ask(count)
        return [Suggestion((Candidate(item, fitted=item in self.evolution.made_to_fit),)) for item in items]

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        scored = [outcome for outcome in outcomes if outcome.item is not None]
        self.evolution.tell([outcome.item for outcome in scored], [outcome.utility for outcome in scored])

    def state(self) -> dict[str, Any]:
        return self.evolution.state()

    def load_state(self, state: dict[str, Any]) -> None:
        self.evolution.load_state(state)
