"""Two searches that learn from each other: the latent space, and the evolution on fingerprints.

The strategy ``hybrid``. Where the autoencoder knows what a good molecule looks like, the search of its latent space
climbs at once; where the best lies outside of what it decodes to, edits of graphs go on. Neither is known beforehand.
Both are told every answer: the latent search moves to the encodings of what the evolution found, the evolution takes
its parents from what was decoded. Whose turn it is, is drawn by how many of each one's latest proposals came among the
ten best (Thompson sampling of two Bernoulli arms that forget, Thompson 1933).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from molvae.design.curves import TOP
from molvae.design.strategies.base import Judge, Outcome, Pending, Setup, Suggestion
from molvae.design.strategies.evolved import EvolvedAcquisition, LatentEvolution
from molvae.design.strategies.latent import LatentSearch
from molvae.run.seeds import step_seed

_REMEMBERED = 0.8  # of what is known of an arm, after each of its turns


class Alternating:
    """The ``hybrid`` strategy."""

    pool_size = EvolvedAcquisition.pool_size

    def __init__(self, setup: Setup) -> None:
        self.evolved, self.latent = LatentEvolution(setup), LatentSearch(setup)
        self.parts: dict[str, EvolvedAcquisition | LatentSearch] = {"evolved": self.evolved, "latent": self.latent}
        self.seed = setup.seed
        self.together = setup.config.batch  # outcomes that count as one turn, where steps overlap
        self.step, self.turn = 0, "latent"
        self.credit = {name: (1.0, 1.0) for name in self.parts}  # proposals among the ten best, and others
        self.best: list[float] = []  # at most ten utilities, rising
        self.known: set[str] = set()  # identities of what has a utility: a find is new
        self.pending: dict[str, str] | None = (
            None  # whose turn it was for what is being scored; None: steps end at once
        )
        self._latent_state: dict[str, Any] = {}

    def begin(self, items: Sequence[Any], utility: np.ndarray) -> None:
        for part in self.parts.values():
            part.begin(items, utility)
        self._take_in(items, utility)

    def propose(self, count: int, step: int, judge: Judge) -> list[Suggestion]:
        self.step = step
        found = self.parts[self.turn].propose(count, step, judge)
        if not any(suggestion.candidates for suggestion in found):
            other = next(part for name, part in self.parts.items() if name != self.turn)
            found = found + other.propose(count, step, judge)
        if self.pending is not None:
            self.pending |= {each.item.identity: self.turn for row in found for each in row.candidates}
        return found

    def keep_away(self, pending: Sequence[Pending]) -> None:
        known = self.pending or {}
        self.pending = {each.item.identity: known.get(each.item.identity, "") for each in pending}
        for part in self.parts.values():
            part.keep_away(pending)

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        for part in self.parts.values():
            part.tell(outcomes)
        if self.pending is None:
            self._credit(self.turn, outcomes)
            return
        for outcome in outcomes:  # each to whom it belongs; what nobody proposed, or decoded to nothing, to nobody
            self._credit("" if outcome.item is None else self.pending.get(outcome.item.identity, ""), [outcome])

    def _credit(self, name: str, outcomes: Sequence[Outcome]) -> None:
        """How many of the outcomes of a turn came among the ten best."""
        told = [outcome for outcome in outcomes if outcome.item is not None]
        among = self._take_in([outcome.item for outcome in told], np.array([outcome.utility for outcome in told]))
        if name:
            # a single outcome of many turns that overlap makes only its part of a turn be forgotten
            kept = _REMEMBERED if self.pending is None else _REMEMBERED ** (1 / self.together)
            won, lost = (kept * value for value in self.credit[name])
            share, size = among / max(1, len(outcomes)), 1 if self.pending is None else 1 / self.together
            self.credit[name] = won + size * share, lost + size * (1 - share)

    def _take_in(self, items: Sequence[Any], utility: np.ndarray) -> int:
        """How many that were not known came among the ten best of all that is known."""
        new = {
            item.identity: value
            for item, value in zip(items, utility.tolist(), strict=True)
            if np.isfinite(value) and item.identity not in self.known
        }
        bar = self.best[0] if len(self.best) == TOP else -np.inf
        self.known |= set(new)
        self.best = sorted([*self.best, *new.values()])[-TOP:]
        return sum(value > bar for value in new.values())

    def state(self) -> dict[str, Any]:
        rng = np.random.default_rng(step_seed(self.seed, self.step))
        drawn = {name: rng.beta(0.1 + won, 0.1 + lost) for name, (won, lost) in self.credit.items()}
        self.turn = max(drawn, key=lambda name: drawn[name])
        # taking its state makes the latent search fit its process, which is worth its time only before its own turn;
        # its region moves with every answer
        if self.turn == "latent" or not self._latent_state:
            self._latent_state = self.latent.state()
        return {
            "turn": self.turn,
            "credit": {name: list(values) for name, values in self.credit.items()},
            "latent": {**self._latent_state, "region": self.latent.search.region.state()},
            "evolved": self.evolved.state(),
            **({} if self.pending is None else {"pending": self.pending}),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self.turn, self._latent_state = state["turn"], state["latent"]
        self.pending = state.get("pending")
        self.credit = {name: (won, lost) for name, (won, lost) in state["credit"].items()}
        for name, part in self.parts.items():
            part.load_state(state[name])
