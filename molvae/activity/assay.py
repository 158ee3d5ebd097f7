"""An assay table as it comes, to measurements that can be learned from; rows left out are listed with their reason."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from molvae.chemistry.io import read_molecules
from molvae.chemistry.molecule import Molecule
from molvae.errors import InputError, abbreviate
from molvae.run.progress import Progress, silent, track

CONCENTRATIONS = {"M": 1.0, "mM": 1e-3, "uM": 1e-6, "µM": 1e-6, "μM": 1e-6, "nM": 1e-9, "pM": 1e-12}
"""Units of a concentration, in mol/L."""
FEWEST = 10
"""Distinct molecules that a model needs."""
RESERVED = frozenset(
    ("line", "smiles", "reason", "valid", "error", "sd", "sd_measurement", "nearest_similarity", "nearest", "in_domain")
)
"""Columns that stand beside the target in ``refused.csv`` and in tables of predictions."""


@dataclass(frozen=True)
class Assay:
    """Measurements of m distinct molecules.

    Attributes:
        target: what was measured.
        unit: as the user states it; empty if nobody said.
        molecules: (m) parsed.
        values: (n,) all measurements.
        molecule: (n,) row of ``molecules`` that each is of.
        refused: rows left out: ``line``, ``smiles``, the target as written, ``reason``.
        rows: number of rows that were read.
    """

    target: str
    unit: str
    molecules: tuple[Molecule, ...]
    values: np.ndarray
    molecule: np.ndarray
    refused: pd.DataFrame
    rows: int

    def __len__(self) -> int:
        return len(self.values)

    @property
    def replicate_sd(self) -> tuple[float, int]:
        """Pooled standard deviation of measurements of the same molecule, and its degrees of freedom; NaN without."""
        counts = np.bincount(self.molecule)
        means = np.bincount(self.molecule, weights=self.values) / counts
        freedom = int(len(self.values) - len(counts))
        squares = float(((self.values - means[self.molecule]) ** 2).sum())
        return (math.sqrt(squares / freedom) if freedom else math.nan), freedom


def read_assay(
    path: Path | str,
    target: str,
    smiles_column: str | None = None,
    unit: str = "",
    concentration: str | None = None,
    progress: Progress = silent,
) -> Assay:
    """Read a table of molecules and measurements.

    - A molecule that was measured more than once keeps all its measurements. A row that repeats molecule *and* value of
      an earlier one exactly is taken for a copy and left out, for as a measurement it would make the noise look too
      small. In public tables most identical values cite each other (Kramer et al. 2012, J. Med. Chem. 55, 5165).
    - A censored value (``>10``) is left out: the Gaussian likelihood knows no bounds, and the bound in its place is
      wrong by an unknown amount. Who wants that nevertheless writes the number into the table.
    - With ``concentration`` the values are amounts in that unit, and -log10 of them in mol/L is modelled.

    Args:
        path: any table that :func:`~molvae.chemistry.io.read_molecules` reads.
        target: name of the column of measurements.
        smiles_column: name of that of the SMILES; default: the usual ones.
        unit: of the measurements, in words; for the record.
        concentration: of ``CONCENTRATIONS``.
        progress: told how far it has come.

    Raises:
        InputError: no such file or column, a target that is named like one of our own columns (``RESERVED``), or too
            few usable molecules; gives the commonest reasons.
    """
    table = read_molecules(path, smiles_column).frame
    if target not in table.columns:
        shown = abbreviate(", ".join(map(str, table.columns)), 500)
        raise InputError(f"{path} has no column {target!r}; its columns: {shown}")
    return make_assay(
        table["smiles"].tolist(),
        table[target].tolist(),
        target,
        unit,
        concentration,
        lines=table["line"].tolist(),
        source=str(path),
        progress=progress,
    )


def make_assay(
    smiles: Sequence[Any],
    values: Sequence[Any],
    target: str = "value",
    unit: str = "",
    concentration: str | None = None,
    lines: Sequence[int] | None = None,
    source: str = "the table",
    progress: Progress = silent,
) -> Assay:
    """As :func:`read_assay`, from two columns of the same length."""
    if concentration is not None and concentration not in CONCENTRATIONS:
        raise InputError(f"{concentration!r} is no unit of concentration: there are {', '.join(CONCENTRATIONS)}")
    name = f"p{target}" if concentration else target
    if taken := sorted(RESERVED & {target, name}):
        raise InputError(
            f"{source}: {target!r} cannot be the target, since {taken[0]!r} is the name of a column that molvae writes:"
            " rename the column"
        )
    lines = range(1, len(smiles) + 1) if lines is None else lines
    places: dict[Molecule, int] = {}
    good: list[tuple[int, float]] = []
    seen: dict[tuple[int, float], int] = {}
    refused: list[tuple[int, str, str, str]] = []
    rows = zip(lines, smiles, values, strict=True)
    for line, text, written in track(rows, "reading the assay", len(smiles), progress):
        molecule, reason = Molecule.parse(text)
        value, problem = _number(written, concentration)
        if molecule is None or problem:
            refused.append((line, str(text), str(written), f"molecule: {reason}" if molecule is None else problem))
            continue
        place = places.setdefault(molecule, len(places))
        if (place, value) in seen:
            why = f"repeats molecule and value of line {seen[place, value]}"
            refused.append((line, str(text), str(written), why))
            continue
        seen[place, value] = line
        good.append((place, value))
    frame = pd.DataFrame(refused, columns=["line", "smiles", target, "reason"])
    if len(places) < FEWEST:
        common = frame["reason"].value_counts().head(3)
        reasons = "; ".join(f"{count} rows: {reason}" for reason, count in common.items())
        raise InputError(
            f"{source} has {len(places)} usable molecules with {target!r}; a model needs {FEWEST}"
            + (f" ({abbreviate(reasons, 500)})" if reasons else "")
        )
    y, molecule_rows = np.array([value for _, value in good]), np.array([place for place, _ in good])
    if float(y.std()) <= 1e-12 * float(np.abs(y).max()):
        raise InputError(f"{source}: every usable value of {target!r} is {y[0]:g}; there is nothing to learn")
    stated = unit or ("-log10 of mol/L" if concentration else "")
    return Assay(name, stated, tuple(places), y, molecule_rows, frame, len(smiles))


def _number(written: Any, concentration: str | None) -> tuple[float, str]:
    """The number that stands in a cell, or why there is none."""
    text = str(written).strip()
    if written is None or text.lower() in ("", "nan", "none", "na", "n/a", "null", "<na>"):
        return math.nan, "no value"
    if re.match(r"^(<=|>=|=<|=>|[<>≤≥~≈])", text):
        return math.nan, "censored value: only a bound is known"
    try:
        value = float(text)
    except ValueError:
        return math.nan, "not a number"
    if not math.isfinite(value):
        return math.nan, "not a finite number"
    if abs(value) > 1e30:
        return math.nan, "too large to compute with"
    if concentration is None:
        return value, ""
    if value <= 0:
        return math.nan, "a concentration must be positive"
    return -(math.log10(value) + math.log10(CONCENTRATIONS[concentration])), ""  # the product could underflow to 0
