"""Tables of molecules in and out: .smi, .csv, .tsv, .sdf, .parquet, each also gzipped where it is text.

A file comes from anywhere: it may be empty, binary, cut short or ragged. What cannot be used at all is an
:class:`~molvae.errors.InputError` that names the file and what to do; a bad row stays in the table, so that whoever
parses it can say what became of it, and the good rows go on.

Here are whole tables; for files that are larger than memory see :mod:`molvae.chemistry.source` and
:mod:`molvae.chemistry.writing`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from molvae.chemistry.source import Source, open_molecules, open_table
from molvae.chemistry.writing import table_writer


@dataclass(frozen=True)
class MoleculeTable:
    """Molecules as they stand in a file.

    Attributes:
        frame: ``smiles`` (as written), ``line`` (from 1: line or record in the file), and all other columns.
        path: the file.
        smiles_column: the column that held the SMILES, or None if the file has no names of columns.
    """

    frame: pd.DataFrame
    path: Path
    smiles_column: str | None

    def __len__(self) -> int:
        return len(self.frame)


def read_molecules(path: Path | str, smiles_column: str | None = None) -> MoleculeTable:
    """Read a file of molecules by its suffix.

    Args:
        path: .smi, .txt, .csv, .tsv (each also .gz), .sdf or .parquet.
        smiles_column: default: the first of ``smiles``, ``SMILES``, ``canonical_smiles``, ``Drug`` that is there.

    Raises:
        InputError: the file cannot be used; names it and says what to do.
    """
    source = open_molecules(path, smiles_column)
    return MoleculeTable(_whole(source), source.path, source.smiles_column)


def read_table(path: Path | str) -> pd.DataFrame:
    """Read any table (.csv, .tsv, .parquet) without looking for SMILES.

    Raises:
        InputError: the file cannot be used.
    """
    return _whole(open_table(path))


def stream_smiles(path: Path | str, smiles_column: str | None = None) -> Iterator[tuple[int, str]]:
    """(line, SMILES) one after another, without holding the file in memory.

    Raises:
        InputError: as :func:`read_molecules`.
    """
    yield from open_molecules(path, smiles_column).smiles()


def write_molecules(frame: pd.DataFrame, path: Path | str) -> None:
    """Write a table by the suffix of ``path``, whole or not at all.

    Raises:
        InputError: the suffix is unknown.
    """
    with table_writer(path) as append:
        append(frame)


def _whole(source: Source) -> pd.DataFrame:
    (frame,) = source.chunks(max(1, source.rows))
    return frame
