"""The contract of a strategy: what to score next. The campaign runs all strategies alike.

A strategy proposes points, each with the molecules that it may stand for, best first. The campaign picks the first
that validation accepts, has it scored, and tells the strategy. A strategy never calls the oracle.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

Judge = Callable[[str], bool]
"""Whether a canonical SMILES would be scored: it passes validation, and has no score yet."""


@dataclass(frozen=True)
class Option:
    """A molecule that a proposal may stand for."""

    smiles: str
    votes: int = 1


@dataclass(frozen=True)
class Suggestion:
    """One proposal.

    Attributes:
        options: molecules, best first; empty if decoding gave none.
        z: the latent point (D,), or None.
        text: the decoded string, kept for the record when nothing valid came.
        error: why nothing valid came.
        mean, std, acquisition, feasibility: what the search believed, in utility.
    """

    options: tuple[Option, ...]
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
        smiles: the molecule chosen, or None if there was no valid one.
        utility: its utility; NaN if it was not scored, or scoring failed.
    """

    z: np.ndarray | None
    smiles: str | None
    utility: float


class Strategy(Protocol):
    """Ask and tell over molecules."""

    def begin(self, smiles: Sequence[str], utility: np.ndarray) -> None:
        """Take in the starting molecules with their utilities (NaN where scoring failed)."""

    def propose(self, count: int, step: int, judge: Judge) -> list[Suggestion]:
        """Up to ``count`` proposals; fewer mean that the strategy has no more."""

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """Take in what became of the last proposals."""

    def state(self) -> dict[str, Any]:
        """What :meth:`begin` and the outcomes do not determine, as JSON."""

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`, after all outcomes have been told again."""
