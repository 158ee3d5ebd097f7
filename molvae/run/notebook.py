"""Progress in the output of a notebook's cell."""

import sys
import time
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from molvae.run.progress import Event

_INTERVAL = 0.2  # seconds between two pictures


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and type(ipython.get_ipython()).__name__ == "ZMQInteractiveShell"


class Bars:
    """A bar for each piece of work that takes longer than a second, gone when it is over; milestones stay as lines."""

    def __init__(self) -> None:
        self._began: dict[str, float] = {}
        self._works: dict[str, Event] = {}
        self._lines: list[str] = []
        self._handle: Any = None
        self._last = 0.0

    def __call__(self, event: "Event") -> None:
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
        if (shown and (event.ended or now - self._last >= _INTERVAL)) or (not shown and (self._works or self._lines)):
            self._show()
            self._last = now
        if shown and not self._began:
            self._handle, self._lines = None, []

    def _show(self) -> None:
        from IPython.display import HTML, display

        lines = "".join(f"<div>{escape(line)}</div>" for line in self._lines)
        page = HTML(lines + "".join(_bar(event) for event in self._works.values()))
        if self._handle is None:
            self._handle = display(page, display_id=True)
        else:
            self._handle.update(page)


def _bar(event: "Event") -> str:
    size = f'value="{event.done}" max="{event.total}"' if event.total else ""
    of = f" of {event.total:,}" if event.total else ""
    return f"<div><progress {size}></progress> {escape(event.what)}: {event.done:,}{of} {escape(event.text)}</div>"
