"""Tables of proteins in and out: FASTA, CSV, TSV and one sequence a line, each also gzipped.

A file comes from anywhere: empty, binary, cut short, with junk in it. What cannot be used at all is an
:class:`~molvae.errors.InputError` that names the file; a bad row stays in the table, so that whoever parses it can say
what became of it.
"""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from molvae.errors import InputError
from molvae.run.files import atomic_path, file_kind, is_gzipped

SEQUENCE_COLUMNS = ("sequence", "Sequence", "seq", "Unaligned_Sequence", "protein", "aligned_sequence")
"""Names by which a column of sequences is found, in this order."""
FASTA = (".fasta", ".fa", ".faa", ".a3m", ".afa")
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
SUFFIXES = (*FASTA, *_DELIMITERS, ".txt")
_MAX_FIELD = 1_000_000  # characters of a cell, or of one sequence
_MAX_BYTES = 2_000_000_000
_WIDTH = 80  # residues of a line of FASTA


def read_proteins(path: Path | str, column: str | None = None) -> pd.DataFrame:
    """Read a file of proteins by its suffix.

    Args:
        path: .fasta (.fa, .faa, .a3m, .afa), .csv, .tsv or .txt (a sequence a line), each also with .gz.
        column: of a table, that holds the sequences; default: the first of :data:`SEQUENCE_COLUMNS` that is there.

    Returns:
        ``sequence`` (as written), ``line`` (from 1: where it begins in the file), then all other columns; of FASTA
        ``id`` (the first word of the header) and ``description`` (the rest), where there is one.

    Raises:
        InputError: the file cannot be used; names it and says what to do.
    """
    path = Path(path)
    kind = file_kind(path, SUFFIXES, "proteins")
    text = _read_text(path)
    if kind in _DELIMITERS:
        return _read_table(text, path, _DELIMITERS[kind], column)
    if kind in FASTA or text.lstrip().startswith(">"):
        frame = pd.DataFrame(_records(text, path), columns=["sequence", "line", "id", "description"])
    else:
        rows = [(line.strip(), number) for number, line in enumerate(_lines(text), 1) if line.strip()]
        frame = pd.DataFrame(rows, columns=["sequence", "line"])
    if frame.empty:
        raise InputError(f"{path} holds no sequence")
    empty = [name for name in ("id", "description") if name in frame and not frame[name].astype(bool).any()]
    return frame.drop(columns=empty)


def write_proteins(frame: pd.DataFrame, path: Path | str) -> None:
    """Write a table by the suffix of ``path``, whole or not at all; FASTA takes the rows that have a sequence.

    Raises:
        InputError: the suffix is unknown.
    """
    path = Path(path)
    kind = file_kind(path, SUFFIXES, "proteins", must_exist=False)
    if kind in _DELIMITERS:
        text = frame.to_csv(index=False, sep=_DELIMITERS[kind])
    elif kind == ".txt":
        text = "".join(f"{sequence}\n" for sequence in frame["sequence"].dropna())
    else:
        text = fasta(frame)
    data = text.encode("utf-8", "backslashreplace")
    with atomic_path(path) as temporary:
        temporary.write_bytes(gzip.compress(data, mtime=0) if path.name.lower().endswith(".gz") else data)


def fasta(frame: pd.DataFrame) -> str:
    """A table as FASTA: the column ``id``, or the number of the row, then ``score`` if there is one."""
    parts = []
    for number, row in enumerate(frame.to_dict("records"), start=1):
        sequence = row["sequence"]
        if not isinstance(sequence, str) or not sequence:
            continue
        name = "_".join(str(row.get("id", "")).split()) or str(number)
        score = f" score={row['score']:.6g}" if isinstance(row.get("score"), float) and pd.notna(row["score"]) else ""
        lines = "\n".join(sequence[first : first + _WIDTH] for first in range(0, len(sequence), _WIDTH))
        parts.append(f">{name}{score}\n{lines}\n")
    return "".join(parts)


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"{path} is larger than {_MAX_BYTES:,} bytes: cut it into several files")
        data = path.read_bytes()
        if is_gzipped(data, path):
            with gzip.open(io.BytesIO(data)) as file:
                data = file.read(_MAX_BYTES + 1)
            if len(data) > _MAX_BYTES:
                raise InputError(f"{path} unpacks to more than {_MAX_BYTES:,} bytes: cut it into several files")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} is a damaged or cut gzip file ({error}): get it again") from None
    except OSError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    if not data.strip():
        raise InputError(f"{path} is empty: it holds no sequence")
    if b"\x00" in data:
        line = data[: data.index(b"\x00")].count(b"\n") + 1
        raise InputError(f"{path}, line {line}: binary data, not text; proteins come as {', '.join(SUFFIXES)}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")  # names in an old encoding; sequences are ASCII and survive


def _lines(text: str) -> list[str]:
    # str.splitlines() also cuts at characters that names in old encodings hold
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _records(text: str, path: Path) -> Iterator[tuple[str, int, str, str]]:
    """(sequence, line, id, description) of FASTA; what stands before the first header is refused."""
    parts: list[str] = []
    head: tuple[int, str, str] | None = None
    for number, line in enumerate(_lines(text), start=1):
        if line.startswith(">"):
            if head is not None:
                yield ("".join(parts), *head)
            name, description = [*line[1:].split(None, 1), "", ""][:2]
            head, parts = (number, name, description.strip()), []
        elif line.startswith(";"):
            continue
        elif line.strip():
            if head is None:
                raise InputError(f"{path}, line {number}: a FASTA file begins with '>' and a name")
            parts.append(line.strip())
    if head is not None:
        yield ("".join(parts), *head)


def _read_table(text: str, path: Path, delimiter: str, column: str | None) -> pd.DataFrame:
    """All cells as text, so that nothing is lost on the way through."""
    csv.field_size_limit(_MAX_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows, lines = [], []
    try:
        first = next(reader, None)
        if first is None:
            raise InputError(f"{path} is empty: it holds no sequence")
        header = [name.strip() or f"column {place}" for place, name in enumerate(first, 1)]
        before = reader.line_num
        for row in reader:
            line, before = before + 1, reader.line_num
            if any(cell.strip() for cell in row):
                lines.append(line)
                rows.append((row + [""] * (len(header) - len(row)))[: len(header)])
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}") from None
    header = [name if header.index(name) == place else f"{name} {place + 1}" for place, name in enumerate(header)]
    found = _column(header, column, path)
    if not rows:
        raise InputError(f"{path} holds no sequence below its header")
    frame = pd.DataFrame(rows, columns=header, dtype=object).drop(
        columns=[] if found == "line" else "line", errors="ignore"
    )
    if found != "sequence":
        frame = frame.drop(columns="sequence", errors="ignore").rename(columns={found: "sequence"})
    others = [name for name in frame.columns if name != "sequence"]
    frame.insert(0, "line", lines)
    return frame[["sequence", "line", *others]]


def _column(header: list[str], column: str | None, path: Path) -> str:
    if column is not None:
        if column not in header:
            raise InputError(f"{path} has no column {column!r}; its columns: {', '.join(header)}")
        return column
    for name in SEQUENCE_COLUMNS:
        if name in header:
            return name
    if len(header) == 1 and re.fullmatch(r"[A-Za-z*.-]{20,}", header[0]):
        raise InputError(f"{path} has no header: its first line must name the columns, one of them 'sequence'")
    raise InputError(
        f"{path} has no column of sequences ({', '.join(SEQUENCE_COLUMNS)}); its columns: {', '.join(header[:20])}:"
        " name the right one"
    )
