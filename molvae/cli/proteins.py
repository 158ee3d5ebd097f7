"""What the commands do with a model of proteins; :mod:`molvae.cli.molecules` and ``runs`` hand over to it."""

from pathlib import Path
from typing import TYPE_CHECKING

from molvae.cli import options
from molvae.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

    from molvae.proteins.vae import ProteinVAE
    from molvae.run.recipe import Recipe

KIND = "protein-vae"


def is_protein_model(model: str) -> bool:
    """Whether a folder holds a model of proteins; a model that cannot be read is left to whoever loads it."""
    from molvae.core.checkpoint import read_settings
    from molvae.errors import CheckpointError
    from molvae.weights import weights_folder

    try:
        return read_settings(weights_folder(model)).get("kind") == KIND
    except CheckpointError:
        return False


def load(model: str, device: str) -> "ProteinVAE":
    """The model of a folder."""
    from molvae.proteins.vae import ProteinVAE

    return ProteinVAE.from_pretrained(model, device)


def read(path: Path | None, column: str | None = None) -> "pd.DataFrame":
    """The proteins of the input file."""
    from molvae.proteins.io import read_proteins

    return read_proteins(options.required(path), column)


def write(table: "pd.DataFrame", path: Path | None, refused: int = 0) -> None:
    """Table to a file of proteins, see :func:`molvae.cli.options.write`."""
    from molvae.proteins.io import write_proteins

    options.write(table, path, refused, write_proteins)


def only_for_molecules(**flags: bool) -> None:
    """Refuse options that mean nothing to proteins.

    Raises:
        ConfigError: one of them was given.
    """
    for flag, given in flags.items():
        if given:
            raise ConfigError(f"--{flag.replace('_', '-')} is for molecules: leave it out with a model of proteins")


def sample(
    model: str, number: int, n_decodings: int, like: Path | None, device: str, seed: int, output: Path | None
) -> None:
    """Draw proteins from the prior, or from where given ones lie."""
    from molvae.proteins.tables import check_decodings
    from molvae.proteins.tables import sample as drawn

    check_decodings(number, n_decodings)
    sequences = None if like is None else read(like)["sequence"].astype(str).tolist()
    write(drawn(load(model, device), number, n_decodings, seed, sequences), output)


def encode(model: str, input: Path | None, column: str | None, device: str, output: Path | None) -> None:
    """Latent points of proteins."""
    from molvae.proteins.tables import encode_table

    table = encode_table(load(model, device), read(input, column))
    write(table, output, int((table["error"] != "").sum()))


def decode(model: str, input: Path | None, n_decodings: int, device: str, seed: int, output: Path | None) -> None:
    """Proteins at latent points."""
    from molvae.chemistry.io import read_table
    from molvae.proteins.tables import decode_table

    write(decode_table(load(model, device), read_table(options.required(input)), n_decodings, seed), output)


def interpolate(
    model: str,
    ends: tuple[str, str],
    steps: int,
    method: str,
    n_decodings: int,
    device: str,
    seed: int,
    output: Path | None,
) -> None:
    """Proteins along a path between two others."""
    from molvae.proteins.tables import path

    write(path(load(model, device), *ends, steps, method, n_decodings, seed), output)


def evaluation(
    model: str,
    data: str,
    column: str | None,
    most: int | None,
    prior_samples: int | None,
    samples: Path | None,
    seed: int,
) -> "Recipe":
    """The recipe that measures a model on a file; what was measured of its sequences is named in a recipe of one's own.

    Raises:
        ConfigError: no file, or options of molecules.
    """
    from molvae.experiments.proteins_evaluate import ProteinsEvaluateRecipe

    only_for_molecules(samples=samples is not None, max_molecules=most is not None)
    if data == "zinc250k":
        raise ConfigError("give the proteins to measure with -i, a file or a data set (sh3)")
    values = {"model": model, "data": data, "seed": seed}
    return ProteinsEvaluateRecipe.create(values, sequence_column=column, designs=prior_samples)
