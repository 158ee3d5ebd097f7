"""Tables of molecules read in chunks, so that memory does not grow with the file.

A file is gone through twice: once to check it and to count its rows, and then for the rows themselves. What a chunk
looks like is decided by the whole file: its columns and their types are the same wherever it is cut.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd
from rdkit import Chem, rdBase

from molvae.chemistry.formats import DELIMITERS, TextFile, file_kind, parquet_engine
from molvae.chemistry.molecule import parse_smiles
from molvae.errors import InputError, abbreviate

SMILES_COLUMNS = ("smiles", "SMILES", "canonical_smiles", "Drug")
ID_COLUMNS = ("id", "ID", "name", "Name", "zinc_id", "title")
_HEADERS = ("smiles", "canonical_smiles", "smile", "structure")  # first words of a .smi file that name a column
MAX_FIELD = 1_000_000  # characters
_MAX_HEADER = 1_000_000  # characters of a table's first line
_MAX_COLUMNS = 10_000
_AT_ONCE = 10_000  # rows, where they are only counted or looked through


class Source:
    """The rows of a file.

    Attributes:
        path: the file.
        rows: how many it has.
        smiles_column: the column that held the SMILES, or None if the file has no names of columns.
    """

    path: Path
    rows: int
    smiles_column: str | None = None

    def chunks(self, size: int, start: int = 0, stop: int | None = None) -> Iterator[pd.DataFrame]:
        """The rows from ``start`` up to ``stop`` in tables of ``size`` rows, the last perhaps shorter; one table
        without a row where there is none.

        Raises:
            InputError: the file is not what it was when it was opened.
        """
        stop = self.rows if stop is None else stop
        records, number = islice(self._records(), start, stop), start
        while part := list(islice(records, size)):
            number += len(part)
            yield self._frame(part)
        if number != stop:
            raise InputError(f"{self.path} has changed while it was read: begin anew")
        if start == stop:
            yield self._frame([])

    def smiles(self) -> Iterator[tuple[int, str]]:
        """(line, SMILES) one after another."""
        for frame in self.chunks(_AT_ONCE):
            yield from zip(frame["line"].tolist(), frame["smiles"].astype(str).tolist(), strict=True)

    def _records(self) -> Iterator[Any]:
        raise NotImplementedError

    def _frame(self, records: Sequence[Any]) -> pd.DataFrame:
        raise NotImplementedError


def open_molecules(path: Path | str, smiles_column: str | None = None) -> Source:
    """A file of molecules by its suffix: ``smiles`` (as written), ``line`` (from 1: line or record), and all others.

    Args:
        path: .smi, .txt, .csv, .tsv (each also .gz), .sdf or .parquet.
        smiles_column: default: the first of ``smiles``, ``SMILES``, ``canonical_smiles``, ``Drug`` that is there.

    Raises:
        InputError: the file cannot be used; names it and says what to do.
    """
    path = Path(path)
    kind = file_kind(path)
    if kind == ".parquet":
        return _Parquet(path, molecules=True, smiles_column=smiles_column)
    text = TextFile.examine(path)
    if kind == ".sdf":
        return _Sdf(text)
    with text.open() as stream:
        start = stream.read(_MAX_HEADER + 1)
    if _is_plain(kind, start, smiles_column):
        return _Smi(text)
    return _Csv(text, DELIMITERS[kind], start, molecules=True, smiles_column=smiles_column)


def open_table(path: Path | str, with_line: bool = False) -> Source:
    """Any table (.csv, .tsv, .parquet), without looking for SMILES.

    Args:
        path: the file.
        with_line: keep a column ``line`` of a text file, which says where its rows stood in another.

    Raises:
        InputError: the file cannot be used.
    """
    path = Path(path)
    kind = file_kind(path)
    if kind == ".parquet":
        return _Parquet(path, molecules=False)
    if kind not in DELIMITERS:
        raise InputError(f"{path}: a table is .csv, .tsv or .parquet")
    text = TextFile.examine(path)
    with text.open() as stream:
        start = stream.read(_MAX_HEADER + 1)
    return _Csv(text, DELIMITERS[kind], start, molecules=False, with_line=with_line)


def _is_plain(kind: str, text: str, smiles_column: str | None) -> bool:
    """Whether lines begin with a SMILES: in .smi files, and in tables without header, such as ZINC250k's own files."""
    if kind not in DELIMITERS or smiles_column is not None:
        return kind not in DELIMITERS
    first = next(iter(text.lstrip("\r\n").splitlines()), "").strip()
    if DELIMITERS[kind] in first or first in SMILES_COLUMNS:
        return False
    return parse_smiles(first)[0] is not None


class _Smi(Source):
    """One molecule a line, SMILES first, then perhaps a name; a header is a first word that is not a valid SMILES."""

    def __init__(self, text: TextFile) -> None:
        self.path, self.text, self.rows, self.named = text.path, text, 0, False
        for _, _, name in self._records():
            self.rows += 1
            self.named = self.named or name != ""
        if not self.rows:
            raise InputError(f"{self.path} holds no molecule")

    def _records(self) -> Iterator[tuple[int, str, str]]:
        """(line, SMILES, name); comments, empty lines and a header are passed over."""
        with self.text.open() as stream:
            for number, line in enumerate(_every_line(stream), start=1):
                smiles, name = [*line.split(None, 1), "", ""][:2]
                is_header = number == 1 and smiles.lower() in _HEADERS
                if smiles and not smiles.startswith("#") and not is_header:
                    yield number, smiles, name.strip()

    def _frame(self, records: Sequence[tuple[int, str, str]]) -> pd.DataFrame:
        frame = pd.DataFrame(records, columns=["line", "smiles", "id"])[["smiles", "line", "id"]]
        return frame if self.named else frame.drop(columns="id")


def _every_line(stream: Iterable[str]) -> Iterator[str]:
    """Lines however they end, also by a form feed or a Unicode separator."""
    for line in stream:
        yield from line.splitlines()


class _Csv(Source):
    """All cells as text, so that nothing is lost on the way through; numbers stay as they were written."""

    def __init__(
        self,
        text: TextFile,
        delimiter: str,
        start: str,
        molecules: bool,
        smiles_column: str | None = None,
        with_line: bool = False,
    ) -> None:
        self.with_line = with_line
        self.path, self.text, self.delimiter, self.molecules = text.path, text, delimiter, molecules
        csv.field_size_limit(MAX_FIELD)
        if len(start) > _MAX_HEADER and not re.search("[\r\n]", start[:_MAX_HEADER]):
            raise InputError(f"{self.path}: its first line is longer than {_MAX_HEADER:,} characters: is it a table?")
        with text.open() as stream:
            self.names = _header(csv.reader(stream, delimiter=delimiter), self.path)
        if molecules:
            self.smiles_column = _find_column(self.names, smiles_column, self.path)
        self.rows = sum(1 for _ in self._records())

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """(line, cells) below the header, for a row of several lines the first; empty rows are passed over."""
        with self.text.open() as stream:
            reader = csv.reader(stream, delimiter=self.delimiter)
            try:
                next(reader)
                before = reader.line_num
                for row in reader:
                    line, before = before + 1, reader.line_num
                    if any(cell.strip() for cell in row):
                        yield line, row
            except csv.Error as error:
                raise InputError(f"{self.path}, line {reader.line_num}: {error}") from None

    def smiles(self) -> Iterator[tuple[int, str]]:
        assert self.smiles_column is not None
        position = self.names.index(self.smiles_column)
        for line, row in self._records():
            yield line, row[position].strip() if position < len(row) else ""

    def _frame(self, records: Sequence[tuple[int, list[str]]]) -> pd.DataFrame:
        # ragged rows are kept: missing cells are empty, surplus ones are cut off
        width = len(self.names)
        rows = [(row + [""] * (width - len(row)))[:width] for _, row in records]
        frame = pd.DataFrame(rows, columns=self.names, dtype=object)
        if not self.molecules:
            return frame if self.with_line else frame.drop(columns="line", errors="ignore")
        return _of_molecules(frame, [line for line, _ in records], self.smiles_column)


def _of_molecules(frame: pd.DataFrame, lines: Sequence[int], column: str | None) -> pd.DataFrame:
    """The table with a first column ``line``, in place of one of that name that it may have; ``smiles`` and ``id`` are
    called so.
    """
    frame = frame.drop(columns="line", errors="ignore")
    frame.insert(0, "line", lines if len(lines) else np.empty(0, dtype=int))
    if column != "smiles":
        frame = frame.drop(columns="smiles", errors="ignore").rename(columns={column: "smiles"})
    if "id" not in frame.columns:
        for name in ID_COLUMNS:
            if name in frame.columns:
                return frame.rename(columns={name: "id"})
    return frame


def _header(reader: Iterator[list[str]], path: Path) -> list[str]:
    """Names of the columns from the first line of a table, a repeated one with its position behind it.

    Raises:
        InputError: the line is too long or has too many columns to be that of a table of molecules.
    """
    try:
        names = [name.strip() for name in next(reader)]
    except csv.Error as error:
        raise InputError(f"{path}, line 1: {error}") from None
    if len(names) > _MAX_COLUMNS:
        raise InputError(f"{path} has {len(names):,} columns; a table of molecules has at most {_MAX_COLUMNS:,}")
    first = {name: position for position, name in reversed([*enumerate(names)])}
    return [name if first[name] == position else f"{name}.{position}" for position, name in enumerate(names)]


def _find_column(columns: Sequence[str], wanted: str | None, path: Path) -> str:
    shown = abbreviate(", ".join(columns[:20]), 500) or "none"
    if wanted is not None:
        if wanted in columns:
            return wanted
        raise InputError(f"{path} has no column {wanted!r}; its columns: {shown}")
    for name in SMILES_COLUMNS:
        if name in columns:
            return name
    for name in columns:
        if name.lower() in {known.lower() for known in SMILES_COLUMNS}:
            return name
    raise InputError(f"{path} has no SMILES column ({shown}): name it with --smiles-column")


class _Sdf(Source):
    """One row a record; a record that RDKit refuses has an empty SMILES."""

    def __init__(self, text: TextFile) -> None:
        self.path, self.text, self.rows = text.path, text, 0
        self.columns = dict.fromkeys(("smiles", "line", "id"))
        known: set[str] = set()  # headers of properties of the records that RDKit reads
        for _, block in self._records():
            self.rows += 1
            # behind the name RDKit writes the number of the record, which differs from record to record
            headers = {line[: line.rfind(">") + 1] for line in block.split("\n") if line.startswith(">")}
            if not headers <= known and (mol := _mol(block)) is not None:
                self.columns |= dict.fromkeys(_properties(mol))
                known |= headers
        if not self.rows:
            raise InputError(f"{self.path} holds no molecule")

    def _records(self) -> Iterator[tuple[int, str]]:
        with self.text.open(newline="\n") as stream:
            yield from enumerate(_blocks(stream), start=1)

    def _frame(self, records: Sequence[tuple[int, str]]) -> pd.DataFrame:
        rows = []
        for number, block in records:
            mol = _mol(block)
            smiles = "" if mol is None else Chem.MolToSmiles(mol)
            row = {"smiles": smiles, "line": number, "id": block.split("\n", 1)[0].strip()}
            rows.append(row if mol is None else row | {name: mol.GetProp(name) for name in _properties(mol)})
        return pd.DataFrame(rows, columns=[*self.columns])


def _mol(block: str) -> Chem.Mol | None:
    with rdBase.BlockLogs():
        supplier = Chem.SDMolSupplier()
        supplier.SetData(block + "\n$$$$\n")
        return next(iter(supplier), None)


def _properties(mol: Chem.Mol) -> list[str]:
    return [name for name in mol.GetPropNames() if name not in ("smiles", "line", "id")]


def _blocks(stream: TextIO) -> Iterator[str]:
    """Records between the lines that end in four dollar signs; empty ones are passed over."""
    lines: list[str] = []
    end = "$$$$\n"
    for raw in stream:
        line = raw.replace("\r\n", "\n")
        if not line.endswith(end):
            lines.append(line)
            continue
        block, lines = "".join([*lines, line.removesuffix(end)]), []
        if block.strip("\n $"):
            yield block.rstrip("\n$")
    block = "".join(lines)
    if block.strip("\n $"):
        yield block.rstrip("\n$")


class _Parquet(Source):
    """Typed columns. Integers among which one is missing are floating-point numbers in the whole file."""

    def __init__(self, path: Path, molecules: bool, smiles_column: str | None = None) -> None:
        parquet_engine()
        from pyarrow import parquet

        self.path, self.molecules = path, molecules
        try:
            with parquet.ParquetFile(path) as file:
                self.rows = file.metadata.num_rows
                self.floats = _integers_with_gaps(file)
                first = file.schema_arrow.empty_table().to_pandas()
        except Exception as error:  # pyarrow raises its own kinds for a damaged file
            raise self._damaged(error) from None
        if molecules:
            columns = [str(name) for name in first.columns if name != "line"]
            self.smiles_column = _find_column(columns, smiles_column, path)

    def _damaged(self, error: Exception) -> InputError:
        reason = [*str(error).splitlines(), type(error).__name__][0]
        return InputError(f"{self.path} is not a parquet file, or damaged: {reason}")

    def chunks(self, size: int, start: int = 0, stop: int | None = None) -> Iterator[pd.DataFrame]:
        stop = self.rows if stop is None else stop
        waiting, number = self._pieces(start, stop), start
        kept: list[pd.DataFrame] = []
        for piece in waiting:
            kept.append(piece)
            while sum(map(len, kept)) >= size:
                whole = pd.concat(kept) if len(kept) > 1 else kept[0]
                yield self._numbered(whole[:size], number)
                kept, number = [whole[size:]] if len(whole) > size else [], number + size
        if kept:
            yield self._numbered(pd.concat(kept), number)
        elif start == stop:
            yield self._numbered(self._empty(), number)

    def _pieces(self, start: int, stop: int) -> Iterator[pd.DataFrame]:
        from pyarrow import parquet

        try:
            with parquet.ParquetFile(self.path) as file:
                sizes = [file.metadata.row_group(index).num_rows for index in range(file.metadata.num_row_groups)]
                ends = np.cumsum([0, *sizes])
                groups = [index for index in range(len(sizes)) if ends[index] < stop and ends[index + 1] > start]
                number = int(ends[groups[0]]) if groups else 0
                for batch in file.iter_batches(_AT_ONCE, row_groups=groups) if groups else ():
                    first, last = max(start - number, 0), min(stop - number, len(batch))
                    number += len(batch)
                    if last > first:
                        yield self._typed(batch.slice(first, last - first))
        except Exception as error:
            raise self._damaged(error) from None

    def _typed(self, batch: Any) -> pd.DataFrame:
        import pyarrow as pa

        frame = pa.Table.from_batches([batch]).to_pandas()
        floats = [name for name in self.floats if name in frame and isinstance(frame[name].dtype, np.dtype)]
        return frame.astype(dict.fromkeys(floats, float)) if floats else frame

    def _empty(self) -> pd.DataFrame:
        from pyarrow import parquet

        with parquet.ParquetFile(self.path) as file:
            return file.schema_arrow.empty_table().to_pandas()

    def _numbered(self, frame: pd.DataFrame, start: int) -> pd.DataFrame:
        frame = frame.reset_index(drop=True)
        lines = range(start + 1, start + len(frame) + 1)
        return _of_molecules(frame, lines, self.smiles_column) if self.molecules else frame


def _integers_with_gaps(file: Any) -> list[str]:
    """Columns of integers in which a value is missing somewhere."""
    import pyarrow as pa

    names = [field.name for field in file.schema_arrow if pa.types.is_integer(field.type)]
    return [name for name in names if any(_gaps(file, name))]


def _gaps(file: Any, name: str) -> Iterator[bool]:
    """Whether each row group lacks a value of a column; the column is read where the file does not say."""
    for index in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(index)
        columns = (group.column(number) for number in range(group.num_columns))
        found = next((column for column in columns if column.path_in_schema == name), None)
        statistics = None if found is None else found.statistics
        if statistics is not None and statistics.has_null_count:
            yield statistics.null_count > 0
        else:
            yield file.read_row_group(index, columns=[name]).column(0).null_count > 0
