"""Progress is a callback: whoever starts long work says where its events go.

A function that may run for more than a few seconds takes ``progress: Progress`` and reports :class:`Event` objects,
most often through :func:`track`. :data:`on_stderr` shows them to a person, :func:`silent` drops them; a notebook or an
app passes a function of its own.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass
from typing import Any, TypeVar

from molvae.run.notebook import Bars, in_notebook

Item = TypeVar("Item")


@dataclass(frozen=True)
class Event:
    """Where a piece of work stands.

    Attributes:
        what: names the work; events of the same work have the same name.
        done: items finished.
        total: items in all, or None if that is not known.
        text: what is worth reading beside the numbers.
        milestone: worth a line of its own, however soon after the last one.
        ended: the work is over, finished or not.
    """

    what: str
    done: int = 0
    total: int | None = None
    text: str = ""
    milestone: bool = False
    ended: bool = False


Progress = Callable[[Event], None]


def silent(event: Event) -> None:
    """Show nothing."""


class Stderr:
    """Bars on a terminal and in a notebook; where stderr is a file or a pipe, a line every ``interval`` seconds."""

    def __init__(self, interval: float = 30.0) -> None:
        self.interval = interval
        self._last: dict[str, float] = {}
        self._notebook = Bars()
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}

    def __call__(self, event: Event) -> None:
        if in_notebook():
            self._notebook(event)
        elif sys.stderr.isatty():
            self._draw(event)
        else:
            self._log(event)

    def _log(self, event: Event) -> None:
        now = time.monotonic()
        last = self._last.setdefault(event.what, now)
        if event.milestone or (now - last > self.interval and not event.ended):
            self._last[event.what] = now
            print(self._line(event), file=sys.stderr, flush=True)
        if event.ended:
            del self._last[event.what]

    @staticmethod
    def _line(event: Event) -> str:
        of = f" of {event.total}" if event.total else ""
        return f"{event.what}: {event.done}{of}" + (f"  {event.text}" if event.text else "")

    def _draw(self, event: Event) -> None:
        now = time.monotonic()
        began = self._last.setdefault(event.what, now)
        if event.ended:
            del self._last[event.what]
        if event.what not in self._tasks and (event.ended or now - began < 1) and not event.milestone:
            return  # over before a bar would be seen
        if self._bars is None:
            # imported late, with the first bar
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            text = TextColumn("{task.fields[text]}", markup=False)
            columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
            self._bars = Progress(
                *columns, TimeRemainingColumn(), text, console=Console(stderr=True, markup=False), transient=True
            )
            self._bars.start()
        if event.what not in self._tasks:
            self._tasks[event.what] = self._bars.add_task(event.what, total=event.total, text="")
        short = "" if event.milestone else event.text
        self._bars.update(self._tasks[event.what], completed=event.done, total=event.total, text=short)
        if event.milestone:
            self._bars.console.print(self._line(event), highlight=False)
        if event.ended:
            self._bars.remove_task(self._tasks.pop(event.what))
            if not self._tasks:
                self._bars.stop()
                self._bars = None


on_stderr = Stderr()
"""The one that shows progress unless another is asked for."""


def track(
    iterable: Iterable[Item], what: str, total: int | None = None, progress: Progress = on_stderr
) -> Iterator[Item]:
    """Yield from ``iterable`` and report how far it has come.

    Args:
        iterable: what to go through.
        what: names the work.
        total: number of items, if ``iterable`` cannot tell.
        progress: told before the first item, after each, and at the end.
    """
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    done = 0
    progress(Event(what, done, total))
    try:
        for item in iterable:
            yield item
            done += 1
            progress(Event(what, done, total))
    finally:
        progress(Event(what, done, total, ended=True))
