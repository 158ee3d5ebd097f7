"""The oracle of a campaign: a scorer with a budget, a memory and a sign.

Every score that a campaign uses comes through :meth:`Oracle.evaluate`. It pays for each item once, writes each answer
to the store before anyone sees it, and is the only place that knows whether more is better.
"""

import contextlib
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from molvae.core.candidates import Item
from molvae.design.oracle.scorers import Answer, Scorer, is_score
from molvae.design.store import CampaignStore, Evaluation, Replicate
from molvae.errors import BudgetExhausted, ConfigError, OracleError


class Oracle:
    """Answers with scores until the budget is spent.

    The first question about an item costs one call, whatever the answer; a failed answer was paid for as well, is
    remembered, and is not asked for again. Every later question, in the same batch or after a restart, is answered from
    memory for nothing.

    Calls are numbered from 1. The numbers are given to a batch in its order before it is scored, the lowest unused ones
    first; so a run that was killed in mid-batch, with answers missing in between, gives each item the number that it
    would have had without the kill.

    Args:
        scorer: computes the scores.
        store: keeps them; what it already holds counts as paid. It is read once, here.
        budget: oracle calls in all, those in the store included.
        sign: +1 if more is better, -1 if less is (:attr:`Objective.sign`).

    Raises:
        ConfigError: the budget is negative, or the sign is neither +1 nor -1.
    """

    def __init__(self, scorer: Scorer, store: CampaignStore, budget: int, sign: int = 1) -> None:
        if budget < 0:
            raise ConfigError(f"the budget is a number of oracle calls, so it cannot be {budget}")
        if sign not in (1, -1):
            raise ConfigError(f"the sign is +1 (more is better) or -1 (less is better), not {sign}")
        self.scorer = scorer
        self.store = store
        self.budget = budget
        self.sign = sign
        self._memory: dict[str, Evaluation] = {}
        self._steps: dict[int, list[Evaluation]] = defaultdict(list)
        self._calls: set[int] = set()
        self._lowest = 1  # no call below this one is unused
        self.best: Evaluation | None = None
        for evaluation in store.answers():
            self._take_in(evaluation)
        self._again: dict[str, list[Replicate]] = defaultdict(list)
        for replicate in store.replicates():
            self._again[replicate.identity].append(replicate)

    @property
    def calls(self) -> int:
        """Calls paid for so far, those of earlier sessions included."""
        return len(self._memory)

    @property
    def calls_left(self) -> int:
        """Calls that the budget still allows."""
        return max(0, self.budget - self.calls)

    def __contains__(self, item: Item) -> bool:
        """Whether an item has been answered, so that asking again costs nothing."""
        return item.identity in self._memory

    def answered(self, item: Item, calls: int) -> bool:
        """Whether an item was among the first ``calls`` that were answered."""
        evaluation = self._memory.get(item.identity)
        return evaluation is not None and evaluation.call <= calls

    def utility(self, item: Item) -> float:
        """What is to be maximised; NaN if an item was not scored, or its scoring failed."""
        evaluation = self._memory.get(item.identity)
        return np.nan if evaluation is None or evaluation.score is None else self.sign * evaluation.score

    def answers_of(self, step: int) -> list[Evaluation]:
        """What was answered in a step, by call."""
        return sorted(self._steps.get(step, ()), key=lambda evaluation: evaluation.call)

    def answers_before(self, step: int) -> list[Evaluation]:
        """What was answered before a step."""
        return [answer for earlier, answers in self._steps.items() if earlier < step for answer in answers]

    def evaluate(self, items: Sequence[Item], origin: str, step: int) -> list[Evaluation | None]:
        """Score items.

        If the budget ends within the batch, the first items that it affords are scored; only a batch that needs calls
        when none at all is left raises.

        Args:
            items: need not be distinct.
            origin: ``"start"`` or the name of the strategy, for the record.
            step: step of the campaign, for the record.

        Returns:
            The answer to each; None to those for which no call was left.

        Raises:
            BudgetExhausted: an item is new and no call is left.
            OracleError: the scorer cannot go on; what it had answered is stored.
        """
        new = list(dict.fromkeys(item.identity for item in items if item not in self))
        if new and not self.calls_left:
            raise BudgetExhausted(f"all {self.budget} oracle calls are spent; {len(new)} more were asked for")
        self._pay(new[: self.calls_left], origin, step)
        return [self._memory.get(item.identity) for item in items]

    def take(self, item: Item, answer: Answer, origin: str, step: int) -> Evaluation:
        """Take in an answer that the scorer gave to a single question; its call has the next number.

        What is remembered already is kept as it was, and an answer that comes twice is paid once.

        Args:
            item: what was asked about.
            answer: of the scorer.
            origin: as for :meth:`evaluate`.
            step: as for :meth:`evaluate`.

        Returns:
            What is remembered of the item.
        """
        if item not in self:
            self._remember(item.identity, answer, self._free_calls(1)[0], origin, step)
        return self._memory[item.identity]

    def answers(self) -> list[Evaluation]:
        """All answers, by call."""
        return sorted(self._memory.values(), key=lambda evaluation: evaluation.call)

    def tell(self, item: Item, score: float | None, origin: str, step: int) -> Evaluation:
        """Take in a score measured elsewhere, as in a laboratory; a new item counts as a call.

        What is remembered already is kept as it was. The budget is not enforced: what was measured was paid for.

        Args:
            item: what was measured.
            score: in the user's sign; NaN or None where the measurement failed.
            origin: as for :meth:`evaluate`.
            step: as for :meth:`evaluate`.

        Returns:
            What is remembered of the item.
        """
        if item not in self:
            failed = score is None or not is_score(score)
            answer = Answer(error="no score was given") if failed else Answer(float(score or 0.0))
            self.take(item, answer, origin, step)
        return self._memory[item.identity]

    def tell_again(self, item: Item, score: float, step: int) -> bool:
        """Take in a further measurement of an item that has an answer; whether it is one.

        A score that is not a number, or that was told of this item before, is none: files are told twice by mistake.
        :meth:`utility` stays that of the first answer, which the search has been told; the others it is told as they
        come (:meth:`replicates_of`).
        """
        known = [self._memory[item.identity].score, *(each.score for each in self._again[item.identity])]
        if not is_score(score) or score in known:
            return False
        replicate = Replicate(item.identity, float(score), step)
        self.store.record_replicate(replicate)
        self._again[item.identity].append(replicate)
        return True

    def replicates_of(self, step: int) -> list[Replicate]:
        """Further measurements told in a step, in their order."""
        return [each for each in self.store.replicates() if each.step == step]

    def measured(self, item: Item) -> list[float]:
        """All measurements of an item, in the order in which they came."""
        scores = [self._memory[item.identity].score, *(each.score for each in self._again[item.identity])]
        return [score for score in scores if score is not None]

    def _pay(self, identities: list[str], origin: str, step: int) -> None:
        if not identities:
            return
        numbers = self._free_calls(len(identities))
        due = dict(enumerate(identities))
        # closed at once if something breaks off here, so that no task runs on for nobody
        with contextlib.closing(self.scorer.stream(identities)) as answers:
            for index, answer in answers:
                self._remember(due.pop(index), answer, numbers[index], origin, step)
        if due:
            raise OracleError(f"the scorer gave no answer for {len(due)} of {len(identities)} candidates")

    def _remember(self, identity: str, answer: Answer, call: int, origin: str, step: int) -> None:
        ok = answer.ok and is_score(answer.score)  # a scorer of the user may break its contract
        evaluation = Evaluation(
            call=call,
            identity=identity,
            score=float(answer.score) if ok else None,
            properties={name: float(value) for name, value in answer.properties.items()},
            error=None if ok else answer.error or f"the score is {answer.score}",
            seconds=answer.seconds,
            origin=origin,
            step=step,
        )
        self.store.record_evaluation(evaluation)  # first to disk, then to anyone else
        self._take_in(evaluation)

    def _take_in(self, evaluation: Evaluation) -> None:
        self._memory[evaluation.identity] = evaluation
        self._steps[evaluation.step].append(evaluation)
        self._calls.add(evaluation.call)
        if evaluation.score is not None and (self.best is None or self._rank(evaluation) > self._rank(self.best)):
            self.best = evaluation

    def _rank(self, evaluation: Evaluation) -> tuple[float, int]:
        """By utility; of equal ones, the earlier call is better."""
        return self.sign * (evaluation.score or 0.0), -evaluation.call

    def _free_calls(self, count: int) -> list[int]:
        numbers: list[int] = []
        candidate = self._lowest
        while len(numbers) < count:
            if candidate not in self._calls:
                numbers.append(candidate)
            elif candidate == self._lowest:
                self._lowest += 1
            candidate += 1
        return numbers
