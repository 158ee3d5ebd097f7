"""Tables of molecules to files, piece by piece: a file is there whole at the end, or not at all."""

import gzip
import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TextIO

import pandas as pd
from rdkit import Chem

from molvae.chemistry.formats import DELIMITERS, file_kind, parquet_engine
from molvae.chemistry.molecule import parse_smiles
from molvae.run.files import atomic_path

Append = Callable[[pd.DataFrame], None]
"""Takes the next rows of a table, always with the same columns."""
_ROW_GROUP = 65_536  # rows of a parquet file that are compressed together


@contextmanager
def table_writer(path: Path | str) -> Iterator[Append]:
    """Write a table by the suffix of ``path``; what is appended takes its place when the block ends without an error.

    A gzip file holds no date: the same rows are the same bytes.

    Raises:
        InputError: the suffix is unknown.
        MissingDependencyError: parquet without pyarrow.
    """
    path = Path(path)
    kind = file_kind(path, must_exist=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary, ExitStack() as stack:
        if kind == ".parquet":
            yield stack.enter_context(_parquet(temporary))
        else:
            stream = stack.enter_context(text_writer(temporary, path.suffix == ".gz"))
            if kind == ".sdf":
                yield stack.enter_context(_sdf(stream))
            else:
                yield csv_append(stream, DELIMITERS[kind]) if kind in DELIMITERS else _smi_append(stream)


@contextmanager
def text_writer(path: Path, gzipped: bool) -> Iterator[TextIO]:
    """A stream of text to a file, its line ends as they are written."""
    with ExitStack() as stack:
        raw: Any = stack.enter_context(path.open("wb"))
        if gzipped:
            raw = stack.enter_context(gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0))
        yield stack.enter_context(io.TextIOWrapper(raw, encoding="utf-8", newline=""))


def csv_append(stream: TextIO, delimiter: str = ",") -> Append:
    """Rows as text with delimiters, below one header."""
    header = True

    def append(frame: pd.DataFrame) -> None:
        nonlocal header
        frame.to_csv(stream, index=False, sep=delimiter, header=header, lineterminator="\n")
        header = False

    return append


def _smi_append(stream: TextIO) -> Append:
    def append(frame: pd.DataFrame) -> None:
        names = frame["id"] if "id" in frame else pd.Series([""] * len(frame), index=frame.index)
        for smiles, name in zip(frame["smiles"], names, strict=True):
            stream.write(f"{smiles} {' '.join(str(name).split())}".rstrip() + "\n")

    return append


@contextmanager
def _sdf(stream: TextIO) -> Iterator[Append]:
    """2-D structures with every other column as a property; rows without a molecule are left out."""
    from rdkit.Chem import rdDepictor

    writer = Chem.SDWriter(stream)

    def append(frame: pd.DataFrame) -> None:
        for row in frame.to_dict("records"):
            mol, _ = parse_smiles(str(row["smiles"]))
            if mol is None:
                continue
            rdDepictor.Compute2DCoords(mol)
            mol.SetProp("_Name", _one_line(row.get("id", "")))
            for name, value in row.items():
                if name != "id" and not (isinstance(value, float) and value != value):
                    mol.SetProp(_one_line(str(name)).replace("<", "(").replace(">", ")"), _one_line(value))
            writer.write(mol)

    try:
        yield append
    finally:
        writer.close()


def _one_line(value: object) -> str:
    """A property of an SDF record must not end the record."""
    return " ".join(str(value).split()).replace("$$$$", "$$ $$")


class _Parquet:
    """Row groups in one file. What the first rows left open, a column without a single value, later ones decide: then
    the rows so far are written once more, with the type that all agree on.
    """

    def __init__(self, path: Path) -> None:
        parquet_engine()
        self.path = path
        self.writer: Any = None
        self.waiting: list[Any] = []
        self.rows = 0

    def append(self, frame: pd.DataFrame) -> None:
        import pyarrow as pa

        self.waiting.append(pa.Table.from_pandas(frame, preserve_index=False))
        self.rows += len(frame)
        if self.rows >= _ROW_GROUP:
            self.flush()

    def flush(self) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        if not self.waiting:
            return
        schemas = [table.schema for table in self.waiting]
        if self.writer is not None:
            schemas.insert(0, self.writer.schema)
        schema = pa.unify_schemas(schemas, promote_options="permissive").with_metadata(schemas[-1].metadata)
        if self.writer is None:
            self.writer = parquet.ParquetWriter(self.path, schema)
        elif not schema.equals(self.writer.schema):
            self.writer.close()
            earlier = self.path.with_name(f"{self.path.name}.earlier")
            self.path.rename(earlier)
            try:
                self.writer = parquet.ParquetWriter(self.path, schema)
                with parquet.ParquetFile(earlier) as file:
                    for batch in file.iter_batches(_ROW_GROUP):
                        self.writer.write_table(pa.Table.from_batches([batch]).cast(schema))
            finally:
                earlier.unlink()
        whole = pa.concat_tables([table.cast(self.writer.schema) for table in self.waiting])
        self.writer.write_table(whole, row_group_size=_ROW_GROUP)
        self.waiting, self.rows = [], 0


@contextmanager
def _parquet(path: Path) -> Iterator[Append]:
    file = _Parquet(path)
    try:
        yield file.append
        file.flush()
    finally:
        if file.writer is not None:
            file.writer.close()
