"""Baseline: score further candidates of the start file."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from molvae.core.candidates import Candidate
from molvae.design.strategies.base import Judge, Outcome, Setup, Suggestion


class Screening:
    """The ``screening`` strategy: the pool in random order."""

    def __init__(self, setup: Setup) -> None:
        self.pool, self.position = setup.pool, 0
        self.order = np.random.default_rng(setup.seed).permutation(len(setup.pool)).tolist()

    def begin(self, items: Sequence[Any], utility: np.ndarray) -> None: ...

    def propose(self, count: int, step: int, judge: Judge) -> list[Suggestion]:
        rows = self.order[self.position : self.position + count]
        self.position += len(rows)
        return [Suggestion((Candidate(self.pool[row]),)) for row in rows]

    def tell(self, outcomes: Sequence[Outcome]) -> None: ...

    def state(self) -> dict[str, Any]:
        return {"position": self.position}

    def load_state(self, state: dict[str, Any]) -> None:
        self.position = int(state["position"])
