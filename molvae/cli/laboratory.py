"""Commands for a campaign whose oracle is a laboratory."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from molvae.cli import options
from molvae.errors import InputError
from molvae.weights import SEARCH_MODEL

app = options.new_app()


@app.command()
def suggest(
    folder: Annotated[Path, typer.Argument(help="Run folder; made by the first call.")],
    number: Annotated[int, typer.Option("-k", "--number", min=1, max=10_000, help="How many molecules.")] = 10,
    output: options.Output = None,
    input: Annotated[
        Path | None,
        typer.Option(
            "-i", "--input", help="Molecules to begin with; if some have a score (column score), these alone."
        ),
    ] = None,
    direction: Annotated[str | None, typer.Option(help="max or min (first call).")] = None,
    objective: Annotated[
        str | None,
        typer.Option(help="Formula that orders the proposals, e.g. a model's prediction: \"model('m') + 0.5*QED\"."),
    ] = None,
    per_scaffold: options.PerScaffold = None,
    per_cluster: options.PerCluster = None,
    cluster_similarity: options.ClusterSimilarity = None,
    require: options.Require = None,
    forbid: options.Forbid = None,
    lead: options.Lead = None,
    min_similarity: options.MinSimilarity = None,
    scaffold: options.ScaffoldToKeep = None,
    model: Annotated[
        str | None, typer.Option("-m", "--model", help=f"Shipped model or model folder (first call; {SEARCH_MODEL}).")
    ] = None,
    smiles_column: options.Column = None,
    device: options.Device = "auto",
    seed: options.SeedOfRun = None,
) -> None:
    """Say what a laboratory should measure next. Answer with 'molvae tell'.

    With --objective, several times as many molecules are proposed, and those with the best value are taken; it is
    computed, so it may name a model of 'molvae fit', and it stands beside each molecule. The search still learns from
    what is measured alone.

    While molecules of the last plate are unanswered, they come again: an empty score says that a measurement failed.
    """
    from molvae.experiments.laboratory import suggest_molecules

    settings = {name: value for name, value in (("direction", direction), ("seed", seed)) if value is not None}
    settings |= options.given(preselect=objective)
    settings |= options.filters_given(
        require=require, forbid=forbid, lead=lead, min_similarity=min_similarity, scaffold=scaffold
    )
    settings |= options.diversity_given(per_scaffold, per_cluster, cluster_similarity)
    options.write(suggest_molecules(folder, number, input, smiles_column, settings, model, device), output)


@app.command()
def tell(
    folder: Annotated[Path, typer.Argument(help="Run folder of 'molvae suggest'.")],
    results: Annotated[Path, typer.Argument(help="Measured molecules: smiles and score; other rows are taken too.")],
    smiles_column: options.Column = None,
    score_column: Annotated[str, typer.Option(help="Column that holds the score.")] = "score",
    output: options.Output = None,
    device: options.Device = "auto",
) -> None:
    """Take in what a laboratory has measured. Every row of the file gets its verdict."""
    from molvae.experiments.laboratory import tell_results
    from molvae.report import build

    told, awaited = tell_results(folder, results, smiles_column, score_column, device)
    options.write(told, output)
    counts = told["status"].value_counts()
    print(", ".join(f"{number} {status}" for status, number in counts.items()), file=sys.stderr)
    print(f"still awaited: {awaited}\nreport: {build(folder)}", file=sys.stderr)
    if len(told) and (told["status"] == "refused").all():
        raise InputError(f"no row of {results} could be used")
