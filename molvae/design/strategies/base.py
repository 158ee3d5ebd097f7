"""The contract of a strategy: what to score next. The campaign runs all strategies alike.

A strategy proposes points, each with the items that it may stand for, best first. The campaign picks the first that
validation accepts, has it scored, and tells the strategy. A strategy never calls the oracle.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from torch import Tensor

from molvae.core.candidates import Candidate, PointCandidates
from molvae.design.latent_space import LatentSpace
from molvae.design.protocols import Domain, Evolution, Model
from molvae.design.settings import CampaignConfig

Judge = Callable[[Any], bool]
"""Whether an item would be scored: it passes validation, and has no score yet."""


@dataclass(frozen=True)
class Setup:
    """All that a strategy is built from.

    Attributes:
        space: the latent space as this campaign searches it.
        pool: items of the start file beside those that the campaign begins with, in random order.
        config: of the campaign.
    """

    space: LatentSpace
    pool: Sequence[Any]
    config: CampaignConfig

    @property
    def model(self) -> Model:
        return self.space.model

    @property
    def domain(self) -> Domain:
        return self.space.model.domain

    @property
    def seed(self) -> int:
        return self.config.seed

    def evolution(self, population_size: int, seed: int) -> Evolution:
        """The genetic algorithm of the domain, whose offspring is made to fit what this campaign looks for."""
        return self.domain.evolution(population_size, seed, self.space.fitting)


@dataclass(frozen=True)
class Suggestion:
    """One proposal.

    Attributes:
        candidates: items that it may stand for, best first; empty if decoding gave none.
        z: the latent point (D,), or None.
        text: the decoded string, kept for the record when nothing valid came.
        error: why nothing valid came.
        mean, std, acquisition, feasibility: what the search predicted, in utility.
    """

    candidates: tuple[Candidate, ...]
    z: np.ndarray | None = None
    text: str = ""
    error: str = ""
    mean: float | None = None
    std: float | None = None
    acquisition: float | None = None
    feasibility: float | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a proposal.

    Attributes:
        z: the latent point asked for, or None.
        item: what was chosen, or None if there was nothing valid.
        utility: of the item; NaN if it was not scored, or scoring failed.
    """

    z: np.ndarray | None
    item: Any | None
    utility: float


@dataclass(frozen=True)
class Pending:
    """What was asked for and has no answer yet.

    Attributes:
        item: that is being scored.
        z: the latent point that it was proposed at, or None.
    """

    item: Any
    z: np.ndarray | None


@runtime_checkable
class KeepsAway(Protocol):
    """Of a strategy that knows what to do about candidates whose scores are still to come.

    Only a search whose steps overlap (``in_flight``) calls this. Other strategies propose as if nothing were pending;
    what is pending is not asked for again, whatever they propose.
    """

    def keep_away(self, pending: Sequence[Pending]) -> None:
        """What is pending at the next :meth:`Strategy.propose`, in the order in which it was asked for."""


class Strategy(Protocol):
    """Ask and tell over items."""

    def begin(self, items: Sequence[Any], utility: np.ndarray) -> None:
        """Take in what the campaign begins with, with its utilities (NaN where scoring failed)."""

    def propose(self, count: int, step: int, judge: Judge) -> list[Suggestion]:
        """Up to ``count`` proposals; fewer mean that the strategy has no more."""

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """Take in what became of the last proposals."""

    def state(self) -> dict[str, Any]:
        """What :meth:`begin` and the outcomes do not determine, as JSON."""

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`, after all outcomes have been told again."""


class Stateless:
    """For strategies that :meth:`Strategy.begin`, the outcomes and the step determine."""

    def state(self) -> dict[str, Any]:
        return {}

    def load_state(self, state: dict[str, Any]) -> None: ...


def as_suggestion(point: PointCandidates, z: Tensor, mean: float | None = None) -> Suggestion:
    """A latent point (D,) with all that it decoded to."""
    return Suggestion(point.candidates, z.double().numpy(), point.text, point.error, mean)


def decode_suggestions(space: LatentSpace, z: Tensor, step: int, mean: Tensor | None = None) -> list[Suggestion]:
    """Decode latent points (n, D) into proposals; the decoding is seeded by the step."""
    means: list[float | None] = [None] * len(z) if mean is None else mean.tolist()
    return [as_suggestion(*row) for row in zip(space.decode(z, step), z, means, strict=True)]
