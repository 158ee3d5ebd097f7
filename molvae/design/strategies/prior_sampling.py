"""Baseline: decode points drawn from the prior."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from molvae.design.strategies.base import Judge, Outcome, Setup, Stateless, Suggestion, decode_suggestions
from molvae.run.seeds import step_seed


class PriorSampling(Stateless):
    """The ``random`` strategy."""

    def __init__(self, setup: Setup) -> None:
        self.space, self.seed = setup.space, setup.seed

    def begin(self, items: Sequence[Any], utility: np.ndarray) -> None: ...

    def propose(self, count: int, step: int, judge: Judge) -> list[Suggestion]:
        generator = torch.Generator().manual_seed(step_seed(self.seed, step))
        return decode_suggestions(self.space, self.space.model.prior.sample((count,), generator), step)

    def tell(self, outcomes: Sequence[Outcome]) -> None: ...
