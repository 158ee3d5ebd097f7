"""Latent points in the columns ``z0, z1, ...`` of a table."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from molvae.errors import InputError


def point_columns(latent_size: int) -> list[str]:
    """Names of the coordinates of a latent point in a table."""
    return [f"z{index}" for index in range(latent_size)]


def points_of(table: pd.DataFrame, latent_size: int) -> tuple[np.ndarray, Mapping[int, str]]:
    """Latent points (n, D) float32, and what is wrong with those that have a coordinate that is no finite number.

    Such a coordinate is NaN or infinite in the points; its row is counted from 0.

    Raises:
        InputError: a coordinate has no column.
    """
    names = point_columns(latent_size)
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise InputError(f"there is no column {missing[0]!r}: decoding needs z0 to {names[-1]}, as encode writes them")
    # a number too large for float32 becomes infinite, and is named as what it is
    with np.errstate(over="ignore"):
        points = table[names].apply(pd.to_numeric, errors="coerce").to_numpy("float32", copy=True)
    problems = {}
    wrong = ~np.isfinite(points)
    for row in np.flatnonzero(wrong.any(1)).tolist():
        column = int(wrong[row].argmax())  # one coordinate of a point says enough
        cell = table[names[column]].iloc[row]
        value = "empty" if pd.isna(cell) or not str(cell).strip() else f"{str(cell)[:40]!r}, not a finite number"
        problems[row] = f"no latent point: {names[column]} is {value}"
    return points, problems
