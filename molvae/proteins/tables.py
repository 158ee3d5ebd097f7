"""Tables of proteins to tables of latent points and back, row by row; samples and paths."""

from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor

from molvae.core.point_tables import point_columns, points_of
from molvae.core.sampling import fitted_gaussian, interpolate
from molvae.errors import ConfigError, InputError
from molvae.proteins.alignment import against, identity
from molvae.proteins.decoding import candidates_of, first_of_each
from molvae.proteins.sequence import Protein
from molvae.proteins.vae import ProteinVAE

MODEL_COLUMN = "z_model"
"""Says whose points a table holds."""
_MAX_DECODINGS = 1_000_000


def encode_table(model: ProteinVAE, table: pd.DataFrame) -> pd.DataFrame:
    """The table with the columns ``z_model``, ``exact``, ``error`` and ``z0, z1, ...`` added; a refused row stays.

    ``exact`` says whether greedy decoding of the point gives the sequence back, ``identity`` how much of it.
    """
    z, problems = model.encode_with_errors(table["sequence"].astype(str).tolist())
    good = [row for row in range(len(table)) if row not in problems]
    written, _ = model.generate(z[good])
    shares = [float("nan")] * len(table)
    for row, text in zip(good, written, strict=True):
        item, _ = Protein.parse(table["sequence"].iloc[row])
        assert item is not None, "what was encoded is a protein"
        shares[row] = identity(item.sequence, text) if text else 0.0
    points = pd.DataFrame(z.numpy(), columns=point_columns(model.latent_size))
    result = table.reset_index(drop=True).assign(
        **{
            MODEL_COLUMN: model.name,
            "exact": [share == 1 for share in shares],
            "identity": shares,
            "error": [problems.get(row, "") for row in range(len(table))],
        }
    )
    return pd.concat([result.drop(columns=points.columns, errors="ignore"), points], axis=1)


def decode_table(model: ProteinVAE, table: pd.DataFrame, n_decodings: int = 50, seed: int = 0) -> pd.DataFrame:
    """The protein of each point: ``sequence, valid, votes, log_prob, error``, and the columns other than coordinates.

    Args:
        model: whose latent space it is.
        table: points, in columns ``z0, z1, ...`` as :func:`encode_table` writes them.
        n_decodings: of each point; the first is greedy.
        seed: of the others.

    Raises:
        InputError: a coordinate is missing.
        ConfigError: more decodings than memory holds.
    """
    z, problems = points_of(table, model.latent_size)
    check_decodings(len(z) - len(problems), n_decodings)
    decoded = first_of_each(candidates_of(model, z, n_decodings, seed))
    decoded["error"] = [problems.get(row, error) for row, error in enumerate(decoded["error"])]
    others = table.drop(columns=[*point_columns(model.latent_size), MODEL_COLUMN], errors="ignore")
    others = others.reset_index(drop=True)
    others = others.rename(columns={name: f"{name}_before" for name in others if name in decoded})
    return pd.concat([decoded, others], axis=1)


def sample(
    model: ProteinVAE, number: int, n_decodings: int = 1, seed: int = 0, like: Sequence[str] | None = None
) -> pd.DataFrame:
    """Proteins at random points: ``sequence, valid, votes, log_prob, error``, and their properties.

    Args:
        model: decodes them.
        number: of points.
        n_decodings: of each; 1: greedy.
        seed: of points and decodings.
        like: proteins; the points come from the Gaussian fitted to their encodings instead of from the prior.

    Raises:
        InputError: fewer than two proteins of ``like`` can be encoded.
        ConfigError: more decodings than memory holds.
    """
    check_decodings(number, n_decodings)
    generator = torch.Generator().manual_seed(seed)
    if like is None:
        z = model.prior.sample((number,), generator)
    else:
        encodings, problems = model.encode_with_errors(like)
        encodings = encodings[torch.isfinite(encodings).all(-1)]
        if len(encodings) < 2:
            reason = f": {next(iter(problems.values()))}" if problems else ""
            raise InputError(f"a Gaussian needs at least two proteins that can be encoded{reason}")
        z = fitted_gaussian(encodings, number, generator)
    return with_properties(model, first_of_each(candidates_of(model, z, n_decodings, seed)))


def path(
    model: ProteinVAE,
    start: str,
    end: str,
    steps: int = 12,
    method: str = "slerp",
    n_decodings: int = 50,
    seed: int = 0,
) -> pd.DataFrame:
    """Proteins along a path between the points of two others.

    Returns:
        ``steps`` rows: ``t`` from 0 to 1, then as :func:`sample`; ``to_start`` and ``to_end``, the shares of residues
        that are those of the ends, and ``aligned``, the residues in the columns of the first end.

    Raises:
        InputError: an end cannot be encoded.
        ConfigError: no such method, or more decodings than memory holds.
    """
    check_decodings(steps, n_decodings)
    z, problems = model.encode_with_errors([start, end])
    if problems:
        reasons = "; ".join(f"{('first', 'last')[row]} protein: {reason}" for row, reason in problems.items())
        raise InputError(f"cannot interpolate: {reasons}")
    t = torch.linspace(0, 1, steps)
    line: Tensor = interpolate(z[0], z[1], t, method)
    table = first_of_each(candidates_of(model, line, n_decodings, seed))
    table.insert(0, "t", t.numpy())
    ends = [item.sequence for item, _ in map(Protein.parse, (start, end)) if item is not None]
    for name, other in zip(("to_start", "to_end"), ends, strict=True):
        table[name] = [identity(text, other) if isinstance(text, str) else float("nan") for text in table["sequence"]]
    shown = [text if isinstance(text, str) else "" for text in table["sequence"]]
    table["aligned"] = [against(ends[0], [text])[0] if text else "" for text in shown]
    return with_properties(model, table)


def with_properties(model: ProteinVAE, table: pd.DataFrame) -> pd.DataFrame:
    """The table with what the model's domain reports of each protein."""
    names = model.domain.reported
    items = [Protein.parse(text)[0] for text in table["sequence"]]
    rows = [dict.fromkeys(names, float("nan")) if item is None else model.domain.compute(item, names) for item in items]
    return table.assign(**{name: [row[name] for row in rows] for name in names})


def check_decodings(points: int, n_decodings: int) -> None:
    """Refuse more decodings at once than memory holds.

    Raises:
        ConfigError: there are more than a million.
    """
    if points * n_decodings > _MAX_DECODINGS:
        raise ConfigError(
            f"{n_decodings} decodings of {points} points are more than {_MAX_DECODINGS:,}: take fewer at a time"
        )
