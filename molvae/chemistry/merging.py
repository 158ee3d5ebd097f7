"""Files of the same kind and the same columns to one, piece by piece."""

import csv
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd

from molvae.chemistry.formats import DELIMITERS, TextFile, file_kind
from molvae.chemistry.source import MAX_FIELD, open_table
from molvae.chemistry.writing import table_writer, text_writer
from molvae.errors import InputError
from molvae.run.files import atomic_path, is_gzipped

Change = Callable[[pd.DataFrame], pd.DataFrame]
"""What is done to some rows of a table on their way."""
_ROWS = 8192


def join(paths: Iterable[Path], output: Path, change: Change | None = None) -> int | None:
    """Write the rows of files one after another, whole or not at all.

    Args:
        paths: files of the kind of ``output``; text may be gzipped or not.
        output: where they go.
        change: for .csv, .tsv and .parquet.

    Returns:
        How many rows of a table they were; None for .smi and .sdf, which may hold fewer than were made.

    Raises:
        InputError: files of different kinds, or with different columns.
    """
    kind = file_kind(output, must_exist=False)
    checked = (_of_kind(path, kind, output) for path in paths)
    if kind == ".parquet" or (change is not None and kind in DELIMITERS):
        return _join_tables(checked, output, change)
    with atomic_path(output) as temporary, text_writer(temporary, output.suffix == ".gz") as stream:
        if kind not in DELIMITERS:
            for path in checked:
                if path.stat().st_size == 0:
                    continue  # a shard of which every row was refused
                with path.open("rb") as raw:
                    gzipped = is_gzipped(raw.read(2), path)
                with TextFile(path, gzipped, "utf-8").open() as part:
                    shutil.copyfileobj(part, stream)
            return None
        csv.field_size_limit(MAX_FIELD)
        writer, rows, header = csv.writer(stream, delimiter=DELIMITERS[kind], lineterminator="\n"), 0, None
        for path in checked:
            with TextFile.examine(path).open() as part:
                reader = csv.reader(part, delimiter=DELIMITERS[kind])
                columns = next(reader)
                if header is None:
                    header = columns
                    writer.writerow(header)
                _same_columns(header, columns, path)
                for row in reader:
                    writer.writerow(row)
                    rows += 1
        return rows


def _of_kind(path: Path, kind: str, output: Path) -> Path:
    if file_kind(path) != kind:
        raise InputError(f"{path} is of another kind than {output.name}: give the result the suffix of its parts")
    return path


def _join_tables(paths: Iterable[Path], output: Path, change: Change | None) -> int:
    rows, header = 0, None
    with table_writer(output) as append:
        for path in paths:
            for table in open_table(path, with_line=True).chunks(_ROWS):
                header = header or [*table.columns]
                _same_columns(header, [*table.columns], path)
                append(table if change is None else change(table))
                rows += len(table)
    return rows


def _same_columns(wanted: list[str], found: list[str], path: Path) -> None:
    if wanted != found:
        raise InputError(f"{path} has other columns than the first: {', '.join(found)[:200]}")
