"""How a command that takes rows and gives rows is run: whole, or one shard of it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from molvae.cli import options

if TYPE_CHECKING:
    from molvae.experiments.verbs import Verb
    from molvae.run.shards import Shard

app = options.new_app()

ShardOption = Annotated[
    str | None,
    typer.Option("--shard", help="Make only this part, such as 3/100; its number goes into the name of the file."),
]


def run(
    verb: "Verb", output: Path | None, shard: str | None, device: str = "auto", workers: int = 0, quiet: bool = True
) -> None:
    """Make the rows; say where they are and how many were refused, and fail if none was any good."""
    from molvae.experiments.tables import execute
    from molvae.experiments.verbs import Machine

    part = part_of(shard)
    progress = options.progress_of(quiet)
    done = execute(verb, output, part, Machine(device, workers, progress), progress)
    if done.path is not None:
        there = " (was there already)" if done.already_there else ""
        print(f"{done.rows} rows: {done.path}{there}", file=sys.stderr)
    if done.refused:
        print(f"{done.refused} of {done.rows} rows were refused; the reason stands in each", file=sys.stderr)
    if done.refused == done.rows and part is None:
        raise typer.Exit(1)


def part_of(shard: str | None) -> "Shard | None":
    """The shard that an option names."""
    from molvae.run.shards import Shard

    return None if shard is None else Shard.parse(shard)


@app.command()
def merge(
    shards: Annotated[list[Path], typer.Argument(help="Files of shards, or the folder that they lie in.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where the result goes; a file of the same kind.")],
    quiet: options.Quiet = False,
) -> None:
    """Join the shards of one run. Each must be there, whole, and of the same run."""
    from molvae.experiments.tables import merge as merge_shards
    from molvae.run.shards import find_shards

    done = merge_shards(find_shards(shards), output, options.progress_of(quiet))
    print(f"{done.rows} rows: {done.path}", file=sys.stderr)
    if done.refused:
        print(f"{done.refused} of {done.rows} rows were refused; the reason stands in each", file=sys.stderr)
