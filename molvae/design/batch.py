"""From what a strategy proposes to the batch that is asked for: validation, diversity, an order by a formula."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from molvae.design.diversity import DiversityConfig, Selection
from molvae.design.objective import Objective, formula_values
from molvae.design.protocols import Domain
from molvae.design.store import CandidateRecord
from molvae.design.strategies.base import Suggestion
from molvae.run.progress import Progress

MADE_TO_FIT = "made to fit"
"""Noted on a valid candidate that was not decoded or bred as it is."""
_OVERSAMPLING = 3  # times as many proposals are asked for as are taken, where not all of them may be


class BatchChooser:
    """Takes candidates from proposals.

    Args:
        domain: of the candidates.
        limits: of one batch.
        preselect: formula by which proposals are ordered, or None.
        answered: whether the oracle knows an item.
        verdict: status and reason of an item.
        progress: told how far the order by a formula has come.
    """

    def __init__(
        self,
        domain: Domain,
        limits: DiversityConfig,
        preselect: Objective | None,
        answered: Callable[[Any], bool],
        verdict: Callable[[Any], tuple[str, str]],
        progress: Progress,
    ) -> None:
        self.domain, self.limits, self.preselect = domain, limits, preselect
        self._answered, self._verdict, self._progress = answered, verdict, progress

    @property
    def oversampling(self) -> int:
        """How many times as many proposals are asked for as are taken."""
        return _OVERSAMPLING if self.limits.limited or self.preselect is not None else 1

    def choose(
        self, suggestions: Sequence[Suggestion], count: int, pending: Sequence[Any] | None = None
    ) -> list[CandidateRecord]:
        """The batch: all that was proposed, or of that the first ``count`` valid ones that fit the limits.

        Args:
            suggestions: the proposals.
            count: how many are wanted.
            pending: where steps overlap, what is being scored: it counts as part of the batch, of which there are then
                no more than ``count`` others.
        """
        if self.preselect is not None:
            suggestions = self._ordered(suggestions, self.preselect)
        selection = Selection(self.domain, self.limits)
        for item in pending or ():
            selection.take(item)
        chosen: set[Any] = set()
        records: list[CandidateRecord] = []
        for suggestion in suggestions:
            if len(chosen) == count and self.oversampling > 1:
                break
            if len(chosen) == count and pending is not None and self._offers(suggestion, chosen):
                continue  # there is no room for it; what nothing can be made of is recorded, and told, all the same
            record = self._record(suggestion, len(records), chosen, selection)
            if record is not None:
                records.append(record)
        return records

    def _ordered(self, suggestions: Sequence[Suggestion], formula: Objective) -> list[Suggestion]:
        """By a formula of the candidate that each would be; those that have none, or no value, come last."""
        firsts = [next((each.item for each in row.candidates if self._is_new(each.item)), None) for row in suggestions]
        value = np.nan_to_num(formula.sign * formula_values([formula], firsts, self._progress)[:, 0], nan=-np.inf)
        return [suggestions[row] for row in np.argsort(-value, kind="stable")]

    def _offers(self, suggestion: Suggestion, chosen: set[Any]) -> bool:
        return any(self._is_new(each.item) and each.item not in chosen for each in suggestion.candidates)

    def _is_new(self, item: Any) -> bool:
        return not self._answered(item) and self._verdict(item)[0] == "valid"

    def _record(
        self, suggestion: Suggestion, slot: int, chosen: set[Any], selection: Selection
    ) -> CandidateRecord | None:
        """The first candidate that validation accepts and the limits admit; else the verdict on the most likely one.

        None if the limits alone refuse it: it is as good as any other, so the strategy is told nothing of it.
        """
        nothing = CandidateRecord(
            slot=slot,
            identity=suggestion.text or None,
            status="invalid",
            z=suggestion.z,
            reason=suggestion.error,
            votes=0,
            predicted_mean=suggestion.mean,
            predicted_std=suggestion.std,
            acquisition=suggestion.acquisition,
            feasibility=suggestion.feasibility,
        )
        refused: CandidateRecord | None = None
        crowded = False
        for candidate in suggestion.candidates:
            item = candidate.item
            seen = self._answered(item) or item in chosen
            status, reason = ("duplicate", "seen before") if seen else self._verdict(item)
            record = replace(nothing, identity=item.identity, status=status, reason=reason, votes=candidate.votes)
            if status == "valid" and not selection.admits(item):
                crowded = True
                continue
            if status == "valid":
                chosen.add(item)
                selection.take(item)
                return replace(record, reason=MADE_TO_FIT) if candidate.fitted else record
            refused = refused or record
        return None if crowded else refused or nothing
