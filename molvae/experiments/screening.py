"""Screen a library with a model of ``molvae fit``: the best molecules by an acquisition, and not too many of one kind.

The library was predicted before (``molvae predict``, perhaps in shards). Its table is gone through once, and a pool of
the best rows is all that is held; of the pool, best first, each molecule is taken whose cluster and scaffold have room.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field
from scipy.stats import norm

from molvae.chemistry.domain import MOLECULES
from molvae.chemistry.molecule import Molecule
from molvae.chemistry.source import open_molecules
from molvae.design.diversity import DiversityConfig, diverse_rows
from molvae.errors import InputError
from molvae.run.config import Config
from molvae.run.progress import Progress, silent, track

_ROWS = 8192


class ScreeningConfig(Config):
    """What is best, and how much of it is taken."""

    target: str
    """Column of the predicted mean; its standard deviation stands in ``sd``."""
    best: float | None = None
    """Best value that is measured so far, for expected improvement."""
    acquisition: Literal["ucb", "ei", "mean"] = "ucb"
    """``ucb``, mean + beta sd (Srinivas et al. 2010); ``ei``, the expected improvement on the best measured value
    (Jones et al. 1998); ``mean``, which explores nothing.
    """
    beta: float = Field(1.0, ge=0, le=100)
    """Standard deviations that a molecule is given credit for."""
    direction: Literal["max", "min"] = "max"
    """Whether more or less of the target is better."""
    count: int = Field(100, ge=1, le=1_000_000)
    """Molecules that are taken."""
    pool: int = Field(20_000, ge=1, le=10_000_000)
    """Best molecules of the library among which the diverse ones are looked for."""
    in_domain: bool = False
    """Leave out what is outside the model's domain."""
    diversity: DiversityConfig = DiversityConfig(per_cluster=1)


def acquisition(mean: np.ndarray, sd: np.ndarray, config: ScreeningConfig) -> np.ndarray:
    """How much each of n molecules promises, (n,), from the predicted mean and standard deviation, each (n,).

    Raises:
        InputError: expected improvement without a best value.
    """
    sign = 1.0 if config.direction == "max" else -1.0
    mean = sign * mean
    if config.acquisition == "mean":
        return mean
    if config.acquisition == "ucb":
        return mean + config.beta * sd
    if config.best is None:
        raise InputError("expected improvement needs the best value so far")
    # EI = sd (u Phi(u) + phi(u)), u = (mean - best) / sd
    gain = mean - sign * config.best
    with np.errstate(divide="ignore", invalid="ignore"):
        u = gain / sd
        improvement = sd * (u * norm.cdf(u) + norm.pdf(u))
    return np.where(sd > 0, improvement, np.maximum(gain, 0))


def screen(paths: Sequence[Path], config: ScreeningConfig, progress: Progress = silent) -> pd.DataFrame:
    """The chosen molecules, best first.

    Args:
        paths: tables of ``molvae predict`` with the same columns, one below the other; the shards of one run need not
            be merged.
        config: settings.
        progress: told how many files have been read.

    Returns:
        At most ``count`` rows: ``smiles, acquisition``, and the columns of the tables. Fewer where the pool has no more
        that are diverse.

    Raises:
        InputError: a table has no prediction, or there is nothing to choose from.
    """
    pool, row = pd.DataFrame(), 0
    for path in track(paths, "screening", progress=progress):
        for part in open_molecules(path).chunks(_ROWS):
            part.index = pd.RangeIndex(row, row + len(part))
            row += len(part)
            pool = _best(pool, _judged(part, config, path), config.pool)
    if pool.empty:
        raise InputError("no row of the library has a prediction" + (" inside the domain" if config.in_domain else ""))
    items = (Molecule.parse(text)[0] for text in pool["smiles"].astype(str))
    rows = diverse_rows(items, MOLECULES, config.diversity, config.count)
    first = ["smiles", "acquisition"]
    return pool.iloc[rows][[*first, *(name for name in pool.columns if name not in first)]].reset_index(drop=True)


def _judged(table: pd.DataFrame, config: ScreeningConfig, path: Path) -> pd.DataFrame:
    """The rows that have a prediction, with their ``acquisition``."""
    for name in (config.target, "sd", *(["in_domain"] if config.in_domain else [])):
        if name not in table.columns:
            raise InputError(f"{path} has no column {name!r}: give a table of molvae predict with this model")
    mean, sd = (pd.to_numeric(table[name], errors="coerce").to_numpy(float) for name in (config.target, "sd"))
    table = table.drop(columns=["line", "acquisition"], errors="ignore").assign(
        acquisition=acquisition(mean, sd, config)
    )
    usable = np.isfinite(table["acquisition"].to_numpy())
    if config.in_domain:
        usable &= table["in_domain"].astype(str).isin(("True", "1", "1.0")).to_numpy()
    return table[usable]


def _best(pool: pd.DataFrame, more: pd.DataFrame, count: int) -> pd.DataFrame:
    """The ``count`` best rows of both, best first; of equal ones the earlier."""
    if len(pool) >= count:
        more = more[more["acquisition"] > pool["acquisition"].iloc[-1]]
    if more.empty:
        return pool
    joined = more if pool.empty else pd.concat([pool, more])
    order = np.lexsort([joined.index.to_numpy(), -joined["acquisition"].to_numpy()])
    return joined.iloc[order[:count]]
