"""Work side by side whose results come in order, with few pieces on the way at any time."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def map_in_order(
    work: Callable[[Item], Made], items: Iterable[Item], executor: Executor | None = None, ahead: int = 1
) -> Iterator[Made]:
    """``map``, by an executor if there is one; it is given at most ``ahead`` items whose results were not yet taken.

    ``Executor.map`` would read all items before it gives the first result.
    """
    if executor is None:
        yield from map(work, items)
        return
    waiting: deque[Future[Made]] = deque()
    for item in items:
        waiting.append(executor.submit(work, item))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


@contextmanager
def processes(workers: int) -> Iterator[Executor | None]:
    """So many processes, or None for a single one."""
    if workers <= 1:
        yield None
        return
    # spawn: a process that holds torch's threads must not be forked
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield pool
