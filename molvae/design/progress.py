"""What a running campaign shows on stderr: calls, best molecule, and what became of the proposals."""

import sys
import time
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from molvae.design.campaign import Campaign


class CampaignProgress:
    """A bar on a terminal, plain lines in a log; a context manager.

    Args:
        campaign: the campaign to watch.
        quiet: show nothing.
    """

    def __init__(self, campaign: "Campaign", quiet: bool) -> None:
        self.campaign, self.quiet = campaign, quiet
        self.bar: Any = None
        self.last_line = 0.0

    def __enter__(self) -> Self:
        if not self.quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self.bar = Progress(
                TextColumn("{task.fields[name]}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("calls"),
                TimeRemainingColumn(),
                TextColumn("best {task.fields[best]}"),
                console=Console(stderr=True),
                transient=True,
            )
            self.bar.start()
            config = self.campaign.config
            self.task = self.bar.add_task("", total=config.budget, name=config.strategy, best="-")
        return self

    def update(self) -> None:
        """Show where the campaign stands."""
        if self.quiet:
            return
        calls, budget = self.campaign.oracle.calls, self.campaign.config.budget
        best = self.campaign.best
        text = "-" if best is None else f"{best['score']:.4f}"
        if self.bar is not None:
            self.bar.update(self.task, completed=calls, best=text)
        elif time.monotonic() - self.last_line > 5 or self.campaign.finished:
            self.last_line = time.monotonic()
            name = self.campaign.config.strategy
            molecule = "" if best is None else f"  {best['smiles']}"
            print(f"{name}: {calls} of {budget} calls, best {text}{molecule}", file=sys.stderr, flush=True)

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()
