"""Workers on a simulated clock: how busy a search would keep them, and what it would find, without waiting for anyone.

The scores are real; what each of them takes is made up, and no second of it passes. The time that the search itself
takes is no part of the clock.
"""

import heapq
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from typing import Any

from molvae.design.oracle.scorers import Answer, Answers, Scorer


class SimulatedScorer(Scorer):
    """Scores as another scorer does, on so many workers.

        scorer = SimulatedScorer(CallableScorer(function), workers=64, seconds=lambda smiles: 30.0)
        Campaign(model, oracle=scorer, in_flight=64).run()

    Args:
        scorer: gives the answers.
        workers: molecules scored side by side; a further one waits until a worker is free.
        seconds: what a molecule takes, on the clock.

    Attributes:
        clock: seconds since the beginning.
        busy: seconds that workers have worked, and will work on what they have.
        last_begun: when the last molecule was begun.
        most: molecules under way or waiting for a worker, at most.
    """

    def __init__(self, scorer: Scorer, workers: int, seconds: Callable[[str], float]) -> None:
        self.clock = self.busy = self.last_begun = 0.0
        self.workers, self.most = workers, 0
        self._scorer, self._seconds = scorer, seconds
        self._free = [0.0] * workers  # when each worker is free
        self._coming: list[tuple[float, int, Future[Any], str]] = []
        self._begun = 0

    def submit(self, smiles: str) -> "Future[Any]":
        seconds = self._seconds(smiles)
        begins = max(self.clock, heapq.heappop(self._free))
        heapq.heappush(self._free, begins + seconds)
        future: Future[Any] = Future()
        self._begun += 1
        heapq.heappush(self._coming, (begins + seconds, self._begun, future, smiles))
        self.busy, self.last_begun = self.busy + seconds, max(self.last_begun, begins)
        self.most = max(self.most, len(self._coming))
        return future

    def done(self, futures: "Collection[Future[Any]]", block: bool) -> "list[Future[Any]]":
        if block and self._coming and not any(future.done() for future in futures):
            self.clock = max(self.clock, self._coming[0][0])
        while self._coming and self._coming[0][0] <= self.clock:
            _, _, future, smiles = heapq.heappop(self._coming)
            future.set_result(self._scorer.score([smiles])[0])
        return [future for future in futures if future.done()]

    def stream(self, smiles: Sequence[str]) -> Answers:
        running = {self.submit(text): index for index, text in enumerate(smiles)}
        while running:
            for future in self.done(list(running), block=True):
                answer: Answer = future.result()
                yield running.pop(future), answer

    def used(self, until: float | None = None) -> float:
        """Share of the workers' time that they worked, of all until the clock, or until an earlier time.

        Args:
            until: such as :attr:`last_begun`, after which there was nothing more to ask for.
        """
        end = self.clock if until is None else until
        beyond = sum(max(0.0, free - end) for free in self._free)  # of each worker only its last molecule can be
        return (self.busy - beyond) / (self.workers * end) if end else 1.0

    def close(self) -> None:
        self._scorer.close()
