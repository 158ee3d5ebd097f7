"""How a command that takes rows and gives rows is run: whole, one shard of it, or all shards on a cluster."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from molvae.cli import options
from molvae.errors import ConfigError

if TYPE_CHECKING:
    from molvae.experiments.tables import Outcome
    from molvae.experiments.verbs import Verb
    from molvae.run.progress import Progress
    from molvae.run.shards import Shard

app = options.new_app()

ShardOption = Annotated[
    str | None,
    typer.Option("--shard", help="Make only this part, such as 3/100; its number goes into the name of the file."),
]


ShardsOption = Annotated[
    int | None, typer.Option("--shards", min=1, help="With --cluster: how many parts; default: of 10,000 rows each.")
]
ClusterOption = Annotated[
    str | None,
    typer.Option("--cluster", help="Work there, in shards: tcp://HOST:8786 (dask), local:8, or slurm:FILE.toml."),
]


@dataclass(frozen=True)
class Where:
    """Which part of the rows is made, and where."""

    shard: str | None = None
    cluster: str | None = None
    shards: int | None = None


def run(
    verb: "Verb", output: Path | None, where: Where, device: str = "auto", workers: int = 0, quiet: bool = True
) -> None:
    """Make the rows; say where they are and how many were refused, and fail if none was any good."""
    from molvae.experiments.tables import execute
    from molvae.experiments.verbs import Machine

    part = part_of(where.shard)
    progress = options.progress_of(quiet)
    if where.cluster is not None:
        done = _on_cluster(verb, output, where, device, workers, progress)
    elif where.shards is not None:
        raise ConfigError("--shards says into how many parts the rows are cut on a cluster: give --cluster, or --shard")
    else:
        done = execute(verb, output, part, Machine(device, workers, progress), progress)
    if done.path is not None:
        there = " (was there already)" if done.already_there else ""
        print(f"{done.rows} rows: {done.path}{there}", file=sys.stderr)
    if done.refused:
        print(f"{done.refused} of {done.rows} rows were refused; the reason stands in each", file=sys.stderr)
    if done.refused == done.rows and part is None:
        raise typer.Exit(1)


def _on_cluster(
    verb: "Verb", output: Path | None, where: Where, device: str, workers: int, progress: "Progress"
) -> "Outcome":
    from molvae.experiments.sharded import run_on_cluster

    assert where.cluster is not None
    if where.shard is not None:
        raise ConfigError("--shard makes one part here; --cluster makes all parts there: give one of the two")
    if workers:
        raise ConfigError("-n is for processes on this machine; with --cluster, the cluster says how many workers work")
    if output is None:
        raise ConfigError("on a cluster the rows go to a file (-o), on a disk that all workers see")
    return run_on_cluster(verb, output, where.cluster, where.shards, device, progress)


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
