"""Whole tables of molecules: every row comes back with its numbers or verdict, a refused one with its reason.

Each function takes a table with a column ``smiles``, as :func:`~molvae.chemistry.io.read_molecules` reads it, and keeps
all columns that it does not write itself.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd

from molvae.chemistry.properties import compute_many, told_beside
from molvae.run.progress import Progress, on_stderr


class Formula(Protocol):
    """An objective over properties, as :class:`molvae.design.objective.Objective` is one."""

    @property
    def properties(self) -> Sequence[str]:
        """What it needs."""

    def evaluate(self, values: Mapping[str, np.ndarray], /) -> np.ndarray:
        """Its values (n,) from those of its properties, each (n,)."""


class Judge(Protocol):
    """Validation, as :class:`molvae.design.validation.Validator` does it."""

    def validate(self, strings: Sequence[str], first_row: int = 0, seen: Any = None, /) -> pd.DataFrame:
        """A verdict for each string, in order; the first is this row of a list whose earlier rows were ``seen``."""


def score_table(
    table: pd.DataFrame, objective: Formula, num_workers: int = 0, progress: Progress = on_stderr
) -> pd.DataFrame:
    """Objective and properties of molecules: ``smiles, valid, error, score``, each property, and the other columns.

    Beside what a model of ``molvae fit`` predicts stand its standard deviation, the similarity to its nearest training
    molecule, and whether the molecule is inside its domain.

    Args:
        table: molecules.
        objective: what to compute.
        num_workers: processes; 0 takes all cores if there are many molecules.
        progress: told how far it has come.
    """
    names = objective.properties
    every = [*names, *told_beside(names)]
    scored = compute_many(table["smiles"].astype(str).tolist(), every, num_workers=num_workers, progress=progress)
    values = objective.evaluate({name: scored[name].to_numpy(float) for name in names})
    scored.insert(
        3, "score", np.where(scored["valid"], values, np.nan)
    )  # NaN ** 0 is 1, but what is no molecule has no score
    return beside(scored, table)


def validate_table(table: pd.DataFrame, validator: Judge, first_row: int = 0, seen: Any = None) -> pd.DataFrame:
    """Verdicts on molecules: ``input, smiles, valid, status, reason``, ..., and the other columns.

    Args:
        table: molecules.
        validator: judges them.
        first_row, seen: of a part of a longer table: which row it begins with, and what came before.
    """
    return beside(validator.validate(table["smiles"].astype(str).tolist(), first_row, seen), table)


def beside(new: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """New columns first, then those of the table that they do not replace; row by row."""
    other = table.drop(columns=[name for name in new.columns if name in table.columns])
    return pd.concat([new.reset_index(drop=True), other.reset_index(drop=True)], axis=1)
