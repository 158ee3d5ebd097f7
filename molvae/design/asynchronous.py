"""A campaign whose steps overlap: many oracle calls run at a time, and an answer is followed by a new proposal.

In steps, all workers wait for the slowest of a batch. Here a step begins as soon as ``refill`` answers have come: the
strategy is told these, is shown what is still pending, and proposes as many new candidates as there is room for.

What is proposed depends on the order of the answers alone, not on their times: answers are taken one after another in
the order in which they came, and those that came while a step was computed wait for the next. The store keeps that
order (the number of a call) and with each step how many answers it knew, so that a driver that was killed goes on
exactly where it was, with all answers that had come; only what was in flight is asked for again.

Of the start, too, no worker waits for the slowest: the search begins when a quarter of it is known and a worker is
free.
"""

import math
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np

from molvae.design.store import CandidateRecord
from molvae.design.strategies.base import KeepsAway, Outcome, Pending, Suggestion
from molvae.errors import OracleError, RunFolderError

MAX_STALLED = 25
"""Steps in a row without a new candidate after which a strategy counts as exhausted, until another answer comes."""


class Flight:
    """The steps of one campaign.

    Attributes:
        step: the number of the last step that was begun; 0: the start is being scored.
        told: answers that the strategy knows: those of the calls 1 to ``told``.
    """

    def __init__(self, campaign: Any) -> None:
        config = campaign.config
        assert config.in_flight is not None
        self.campaign, self.in_flight, self.refill = campaign, config.in_flight, config.refill
        self.step = self.told = self.stalled = 0
        self.asked: dict[Any, tuple[int, CandidateRecord | None]] = {}  # by item, in order: its step and record
        self._refused: list[CandidateRecord] = []  # of the last step: told with the next answers
        self._complete = False  # the last step is closed
        self._broken = False  # it was left in the middle of something
        self._waiting: deque[Any] = deque()  # items that no worker has
        self._running: dict[Future[Any], Any] = {}
        self._moving = bool(getattr(campaign.strategy, "moving", False))
        self._began = time.monotonic()
        for item in list(dict.fromkeys(campaign.start.items))[: config.budget]:
            self._add(item, 0, None)
        self._start = len(self.asked)
        self._resume()

    # --- where it stands ----------------------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """Whether all that could be asked for has been answered, and told."""
        return self._complete

    @property
    def pending(self) -> list[Any]:
        """Items that were asked for and have no answer yet."""
        return [item for item in self.asked if item not in self.campaign.oracle]

    @property
    def _target(self) -> int | None:
        """Answers that the strategy is to know when it proposes next; None: it proposes no more."""
        asked = len(self.asked)
        if asked >= self.campaign.config.budget:
            return None
        room = asked - self.in_flight + self.refill  # answers at which there is room for so many
        if self.step == 0:
            return min(asked, max(math.ceil(asked / 4), room))
        if self.stalled >= MAX_STALLED:
            return self.told + 1 if self.told < asked else None
        return max(self.told, min(room, asked))

    def advance(self) -> None:
        """Go on until the next answer has come, or the next step has begun.

        Raises:
            RunFolderError: it was interrupted before; what is stored is whole, what is here is not.
            OracleError: no answer can be had.
        """
        if self._broken:
            raise RunFolderError(
                "this campaign was interrupted: close it, and go on with Campaign.resume(folder) or molvae resume"
            )
        self._broken = True
        self._go_on()
        self._broken = False

    def _go_on(self) -> None:
        target = self._target
        known = self.campaign.oracle.calls
        self._collect(block=known < (len(self.asked) if target is None else target))
        if target is None and self.campaign.oracle.calls == len(self.asked):
            self._tell(len(self.asked))
            self.campaign.store.record_step(self.step, self.campaign.strategy.state(), self._seconds())
            self._complete = True
        elif target is not None and self.campaign.oracle.calls >= target:
            self._begin_step(target)

    # --- answers ------------------------------------------------------------------------------------------------

    def _collect(self, block: bool) -> None:
        """Store what has come, wait for it if need be, and keep the workers busy."""
        self._fill()
        if not self._running:
            return
        done = set(self.campaign.scorer.done(list(self._running), block))
        problem: OracleError | None = None
        for future in [future for future in self._running if future in done]:
            item = self._running.pop(future)
            try:
                answer = self.campaign.scorer.read(item.identity, future)
            except OracleError as error:
                problem = error  # what came beside it is paid for, and kept
                continue
            step, record = self.asked[item]
            origin = "start" if record is None else self.campaign.config.chosen_strategy
            self.campaign.oracle.take(item, answer, origin, step)
        if problem is not None:
            raise problem
        self._fill()

    def _fill(self) -> None:
        # a scorer that works at once has an answer now: it is stored before another one is paid
        while self._waiting and len(self._running) < self.in_flight and not any(each.done() for each in self._running):
            item = self._waiting.popleft()
            self._running[self.campaign.scorer.submit(item.identity)] = item

    # --- steps --------------------------------------------------------------------------------------------------

    def _begin_step(self, target: int) -> None:
        campaign = self.campaign
        self._tell(target)
        state, closed = campaign.strategy.state(), self.step
        self.step += 1
        room = min(self.in_flight - (len(self.asked) - self.told), campaign.config.budget - len(self.asked))
        pending = self._pending_then()
        suggestions = self._propose(room, pending)
        batch = campaign.batches.choose(suggestions, room, [each.item for each in pending])
        items = {each.item.identity: each.item for row in suggestions for each in row.candidates}
        campaign.store.record_turn(closed, state, self._seconds(), batch, room, self.told)
        self._take_batch(batch, items)

    def _propose(self, count: int, pending: Sequence[Pending]) -> list[Suggestion]:
        """What the strategy proposes; as if nothing had been answered but what it has been told."""
        campaign = self.campaign
        if isinstance(campaign.strategy, KeepsAway):
            campaign.strategy.keep_away(pending)
        if (fitting := campaign.space.fitting) is not None:
            campaign.space.parents = self._parents(fitting.built_on)
        return campaign.strategy.propose(count * campaign.batches.oversampling, self.step, self._judge)

    def _judge(self, item: Any) -> bool:
        return item not in self.asked and self.campaign.verdict(item)[0] == "valid"

    def _pending_then(self) -> list[Pending]:
        """What was asked for and is not among the answers that the strategy knows."""
        return [
            Pending(item, None if record is None or self._moving else record.z)
            for item, (_, record) in self.asked.items()
            if not self.campaign.oracle.answered(item, self.told)
        ]

    def _parents(self, count: int) -> list[Any]:
        sign = self.campaign.oracle.sign
        known = [answer for answer in self.campaign.oracle.answers()[: self.told] if answer.score is not None]
        best = sorted(known, key=lambda answer: (-sign * (answer.score or 0.0), answer.call))
        return [self.campaign.item_of(answer.identity) for answer in best[:count]]

    def _take_batch(self, batch: Sequence[CandidateRecord], items: dict[str, Any]) -> None:
        """What is valid of a batch is asked for; the others are told with the next answers."""
        self._refused = []
        found = False
        for record in batch:
            if record.status == "valid":
                item = items.get(str(record.identity)) or self.campaign.item_of(str(record.identity))
                self._add(item, self.step, record)
                found = True
            else:
                self._refused.append(record)
        self.stalled = 0 if found else self.stalled + 1

    def _add(self, item: Any, step: int, record: CandidateRecord | None) -> None:
        self.asked[item] = step, record
        if item not in self.campaign.oracle:
            self._waiting.append(item)

    def _tell(self, target: int) -> None:
        """Tell the strategy the answers up to a call, and what became of the other candidates of the last step."""
        campaign = self.campaign
        answers = campaign.oracle.answers()[self.told : target]
        items = [campaign.item_of(answer.identity) for answer in answers]
        if self.step == 0:
            campaign.strategy.begin(items, np.array([campaign.oracle.utility(item) for item in items]))
        else:
            outcomes = [self._outcome(record, target) for record in self._refused]
            for item in items:
                record = self.asked[item][1]
                z = None if record is None or self._moving else record.z
                outcomes.append(Outcome(z, item, campaign.oracle.utility(item)))
            campaign.strategy.tell(outcomes)
        self._refused, self.told = [], target
        if items and self.stalled >= MAX_STALLED:
            self.stalled = MAX_STALLED - 1  # one more try with each answer

    def _outcome(self, record: CandidateRecord, calls: int) -> Outcome:
        """What became of a candidate that was refused, as it is known after so many calls."""
        if record.status in ("invalid", "filtered"):  # as infeasible as what decodes to nothing
            return Outcome(record.z, None, np.nan)
        item, oracle = self.campaign.item_of(str(record.identity)), self.campaign.oracle
        return Outcome(record.z, item, oracle.utility(item) if oracle.answered(item, calls) else np.nan)

    # --- a folder that was begun --------------------------------------------------------------------------------

    def _resume(self) -> None:
        """Bring the strategy to where the stored steps left it; what has no answer will be asked for again."""
        store = self.campaign.store
        closed = store.last_step()
        if closed is None:
            return
        step = 0
        while (request := store.request(step + 1)) is not None:
            room, told = request
            self._tell(told)
            self.step = step = step + 1
            batch = store.batch(step)
            if store.request(step + 1) is None and closed < step:
                self.campaign.strategy.load_state(store.last_state())
                self._propose(room, self._pending_then())  # which moves the strategy on to where it was
            self._take_batch(batch, {})
        if closed == step:
            self._tell(len(self.asked))
            self.campaign.strategy.load_state(store.last_state())
            self._complete = True

    def _seconds(self) -> float:
        began, self._began = self._began, time.monotonic()
        return self._began - began
