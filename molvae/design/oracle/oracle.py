"""The oracle of a campaign: a scorer with a budget, a memory and a sign.

Every score that a campaign uses comes through :meth:`Oracle.evaluate`. It pays for each molecule once, writes each
answer to the store before anyone sees it, and is the only place that knows whether more is better.
"""

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from molvae.chemistry.molecule import parse_smiles
from molvae.design.oracle.scorers import Answer, Scorer, is_score
from molvae.design.store import CampaignStore, Evaluation
from molvae.errors import BudgetExhausted, ConfigError, OracleError
from molvae.run.progress import Progress, silent, track

_FIRST = ("smiles", "score", "utility")
_LAST = ("status", "error", "call", "cached")


class Oracle:
    """Answers with scores until the budget is spent.

    A molecule is its canonical SMILES. The first question about it costs one call, whatever the answer; a failed
    answer was paid for as well, is remembered, and is not asked for again. Every later question, in the same batch
    or after a restart, is answered from memory for nothing.

    Calls are numbered from 1. The numbers are given to a batch in its order before it is scored, the lowest unused
    ones first; so a run that was killed in mid-batch, with answers missing in between, gives each molecule the
    number that it would have had without the kill.
    """

    def __init__(
        self, scorer: Scorer, store: CampaignStore, budget: int, sign: int = 1, progress: Progress = silent
    ) -> None:
        """Set up; what the store already holds counts as paid.

        Args:
            scorer: computes the scores.
            store: keeps them.
            budget: oracle calls in all, those in the store included.
            sign: +1 if more is better, -1 if less is (:attr:`Objective.sign`).
            progress: told how far it has come.

        Raises:
            ConfigError: the budget is negative, or the sign is neither +1 nor -1.
        """
        if budget < 0:
            raise ConfigError(f"the budget is a number of oracle calls, so it cannot be {budget}")
        if sign not in (1, -1):
            raise ConfigError(f"the sign is +1 (more is better) or -1 (less is better), not {sign}")
        self.scorer = scorer
        self.store = store
        self.budget = budget
        self.sign = sign
        self._progress = progress
        self._memory = {evaluation.smiles: evaluation for evaluation in store.answers()}

    @property
    def calls(self) -> int:
        """Calls paid for so far, those of earlier sessions included."""
        return len(self._memory)

    @property
    def calls_left(self) -> int:
        """Calls that the budget still allows."""
        return max(0, self.budget - self.calls)

    def __contains__(self, smiles: object) -> bool:
        """Whether this canonical SMILES has been answered, so that asking again costs nothing."""
        return smiles in self._memory

    def evaluate(self, smiles: Sequence[str], origin: str, step: int) -> pd.DataFrame:
        """Score molecules.

        If the budget ends within the batch, the first molecules that it affords are scored and the others come back
        as ``"unpaid"``; only a batch that needs calls when none at all is left raises.

        Args:
            smiles: molecules; they need not be canonical or distinct.
            origin: ``"start"`` or the name of the strategy, for the record.
            step: step of the campaign, for the record.

        Returns:
            One row for each input, in its order: ``smiles`` (canonical), ``score`` (the user's sign, NaN if there is
            none), ``utility`` (sign * score, to be maximised), one column for each further property, ``status``
            (``"ok"``, ``"failed"``, ``"unpaid"``, or ``"invalid"`` for what is not a molecule, which costs nothing),
            ``error`` (text or ``None``), ``call`` (its number, or 0), ``cached`` (no call was paid for this row).

        Raises:
            BudgetExhausted: a molecule is new and no call is left.
            OracleError: the scorer cannot go on; what it had answered is stored.
        """
        parsed = [_canonical(text) for text in smiles]
        new = list(dict.fromkeys(key for key, _ in parsed if key is not None and key not in self._memory))
        if new and not self.calls_left:
            raise BudgetExhausted(f"all {self.budget} oracle calls are spent; {len(new)} more molecules were asked for")
        affordable = new[: self.calls_left]
        self._pay(affordable, origin, step)
        bought = set(affordable)
        rows = []
        for text, (key, reason) in zip(smiles, parsed, strict=True):
            known = None if key is None else self._memory.get(key)
            if known is not None:
                rows.append(self._row(known, cached=known.smiles not in bought))
                bought.discard(known.smiles)  # a repeat further down is free
            elif key is None:
                rows.append(_no_answer(text, "invalid", reason))
            else:
                rows.append(_no_answer(key, "unpaid", f"all {self.budget} oracle calls are spent"))
        return _table(rows)

    def tell(
        self,
        smiles: Sequence[str],
        scores: Sequence[float | None],
        origin: str,
        step: int,
        errors: Sequence[str | None] | None = None,
    ) -> pd.DataFrame:
        """Take in scores measured elsewhere, as in a laboratory; each new molecule counts as a call.

        What is remembered already is kept as it was. The budget is not enforced: what was measured was paid for.

        Args:
            smiles: molecules.
            scores: in the user's sign, one for each; NaN or ``None`` where the measurement failed.
            origin: as for :meth:`evaluate`.
            step: as for :meth:`evaluate`.
            errors: why a measurement failed.

        Returns:
            The table of :meth:`evaluate`.
        """
        if len(scores) != len(smiles):
            raise OracleError(f"{len(smiles)} molecules were told with {len(scores)} scores")
        rows = []
        for index, (text, score) in enumerate(zip(smiles, scores, strict=True)):
            key, reason = _canonical(text)
            if key is None:
                rows.append(_no_answer(text, "invalid", reason))
                continue
            cached = key in self._memory
            if not cached:
                error = errors[index] if errors is not None else None
                failed = score is None or not is_score(score)
                answer = Answer(error=error or "no score was given") if failed else Answer(float(score or 0.0))
                self._remember(key, answer, self._free_calls(1)[0], origin, step)
            rows.append(self._row(self._memory[key], cached))
        return _table(rows)

    def _pay(self, molecules: list[str], origin: str, step: int) -> None:
        numbers = self._free_calls(len(molecules))
        due = dict(enumerate(molecules))
        if not molecules:
            return
        # closed at once if something breaks off here, so that no task runs on for nobody
        with contextlib.closing(self.scorer.stream(molecules)) as answers:
            for index, answer in track(answers, "scoring", total=len(molecules), progress=self._progress):
                self._remember(due.pop(index), answer, numbers[index], origin, step)
        if due:
            raise OracleError(f"the scorer gave no answer for {len(due)} of {len(molecules)} molecules")

    def _remember(self, smiles: str, answer: Answer, call: int, origin: str, step: int) -> None:
        ok = answer.ok and is_score(answer.score)  # a scorer of the user may break its contract
        evaluation = Evaluation(
            call=call,
            smiles=smiles,
            score=float(answer.score) if ok else None,
            properties={name: float(value) for name, value in answer.properties.items()},
            error=None if ok else answer.error or f"the score is {answer.score}",
            seconds=answer.seconds,
            origin=origin,
            step=step,
        )
        self.store.record_evaluation(evaluation)  # first to disk, then to anyone else
        self._memory[smiles] = evaluation

    def _free_calls(self, count: int) -> list[int]:
        used = {evaluation.call for evaluation in self._memory.values()}
        numbers: list[int] = []
        candidate = 1
        while len(numbers) < count:
            if candidate not in used:
                numbers.append(candidate)
            candidate += 1
        return numbers

    def _row(self, evaluation: Evaluation, cached: bool) -> dict[str, Any]:
        score = np.nan if evaluation.score is None else evaluation.score
        # a property that is named like a column of the table stays in the store only
        properties = {k: v for k, v in evaluation.properties.items() if k not in _FIRST + _LAST}
        return properties | {
            "smiles": evaluation.smiles,
            "score": score,
            "utility": self.sign * score,
            "status": evaluation.status,
            "error": evaluation.error,
            "call": evaluation.call,
            "cached": cached,
        }


def _canonical(text: str) -> tuple[str | None, str]:
    from rdkit import Chem

    molecule, reason = parse_smiles(text)
    return (None, reason) if molecule is None else (Chem.MolToSmiles(molecule), "")


def _no_answer(smiles: str, status: str, error: str) -> dict[str, Any]:
    nothing = {"score": np.nan, "utility": np.nan, "call": 0, "cached": False}
    return {"smiles": smiles, "status": status, "error": error} | nothing


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    properties = dict.fromkeys(name for row in rows for name in row if name not in _FIRST + _LAST)
    types = {"smiles": object, "status": object, "error": object, "call": "int64", "cached": bool}
    return pd.DataFrame(
        {
            name: pd.Series([row.get(name) for row in rows], dtype=types.get(name, "float64"))
            for name in (*_FIRST, *properties, *_LAST)
        }
    )
