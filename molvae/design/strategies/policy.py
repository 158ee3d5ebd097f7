"""Policy gradient: a generator of items learns to write what scores high (REINVENT, Olivecrona et al. 2017).

What most users of generative chemistry would run instead of a search in latent space. How the generator learns is its
own matter (:mod:`molvae.molecules.policy`); here it is asked for new items, and told of them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from molvae.core.candidates import Candidate
from molvae.design.protocols import PolicyModel
from molvae.design.strategies.base import Judge, Outcome, Setup, Stateless, Suggestion
from molvae.errors import ConfigError
from molvae.run.seeds import step_seed

_AT_ONCE = 64
_ATTEMPTS = 20  # draws of so many before a step gives up: an agent that has collapsed repeats itself


class PolicyGradient(Stateless):
    """The ``reinvent`` strategy.

    Raises:
        ConfigError: the model knows no generator of its items that could be taught.
    """

    def __init__(self, setup: Setup) -> None:
        if not isinstance(setup.model, PolicyModel):
            raise ConfigError(
                f"the strategy {setup.config.strategy!r} needs a model of SMILES: choose another strategy"
            )
        self.policy, self.domain, self.seed = setup.model.policy(), setup.domain, setup.seed
        self.scale = (0.0, 1.0)
        self.turns = 0

    def begin(self, items: Sequence[Any], utility: np.ndarray) -> None:
        finite = utility[np.isfinite(utility)]
        if len(finite) and not (finite.min() >= 0 and finite.max() <= 1):
            # scores are expected between 0 and 1: others are moved there by what the campaign begins with
            self.scale = (float(finite.min()), float(np.ptp(finite)) or 1.0)
        self._learn(items, utility)

    def propose(self, count: int, step: int, judge: Judge) -> list[Suggestion]:
        chosen: dict[str, Suggestion] = {}
        for attempt in range(_ATTEMPTS):
            for text in self.policy.sample(_AT_ONCE, step_seed(step_seed(self.seed, step), attempt)):
                item, _ = self.domain.parse(text)
                if item is not None and item.identity not in chosen and judge(item):
                    chosen[item.identity] = Suggestion((Candidate(item),))
                if len(chosen) == count:
                    return list(chosen.values())
        return list(chosen.values())

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        told = [outcome for outcome in outcomes if outcome.item is not None]
        self._learn([outcome.item for outcome in told], np.array([outcome.utility for outcome in told]))

    def _learn(self, items: Sequence[Any], utility: np.ndarray) -> None:
        low, width = self.scale
        scores = {
            item.identity: (value - low) / width
            for item, value in zip(items, utility.tolist(), strict=True)
            if np.isfinite(value)
        }
        self.turns += 1
        if scores:
            self.policy.learn(list(scores), list(scores.values()), step_seed(self.seed, self.turns))
