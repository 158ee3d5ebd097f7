"""Tables of molecules to tables of latent points and back, row by row."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
import torch

from molvae.chemistry.tables import beside
from molvae.core.point_tables import point_columns, points_of
from molvae.errors import ConfigError, InputError
from molvae.molecules.base import MolecularModel, decoded_together
from molvae.molecules.refinement import rebuilt
from molvae.molecules.reranking import Choice
from molvae.run.progress import Progress, on_stderr
from molvae.weights import DEFAULT_MODEL, model_name, shipped_models

MODEL_COLUMN = "z_model"
"""Says whose points a table holds."""
_MAX_DECODINGS = 10_000_000


def encode_table(
    model: MolecularModel, table: pd.DataFrame, refine: bool = True, progress: Progress = on_stderr
) -> pd.DataFrame:
    """The table with the columns ``z_model``, ``exact``, ``error`` and ``z0, z1, ...`` added; a refused row stays.

    ``exact`` says whether greedy decoding of the point, without a mask, gives the molecule back.

    Args:
        model: whose latent space is meant.
        table: molecules, in a column ``smiles``.
        refine: see :meth:`MolecularModel.encode`.
        progress: told how far it has come.
    """
    smiles = table["smiles"].astype(str).tolist()
    z, problems = model.encode_with_errors(smiles, refine=refine, progress=progress)
    points = pd.DataFrame(z.numpy(), columns=point_columns(model.latent_size))
    name = model_name(model.folder) if model.folder else ""
    errors = [problems.get(row, "") for row in range(len(table))]
    result = table.reset_index(drop=True).assign(
        **{MODEL_COLUMN: name, "exact": rebuilt(model, list(map(model.held, smiles)), z), "error": errors}
    )
    return pd.concat([result.drop(columns=points.columns, errors="ignore"), points], axis=1)


def decode_table(
    model: MolecularModel,
    table: pd.DataFrame,
    n_decodings: int = 50,
    mask: str = "valence",
    seed: int = 0,
    choose: Choice = "posterior",
    generator: torch.Generator | None = None,
) -> pd.DataFrame:
    """The molecule of each point: ``smiles, valid, votes, log_prob, error``, and the columns other than coordinates.

    Args:
        model: whose latent space it is.
        table: points, in columns ``z0, z1, ...`` as :func:`encode_table` writes them.
        n_decodings, mask, seed, choose, generator: see :meth:`MolecularModel.decode`.

    Raises:
        InputError: a coordinate is missing.
        ConfigError: more decodings than memory holds.
    """
    z, problems = points_of(table, model.latent_size)
    check_decodings(len(z) - len(problems), n_decodings)
    decoded = model.decode(z, n_decodings=n_decodings, mask=mask, seed=seed, choose=choose, generator=generator)
    decoded["error"] = [problems.get(row, error) for row, error in enumerate(decoded["error"])]
    return beside(decoded, table.drop(columns=[*point_columns(model.latent_size), MODEL_COLUMN], errors="ignore"))


def decode_tables(
    model: MolecularModel,
    tables: Iterable[pd.DataFrame],
    n_decodings: int = 50,
    mask: str = "valence",
    seed: int = 0,
    choose: Choice = "posterior",
) -> Iterator[pd.DataFrame]:
    """As :func:`decode_table` of all tables one below the other, in parts; memory does not grow with their number."""
    generator = torch.Generator().manual_seed(seed)
    for table in _in_whole_batches(model, tables, decoded_together(n_decodings)):
        yield decode_table(model, table, n_decodings, mask, seed, choose, generator)


def _in_whole_batches(model: MolecularModel, tables: Iterable[pd.DataFrame], size: int) -> Iterator[pd.DataFrame]:
    """The same rows, cut so that each table but the last has ``size`` points that can be decoded: batches, and with
    them the random numbers of each point, are then those of the whole.
    """
    waiting: pd.DataFrame | None = None
    for table in tables:
        waiting = table if waiting is None else pd.concat([waiting, table], ignore_index=True)
        finite = np.flatnonzero(np.isfinite(points_of(waiting, model.latent_size)[0]).all(1))
        while len(finite) > size:
            end = int(finite[size])
            yield waiting[:end].reset_index(drop=True)
            waiting, finite = waiting[end:].reset_index(drop=True), finite[size:] - end
    if waiting is not None:
        yield waiting


def only_model(named: Sequence[str]) -> str:
    """The shipped model among those that a table of points names, or the default if it names none.

    Raises:
        InputError: it names several, or one that does not ship: a table does not decide which folders are opened.
    """
    if len(named) > 1:
        raise InputError(f"the points are of several models ({', '.join(named)}): decode them one by one, or say -m")
    if named and named[0] not in shipped_models():
        raise InputError(f"the points are of the model {named[0]}: say -m {named[0]}")
    return named[0] if named else DEFAULT_MODEL


def models_named(table: pd.DataFrame) -> list[str]:
    """Every model that a table of points names."""
    return sorted(set(table[MODEL_COLUMN].dropna().astype(str))) if MODEL_COLUMN in table.columns else []


def check_decodings(points: int, n_decodings: int) -> None:
    """Refuse more decodings at once than memory holds.

    Raises:
        ConfigError: there are more than ten million.
    """
    if points * n_decodings > _MAX_DECODINGS:
        raise ConfigError(
            f"{n_decodings} decodings of {points} points are more than {_MAX_DECODINGS:,}: take fewer at a time"
        )
