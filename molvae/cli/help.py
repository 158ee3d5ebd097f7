"""What ``--help`` shows beside the options: commands in groups, and an example at the end of each command's help.

A command names its group and its example itself (``rich_help_panel`` and ``epilog`` of its decorator), or stands here.
"""

from collections.abc import Iterator

import typer
from typer.core import TyperGroup
from typer.models import CommandInfo, TyperInfo

GROUPS = {
    "Design": "design resume report run benchmark app",
    "Laboratory": "suggest tell fit predict",
    "Molecules": "score validate encode decode sample interpolate screen merge",
    "Models": "train evaluate",
    "Data": "data list",
    "Images": "images",
}
"""Heading -> its commands, in the order in which they are shown."""

EXAMPLES = {
    "design": 'molvae design -i mine.csv --objective "5*QED - SAS" --budget 500 -o runs/first',
    "resume": "molvae resume runs/first",
    "report": "molvae report runs/first",
    "run": "molvae run recipe.toml -o runs/recipe",
    "benchmark": "molvae benchmark pipelines/qed_sas.toml -n 2 -o runs/qed_sas",
    "app": "molvae app runs --port 8600 --no-browser",
    "suggest": "molvae suggest lab -k 10 -i mine.csv -o plate.csv",
    "tell": "molvae tell lab results.csv",
    "fit": "molvae fit assay.csv --target pIC50 -o runs/activity",
    "predict": "molvae predict runs/activity -i mine.csv -o predicted.csv",
    "score": 'molvae score -i mine.csv --objective "5*QED - SAS" -o scored.csv',
    "validate": 'molvae validate -i mine.csv --forbid "[N+](=O)[O-]" -o judged.csv',
    "encode": "molvae encode -i mine.csv -o z.csv",
    "decode": "molvae decode -i z.csv -o decoded.csv",
    "sample": "molvae sample -k 1000 -o sampled.csv",
    "interpolate": 'molvae interpolate "CC(=O)Oc1ccccc1C(=O)O" "Cn1c(=O)c2c(ncn2C)n(C)c1=O" --steps 12 -o path.csv',
    "screen": "molvae screen runs/activity -i predicted.csv -k 24 -o plate.csv",
    "merge": "molvae merge shards -o scored.csv",
    "train": "molvae train -i mine.csv --from zinc250k --epochs 2 -o runs/mine",
    "evaluate": "molvae evaluate runs/mine -i mine.csv -o runs/evaluation",
    "list": "molvae list strategies",
    "data fetch": "molvae data fetch mnist --mirror downloads",
    "data prepare": "molvae data prepare mine.csv",
    "images train": "molvae images train --data digits --epochs 60 -o runs/digits",
    "images evaluate": "molvae images evaluate runs/digits --nll-images 100 -o runs/bounds",
    "images sample": "molvae images sample runs/digits -k 100 -o samples.png",
    "images interpolate": "molvae images interpolate runs/digits 3 2 1 18 -o path.png",
    "images manifold": "molvae images manifold runs/plane --side 20 -o manifold.png",
    "images traverse": "molvae images traverse runs/digits 3 -o traversals.png",
    "images scenes": "molvae images scenes --data tetrominoes -o scenes.png",
}
"""Command -> a line that works; ``tests/cli/test_help.py`` runs them."""


class Grouped(TyperGroup):
    """A group that lists its commands under headings, if they have any."""

    def format_commands(self, ctx, formatter):  # type: ignore[no-untyped-def]  # typer keeps its own copy of click
        """Write one section for each heading, the commands in the order of :data:`GROUPS`."""
        commands = {name: command for name, command in self.commands.items() if not command.hidden}
        sections: dict[str, list[str]] = {heading: [] for heading in GROUPS}
        for name, command in commands.items():
            sections.setdefault(getattr(command, "rich_help_panel", None) or "Commands", []).append(name)
        width = max(len(name) for name in commands)  # the descriptions of all sections begin in one column
        for heading, names in sections.items():
            order = GROUPS.get(heading, "").split()
            names.sort(key=lambda name: order.index(name) if name in order else len(order))
            rows = [(f"{name:{width}}", commands[name].get_short_help_str(formatter.width)) for name in names]
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)


def complete_help(app: typer.Typer) -> None:
    """Give each command of an application, and of its groups, its heading and its example."""
    headings = {name: heading for heading, names in GROUPS.items() for name in names.split()}
    top: list[CommandInfo | TyperInfo] = [*app.registered_commands, *app.registered_groups]
    for command in top:
        if not isinstance(command.rich_help_panel, str):  # typer has an object for what was not given
            command.rich_help_panel = headings.get(name_of(command))
    for path, each in commands(app):
        if path in EXAMPLES and not each.epilog:
            each.epilog = f"Example:\n\n\b\n  {EXAMPLES[path]}"  # \b: not to be wrapped, so that it can be copied


def commands(app: typer.Typer, path: str = "") -> Iterator[tuple[str, CommandInfo]]:
    """Every command of an application and of its groups, ``images train``."""
    for command in app.registered_commands:
        yield path + name_of(command), command
    for group in app.registered_groups:
        if group.typer_instance is not None:
            yield from commands(group.typer_instance, f"{path}{name_of(group)} ")


def name_of(command: CommandInfo | TyperInfo) -> str:
    """As it is typed."""
    return str(command.name or getattr(command.callback, "__name__", ""))
