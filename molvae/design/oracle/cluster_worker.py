"""What runs on a worker of a cluster: the task, in a process of its own beside the worker.

So a task that crashes or hangs is ended there and fails alone, as on one machine (:mod:`molvae.design.oracle.workers`),
while the worker itself stays and its heartbeat goes on. Whoever asked is told in JSON; that answer is text, so nothing
that the code of a user has made is unpickled by the one who asked.
"""

import json
import threading
from collections.abc import Callable
from concurrent.futures import wait
from typing import Any

from molvae.design.oracle.failures import TaskFailed
from molvae.design.oracle.workers import WorkerPool, write_call
from molvae.errors import OracleError
from molvae.version import __version__

ANSWER, FAILED, SETUP, READY = "answer", "failed", "setup", "ready"
"""How a task ended: with a value, with a reason that lies in the candidate, this worker cannot work, it can."""
_here = threading.local()  # each thread of a worker has a process of its own, so that one task can be broken off


def run_here(
    version: str,
    initializer: Callable[[], object],
    timeout: float | None,
    startup_timeout: float,
    function: Callable[..., Any] | None,
    arguments: tuple[Any, ...],
) -> str:
    """Run a task, or only set up what runs it; called by dask on a worker.

    Args:
        version: of molvae, where it was asked for.
        initializer: see :class:`~molvae.design.oracle.workers.WorkerPool`, as the two times, in seconds.
        timeout: of the task.
        startup_timeout: of a new process.
        function: of the task; None: only set up.
        arguments: of the function.

    Returns:
        JSON ``[how it ended, value or reason, seconds]``.
    """
    if version != __version__:
        return json.dumps((SETUP, f"it has molvae {__version__}, and {version} is asking: install the same", 0.0))
    try:
        pool = _pool(initializer, timeout, startup_timeout)
        if function is None:
            return json.dumps((READY, None, 0.0))
        future = pool.submit(function, *arguments)
        while not wait([future], 0.5).done:
            if _is_abandoned():
                _drop()
                return json.dumps((FAILED, "nobody waits for it", 0.0))
        return json.dumps((ANSWER, future.result(), 0.0))
    except TaskFailed as failure:
        return json.dumps((FAILED, str(failure), failure.seconds))
    except OracleError as error:
        return json.dumps((SETUP, str(error), 0.0))


def _pool(initializer: Callable[[], object], timeout: float | None, startup_timeout: float) -> WorkerPool:
    """That of this thread; a thread serves one campaign after another, and keeps the process of the last."""
    setup = (write_call(initializer), timeout, startup_timeout)
    if getattr(_here, "setup", None) != setup:
        _drop()
        _here.pool = WorkerPool(1, timeout, initializer, startup_timeout)
        _here.setup = setup
    pool: WorkerPool = _here.pool
    return pool


def _drop() -> None:
    """End the process of this thread, with its task."""
    pool, _here.pool, _here.setup = getattr(_here, "pool", None), None, None
    if pool is not None:
        pool.shutdown(cancel_futures=True)


def _is_abandoned() -> bool:
    """Whether the scheduler has taken the task back, as it does when whoever asked has gone or given it up."""
    from distributed import get_worker

    worker = get_worker()
    task = worker.state.tasks.get(worker.get_current_task())
    return task is None or task.state == "cancelled"
