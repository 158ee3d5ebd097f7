"""What recipes of proteins begin with: sequences of a data set or file, held-out ones, and what was measured."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from molvae.errors import InputError
from molvae.experiments.data import DATASETS
from molvae.proteins.io import read_proteins
from molvae.proteins.sequence import Protein
from molvae.run.fetch import fetch
from molvae.run.progress import Event, Progress
from molvae.run.recipe import Context, Recipe

EVERY = 10  # the last of so many sequences is held out


@dataclass(frozen=True)
class ProteinData:
    """Distinct valid sequences of a source.

    Attributes:
        frame: ``sequence`` (canonical), ``written`` (as it stood in the file, gaps and all), and the other columns.
        refused: rows that are no protein, with the reasons.
        sources: name, checksum and counts of each file, for the record.
    """

    frame: pd.DataFrame
    refused: Mapping[str, str]
    sources: Mapping[str, Any]

    @property
    def sequences(self) -> list[str]:
        """The canonical sequences."""
        return self.frame["sequence"].tolist()

    def split(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Training and held-out rows: every tenth is held out."""
        number = len(self.frame)
        rows = np.arange(number)
        held_out = rows % EVERY == EVERY - 1 if number >= EVERY else rows == number - 1
        return self.frame[~held_out].reset_index(drop=True), self.frame[held_out].reset_index(drop=True)


def protein_files(name: str, mirror: Path | None) -> list[Path]:
    """Every file of a data set by name, or the file that the name is."""
    return list(fetch(DATASETS[name], mirror).values()) if name in DATASETS else [Path(name)]


class ProteinRecipe(Recipe):
    """Which sequences a run is about."""

    data: str = "sh3"
    """Data set name, or a file: FASTA, .csv, .tsv, each also .gz."""
    sequence_column: str | None = None
    """Column of a table that holds the sequences."""
    keep: dict[str, str] = Field(default_factory=dict)
    """Only rows in which a column begins so: ``keep = { id = "nat_" }``."""

    def proteins(self, context: Context, keep: Mapping[str, str] | None = None) -> ProteinData:
        """The sequences of the run.

        Raises:
            InputError: a file cannot be used, or none of its rows is left.
        """
        keep = self.keep if keep is None else keep
        files = protein_files(self.data, context.mirror)
        frames = [read_proteins(path, self.sequence_column) for path in files]
        sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
        return _distinct(pd.concat(frames, ignore_index=True), keep, {"files": sums}, self.data, context.progress)


def _distinct(
    frame: pd.DataFrame, keep: Mapping[str, str], sources: dict[str, Any], name: str, progress: Progress
) -> ProteinData:
    for column, start in keep.items():
        if column not in frame:
            raise InputError(f"{name} has no column {column!r}; its columns: {', '.join(map(str, frame.columns))}")
        frame = frame[frame[column].astype(str).str.startswith(start)]
    parsed = [Protein.parse(text) for text in frame["sequence"]]
    refused = {
        f"line {line}": reason for line, (item, reason) in zip(frame["line"], parsed, strict=True) if item is None
    }
    frame = frame.rename(columns={"sequence": "written"})
    frame.insert(0, "sequence", [None if item is None else item.sequence for item, _ in parsed])
    good = frame.dropna(subset="sequence").drop_duplicates("sequence").reset_index(drop=True)
    if good.empty:
        reason = f": {next(iter(refused.items()))}" if refused else ""
        raise InputError(f"{name}: none of its {len(frame)} rows is a protein that can be used{reason}")
    counts = {"rows": len(frame), "refused": len(refused), "duplicates": len(frame) - len(refused) - len(good)}
    text = f"{len(good)} sequences; {counts['refused']} rows refused, {counts['duplicates']} duplicates"
    progress(Event(name, len(good), len(frame), text, milestone=True, ended=True))
    return ProteinData(good, refused, {**sources, **counts})


def numbers(frame: pd.DataFrame, column: str) -> np.ndarray:
    """A column as numbers (n,), NaN where there is none.

    Raises:
        InputError: no such column.
    """
    if column not in frame:
        raise InputError(f"there is no column {column!r}; there are {', '.join(map(str, frame.columns))}")
    return pd.to_numeric(frame[column], errors="coerce").to_numpy(float)


def labels(frame: pd.DataFrame, column: str) -> Sequence[str]:
    """A column as text, empty where there is none.

    Raises:
        InputError: no such column.
    """
    if column not in frame:
        raise InputError(f"there is no column {column!r}; there are {', '.join(map(str, frame.columns))}")
    return frame[column].fillna("").astype(str).str.strip().tolist()
