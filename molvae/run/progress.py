"""Progress is a callback: whoever starts long work says where its events go.

A function that may run for more than a few seconds takes ``progress: Progress`` and reports :class:`Event` objects,
most often through :func:`track`. :data:`on_stderr` shows them to a person, :func:`silent` drops them; a notebook or an
app passes a function of its own.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass
from html import escape
from typing import Any, TypeVar

Item = TypeVar("Item")
_REDRAWN = 0.2  # seconds between two pictures of a bar in a notebook


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


def _in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and type(ipython.get_ipython()).__name__ == "ZMQInteractiveShell"


class NotebookBars:
    """A bar for each piece of work that takes longer than a second, gone when it is over; milestones stay as lines."""

    def __init__(self) -> None:
        self._began: dict[str, float] = {}
        self._works: dict[str, Event] = {}
        self._lines: list[str] = []
        self._handle: Any = None
        self._last = 0.0

    def __call__(self, event: Event) -> None:
        now = time.monotonic()
        began = self._began.setdefault(event.what, now)
        if event.milestone:
            self._lines.append(f"{event.what}: {event.done:,}  {event.text}")
        if event.ended:
            del self._began[event.what]
            self._works.pop(event.what, None)
        elif now - began >= 1 or event.milestone:
            self._works[event.what] = event
        shown = self._handle is not None
        if (shown and (event.ended or now - self._last >= _REDRAWN)) or (not shown and (self._works or self._lines)):
            self._show()
            self._last = now
        if self._handle is not None and not self._began:
            self._handle, self._lines = None, []  # the next cell has an output of its own

    def _show(self) -> None:
        from IPython.display import HTML, display

        lines = "".join(f"<div>{escape(line)}</div>" for line in self._lines)
        page = HTML(lines + "".join(_bar(event) for event in self._works.values()))
        if self._handle is None:
            self._handle = display(page, display_id=True)
        else:
            self._handle.update(page)


def _bar(event: Event) -> str:
    size = f'value="{event.done}" max="{event.total}"' if event.total else ""
    of = f" of {event.total:,}" if event.total else ""
    return f"<div><progress {size}></progress> {escape(event.what)}: {event.done:,}{of} {escape(event.text)}</div>"


class Stderr:
    """Bars on a terminal and in a notebook; where stderr is a file or a pipe, a line every ``interval`` seconds."""

    def __init__(self, interval: float = 30.0) -> None:
        self.interval = interval
        self._last: dict[str, float] = {}
        self._notebook = NotebookBars()
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}

    def __call__(self, event: Event) -> None:
        if _in_notebook():
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
