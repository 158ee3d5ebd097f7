"""Commands that download data sets and prepare molecule files."""

from pathlib import Path
from typing import Annotated

import typer

from molvae.cli import complete, options

app = options.new_app("Download data sets and prepare molecule files.")

Cache = Annotated[Path | None, typer.Option(help="Where the files go (default: the user's cache).")]


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="One that molvae list data names.", autocompletion=complete.datasets)],
    mirror: options.Mirror = None,
    cache: Cache = None,
) -> None:
    """Download a data set and check it. With --mirror, take the same files from a folder."""
    from molvae.experiments.data import DATASETS
    from molvae.run.fetch import fetch as fetch_files

    for file in fetch_files(DATASETS[name], mirror, cache).values():
        print(file)


@app.command()
def prepare(
    input: Annotated[Path, typer.Argument(help="Molecules: .smi, .csv, .csv.gz, .tsv, .sdf, .parquet.")],
    cache: Cache = None,
    smiles_column: options.Column = None,
    num_workers: options.Workers = 0,
    quiet: options.Quiet = False,
) -> None:
    """Prepare a molecule file for training. Canonical, without duplicates, properties computed once."""
    from molvae.chemistry.prepare import prepare as prepare_file

    progress = options.progress_of(quiet)
    data = prepare_file(input, cache_dir=cache, smiles_column=smiles_column, num_workers=num_workers, progress=progress)
    print(f"{data.counts}\nprepared: {data.folder}\nrejected rows: {data.rejects_path}")
