"""Options and endings that the commands share: how a recipe is executed, and how a table is read and written."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from molvae.cli import complete
from molvae.cli.help import Grouped
from molvae.cli.launched import as_one
from molvae.errors import ConfigError
from molvae.run.progress import Progress, on_stderr, silent

if TYPE_CHECKING:
    import pandas as pd

    from molvae.run.recipe import Recipe


Input = Annotated[
    Path | None, typer.Option("-i", "--input", help="Molecules: .smi, .csv, .csv.gz, .tsv, .sdf, .parquet.")
]
Data = Annotated[
    str | None,
    typer.Option(
        "-i", "--input", help="Data set name (zinc250k) or molecule file.", autocompletion=complete.data_or_files
    ),
]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="Where the result goes (default: stdout).")]
RunFolder = Annotated[
    Path | None,
    typer.Option("-o", "--output", help="Run folder (default: runs/KIND-DATE-TIME); the same again: go on."),
]
Column = Annotated[
    str | None, typer.Option("--smiles-column", help="Column that holds the SMILES, or the sequences of proteins.")
]
Model = Annotated[
    str, typer.Option("-m", "--model", help="A shipped model or a model folder.", autocompletion=complete.models)
]
ModelOfRun = Annotated[
    str | None,
    typer.Option(
        "-m",
        "--model",
        help="Another model than the recipe's.",
        autocompletion=complete.models,
    ),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, ...")]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**63 - 1, help="Seed of everything random.")]
SeedOfRun = Annotated[int | None, typer.Option("--seed", min=0, max=2**63 - 1, help="Seed of everything random (0).")]
Workers = Annotated[
    int, typer.Option("-n", "--num-workers", min=0, max=1024, help="Processes side by side; 0: as many as pay.")
]
ClusterOption = Annotated[
    str | None,
    typer.Option("--cluster", help="Oracles run there: tcp://HOST:8786 (dask), local:8, or slurm:FILE.toml."),
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="No progress on stderr.")]
Mirror = Annotated[Path | None, typer.Option("--mirror", help="Read data sets from this folder, not from the net.")]
Tensorboard = Annotated[bool, typer.Option("--tensorboard", help="Also write TensorBoard events.")]
Epochs = Annotated[int | None, typer.Option(min=1, max=1_000_000, help="Passes over the data.")]
MaxMolecules = Annotated[int | None, typer.Option(min=1, help="Use only the first molecules of the data.")]
Require = Annotated[list[str] | None, typer.Option(help="SMARTS that every molecule must contain.")]
Forbid = Annotated[list[str] | None, typer.Option(help="SMARTS that no molecule may contain.")]

PerScaffold = Annotated[
    int | None, typer.Option("--per-scaffold", min=1, help="Molecules of one Murcko scaffold in a batch, at most.")
]
PerCluster = Annotated[
    int | None,
    typer.Option("--per-cluster", min=1, help="Molecules of one cluster of similar ones in a batch, at most."),
]
ClusterSimilarity = Annotated[
    float | None, typer.Option("--cluster-similarity", help="Tanimoto from which molecules are one cluster (0.5).")
]

Lead = Annotated[str | None, typer.Option(help="SMILES of a lead, or a drug's name: search around it.")]
MinSimilarity = Annotated[
    float | None, typer.Option(help="Least Tanimoto similarity to the lead, Morgan radius 2 (0.4).")
]
ScaffoldToKeep = Annotated[
    str | None, typer.Option("--scaffold", help="SMILES to keep, grown at its marks only: 'c1ccc([*:1])cc1[*:2]'.")
]


def new_app(help: str | None = None, completion: bool = False) -> typer.Typer:
    """A group of commands that lets errors through to :func:`molvae.cli.main`."""
    return typer.Typer(
        help=help,
        cls=Grouped,
        no_args_is_help=True,
        add_completion=completion,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )


def execute(
    recipe: "Recipe",
    output: Path | None,
    device: str = "auto",
    workers: int = 0,
    mirror: Path | None = None,
    quiet: bool = False,
    tensorboard: bool = False,
    cluster: str | None = None,
) -> None:
    """Execute a recipe, print its main numbers and where everything lies, and build the report."""
    from molvae.run.folder import CONFIG, new_run_name
    from molvae.run.recipe import Context

    if output is not None and output.exists() and not output.is_dir():
        raise ConfigError(f"{output} is a file: a run needs a folder (-o)")
    folder = output or new_run_name(recipe.kind)
    context = Context(folder, device, workers, mirror, progress_of(quiet), tensorboard, cluster)
    recipe.check_context(context)
    try:
        with as_one(recipe, context) as (context, speaks):
            result = recipe.execute(context)
    except KeyboardInterrupt:
        hint = f"; go on with: molvae resume {folder}" if (folder / CONFIG).exists() else ""
        print(f"interrupted{hint}", file=sys.stderr)
        raise typer.Exit(130) from None
    if not speaks:
        return
    from molvae.report import build

    if result.text:
        print(f"{result.text}\n")
    for name, path in {**result.files, "report": build(result.folder)}.items():
        print(f"{name}: {path}")


def progress_of(quiet: bool) -> Progress:
    """Who is told how far the work has come."""
    return silent if quiet else on_stderr


def given(**options: Any) -> dict[str, Any]:
    """The options that were given; the others are left to the defaults of the recipe."""
    return {name: value for name, value in options.items() if value is not None and value is not False and value != []}


def filters_given(**filters: Any) -> Mapping[str, Any]:
    """The setting ``filters`` of a campaign, if there is something to filter."""
    return given(filters=given(**filters) or None)


def diversity_given(
    per_scaffold: int | None, per_cluster: int | None, cluster_similarity: float | None
) -> Mapping[str, Any]:
    """The setting ``diversity`` of a campaign, if something is limited.

    Raises:
        ConfigError: a similarity without the limit that it belongs to.
    """
    if cluster_similarity is not None and per_cluster is None:
        raise ConfigError("--cluster-similarity says what a cluster is: say with --per-cluster how many may be of one")
    limits = given(per_scaffold=per_scaffold, per_cluster=per_cluster, similarity=cluster_similarity)
    return given(diversity=limits or None)


def required(path: Path | None) -> Path:
    """An input without which a command cannot do anything."""
    if path is None:
        raise ConfigError("give the input file with -i")
    return path


def read(path: Path | None, smiles_column: str | None) -> "pd.DataFrame":
    """The molecules of the input file."""
    from molvae.chemistry.io import read_molecules

    return read_molecules(required(path), smiles_column).frame


def write(
    table: "pd.DataFrame",
    path: Path | None,
    refused: int = 0,
    to_file: "Callable[[pd.DataFrame, Path], object] | None" = None,
) -> None:
    """Table to a file, or as CSV to stdout; says how many rows were refused, and fails if none was any good.

    ``to_file`` writes it, by default as one of molecules.
    """
    if path is None:
        table.to_csv(sys.stdout, index=False)
    else:
        if to_file is None:
            from molvae.chemistry.io import write_molecules

            to_file = write_molecules
        to_file(table, path)
        print(f"{len(table)} rows: {path}", file=sys.stderr)
    if refused:
        print(f"{refused} of {len(table)} rows were refused; the reason stands in each", file=sys.stderr)
    if refused == len(table):
        raise typer.Exit(1)
