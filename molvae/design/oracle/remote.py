"""Scorers whose tasks run elsewhere: on the workers of a cluster, or in any :class:`concurrent.futures.Executor`.

What is sent is an :class:`~molvae.design.oracle.tasks.OracleTask`; the objective over what comes back is computed here.
"""

import functools
import os
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import replace
from typing import Any

from molvae.design.objective import Objective
from molvae.design.oracle.cluster import Cluster
from molvae.design.oracle.failures import TaskFailed, describe_exception
from molvae.design.oracle.named import NamedOracle
from molvae.design.oracle.scorers import STARTUP, ExecutorScorer, NamedScorer
from molvae.design.oracle.tasks import OracleTask, Values, prepare_task
from molvae.errors import OracleError

Place = Cluster | Executor
"""Where tasks run."""
MANY = 100_000
"""Tasks that such a place is given at a time: it has a queue of its own."""


def opener(task: OracleTask, place: Place, timeout: float | None, startup_timeout: float) -> Callable[[], Executor]:
    """What makes the executor of a task in a place."""
    if isinstance(place, Cluster):
        prepare = functools.partial(prepare_task, task.to_json())
        return functools.partial(place.open_pool, prepare, timeout, startup_timeout)
    return functools.partial(Lent, place)


def function_at(task: OracleTask, place: Place) -> Callable[[str], Values]:
    """What is called there; processes of an executor that is not ours have not been prepared for the task."""
    return task.prepared if isinstance(place, Cluster) else task.whole


class RemoteScorer(ExecutorScorer):
    """A function, a program or a formula elsewhere.

    Args:
        task: what is computed there.
        objective: optional formula over what it answers with.
        place: where.
        timeout: seconds for one candidate, or None; an executor that is not ours knows no time limit.

    Raises:
        OracleError: the task cannot be set up there.
    """

    def __init__(self, task: OracleTask, objective: Objective | None, place: Place, timeout: float | None) -> None:
        try:
            super().__init__(
                function_at(task, place),
                objective,
                opener(task, place, timeout, 120.0),
                MANY,
            )
        except OracleError as error:
            raise OracleError(f"oracle {task.oracle or task.objective!r}: {error}") from None


class RemoteNamedScorer(NamedScorer):
    """An oracle of the package elsewhere.

    Args:
        oracle: it, for its names, facts and pictures.
        task: the same, as it is sent.
        objective: optional formula over what it answers with.
        place: where.
        timeout: seconds for one candidate, or None.

    Raises:
        ConfigError: the objective names what nobody knows.
        OracleError: the oracle cannot be set up there.
    """

    def __init__(
        self, oracle: NamedOracle, task: OracleTask, objective: Objective | None, place: Place, timeout: float | None
    ) -> None:
        self._place = place
        open_executor, function = opener(task, place, timeout, STARTUP), function_at(task, place)
        super().__init__(oracle, task, objective, MANY, timeout, open_executor, function)

    def full(self) -> "RemoteNamedScorer":
        task, objective, _, timeout = self._sent
        return RemoteNamedScorer(self.oracle.full(), replace(task, full=True), objective, self._place, timeout)


class Lent(Executor):
    """An executor of the user: what a task does wrong is its own failure, and the executor is not shut down.

    It knows neither time limits nor what to do about a lost worker; one that breaks ends the campaign, which goes on
    from its folder.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._running: set[Future[Any]] = set()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        try:
            inner = self._executor.submit(fn, *args, **kwargs)
        except RuntimeError as error:  # broken, or shut down
            raise OracleError(f"the executor takes no task: {describe_exception(error)}") from None
        outer: Future[Any] = Future()
        self._running.add(inner)
        inner.add_done_callback(functools.partial(self._pass_on, outer))
        return outer

    def _pass_on(self, outer: Future[Any], inner: Future[Any]) -> None:
        self._running.discard(inner)
        if not outer.set_running_or_notify_cancel():
            return
        # whoever cancelled it, it is no answer: the molecule is asked for again when the campaign goes on
        error = OracleError("the executor cancelled a task") if inner.cancelled() else inner.exception()
        if error is None:
            outer.set_result(inner.result())
        elif isinstance(error, BrokenExecutor):
            outer.set_exception(OracleError(f"the executor is broken: {describe_exception(error)}"))
        elif isinstance(error, TaskFailed | OracleError):
            outer.set_exception(error)
        else:
            outer.set_exception(TaskFailed(describe_exception(error)))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        if cancel_futures:
            for future in list(self._running):
                future.cancel()


def task_of(
    oracle: str | None, settings: dict[str, Any] | None, objective: Objective | None, also: tuple[str, ...]
) -> OracleTask:
    """The task of a campaign.

    Args:
        oracle: as in its settings.
        settings: of the oracle.
        objective: its formula; of a domain, if it is all there is.
        also: properties to report beside those of the formula.
    """
    if oracle is not None:
        return OracleTask(oracle.strip(), settings, alone=objective is None, folder=os.getcwd())
    assert objective is not None
    return OracleTask.of_formula(objective, also)
