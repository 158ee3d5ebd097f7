"""Progress on stderr for everything that takes longer than a few seconds; silent when stderr is not a terminal."""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

Item = TypeVar("Item")


def track(iterable: Iterable[Item], description: str, total: int | None = None, quiet: bool = False) -> Iterator[Item]:
    """Yield from ``iterable`` and show how far it has come.

    On a terminal this is a progress bar. Where stderr is a file or a pipe (a batch job), it is one plain line
    every 30 seconds, so that a log shows that the job lives without filling up.

    Args:
        iterable: what to go through.
        description: the text beside the bar.
        total: number of items, if ``iterable`` cannot tell.
        quiet: show nothing.
    """
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    if quiet:
        yield from iterable
    elif sys.stderr.isatty():
        # rich is imported late: most commands finish before a bar would be seen
        from rich.console import Console
        from rich.progress import track as rich_track

        yield from rich_track(iterable, description, total=total, console=Console(stderr=True), transient=True)
    else:
        yield from _log_lines(iterable, description, total)


def _log_lines(iterable: Iterable[Item], description: str, total: int | None) -> Iterator[Item]:
    last = time.monotonic()
    for count, item in enumerate(iterable, start=1):
        yield item
        if time.monotonic() - last > 30:
            last = time.monotonic()
            print(f"{description}: {count}{f' of {total}' if total else ''}", file=sys.stderr, flush=True)
