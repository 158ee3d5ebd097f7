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


@app.command()
def screen(
    model: Annotated[Path, typer.Argument(help="Folder of 'molvae fit'.")],
    input: Annotated[
        list[Path], typer.Option("-i", "--input", help="Table of 'molvae predict', a shard, or a folder of shards.")
    ],
    output: options.Output = None,
    count: Annotated[int, typer.Option("-k", "--count", min=1, help="Molecules to take.")] = 100,
    acquisition: Annotated[str, typer.Option(help="ucb, ei or mean.")] = "ucb",
    beta: Annotated[float, typer.Option(help="Of ucb: standard deviations of credit.")] = 1.0,
    direction: Annotated[str, typer.Option(help="max or min of the target.")] = "max",
    pool: Annotated[int, typer.Option(min=1, help="Best molecules among which diverse ones are looked for.")] = 20_000,
    in_domain: Annotated[bool, typer.Option("--in-domain", help="Only inside the model's domain.")] = False,
    per_scaffold: options.PerScaffold = None,
    per_cluster: options.PerCluster = 1,
    cluster_similarity: options.ClusterSimilarity = None,
    quiet: options.Quiet = False,
) -> None:
    """Take the best of a predicted library. By an acquisition, and not too many of one kind."""
    from molvae.activity.model import ActivityModel
    from molvae.experiments.screening import ScreeningConfig
    from molvae.experiments.screening import screen as screen_library
    from molvae.run.shards import complete_run, find_shards

    fitted = ActivityModel.load(model, "cpu")
    best = float(fitted.y_.max() if direction == "max" else fitted.y_.min())
    values = {"target": fitted.target, "best": best, "acquisition": acquisition, "beta": beta, "direction": direction}
    values |= {"count": count, "pool": pool, "in_domain": in_domain}
    values |= options.diversity_given(per_scaffold, per_cluster, cluster_similarity)
    folders = any(path.is_dir() for path in input)
    paths = complete_run(find_shards(input))[0] if folders else find_shards(input)
    table = screen_library(paths, ScreeningConfig.create(values), options.progress_of(quiet))
    options.write(table, output)
    if len(table) < count:
        print(f"only {len(table)} of {count}: the {pool} best hold no more that differ (--pool)", file=sys.stderr)
