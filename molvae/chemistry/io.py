"""Tables of molecules in and out: .smi, .csv, .tsv, .sdf, .parquet, each also gzipped where it is text.

A file comes from anywhere: it may be empty, binary, cut short or ragged. What cannot be used at all is an
:class:`~molvae.errors.InputError` that names the file and what to do; a bad row stays in the table, so that whoever
parses it can say what became of it, and the good rows go on.
"""

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rdkit import Chem, rdBase

from molvae.chemistry.molecule import parse_smiles
from molvae.errors import InputError, MissingDependencyError, abbreviate
from molvae.run.files import atomic_path

SMILES_COLUMNS = ("smiles", "SMILES", "canonical_smiles", "Drug")
ID_COLUMNS = ("id", "ID", "name", "Name", "zinc_id", "title")
SUFFIXES = (".smi", ".txt", ".csv", ".tsv", ".sdf", ".parquet")
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_HEADERS = ("smiles", "canonical_smiles", "smile", "structure")  # first words of a .smi file that name a column
_MAX_FIELD = 1_000_000  # characters
_MAX_HEADER = 1_000_000  # characters of a table's first line
_MAX_COLUMNS = 10_000


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
    path = Path(path)
    kind = file_kind(path)
    if kind == ".sdf":
        return MoleculeTable(_read_sdf(path), path, None)
    if kind == ".parquet":
        frame = _read_parquet(path)
        frame = _numbered(frame, range(1, len(frame) + 1))
    else:
        text = read_text(path)
        if _is_plain(kind, text, smiles_column):
            return MoleculeTable(_read_smi(text, path), path, None)
        frame = _read_csv(text, path, _DELIMITERS[kind])
    column = _find_column([str(name) for name in frame.columns if name != "line"], smiles_column, path)
    if column != "smiles":
        frame = frame.drop(columns="smiles", errors="ignore").rename(columns={column: "smiles"})
    return MoleculeTable(_with_id(frame), path, column)


def stream_smiles(path: Path | str, smiles_column: str | None = None) -> Iterator[tuple[int, str]]:
    """(line, SMILES) one after another, without holding a text file in memory.

    Raises:
        InputError: as :func:`read_molecules`; a gzip file that is cut short only shows it when its end is reached.
    """
    path = Path(path)
    kind = file_kind(path)
    if kind in (".sdf", ".parquet"):
        frame = read_molecules(path, smiles_column).frame
        yield from zip(frame["line"], frame["smiles"].astype(str), strict=True)
        return
    with path.open("rb") as raw:
        head = raw.read(2)
    opener = gzip.open if _is_gzipped(head, path) else open
    try:
        # the first lines decide how the rest is read, and say what is wrong with a file that is not text
        with opener(path, "rb") as binary:
            start = binary.read(_MAX_HEADER + 1)
        _check_text(start, path)
        first = start[: start.rfind(b"\n") + 1 or None].decode("utf-8-sig", "replace")
        with opener(path, "rt", encoding="utf-8-sig", errors="replace", newline="") as text:
            if _is_plain(kind, first, smiles_column):
                yield from ((line, smiles) for line, smiles, _ in _lines(text))
                return
            reader = csv.reader(text, delimiter=_DELIMITERS[kind])
            names = _header(reader, first, path)
            position = names.index(_find_column(names, smiles_column, path))
            for line, row in _rows(reader, path):
                yield line, row[position].strip() if position < len(row) else ""
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} is a damaged or cut gzip file ({error}): get it again") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None


def _lines(text: Iterable[str]) -> Iterator[tuple[int, str, str]]:
    """(line, SMILES, name) of a .smi file; comments, empty lines and a header are passed over."""
    for number, line in enumerate(text, start=1):
        smiles, name = [*line.split(None, 1), "", ""][:2]
        is_header = number == 1 and smiles.lower() in _HEADERS
        if smiles and not smiles.startswith("#") and not is_header:
            yield number, smiles, name.strip()


def _rows(reader: Any, path: Path) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of a table below its header, for a row of several lines the first; empty ones are passed over."""
    before = reader.line_num
    try:
        for row in reader:
            line, before = before + 1, reader.line_num
            if any(cell.strip() for cell in row):
                yield line, row
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}") from None


def read_table(path: Path | str) -> pd.DataFrame:
    """Read any table (.csv, .tsv, .parquet) without looking for SMILES.

    Raises:
        InputError: the file cannot be used.
    """
    path = Path(path)
    kind = file_kind(path)
    if kind == ".parquet":
        return _read_parquet(path)
    if kind not in _DELIMITERS:
        raise InputError(f"{path}: a table is .csv, .tsv or .parquet")
    return _read_csv(read_text(path), path, _DELIMITERS[kind]).drop(columns="line")


def write_molecules(frame: pd.DataFrame, path: Path | str) -> None:
    """Write a table by the suffix of ``path``, whole or not at all.

    Raises:
        InputError: the suffix is unknown.
    """
    path = Path(path)
    kind = file_kind(path, must_exist=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        if kind == ".parquet":
            _parquet_engine()
            frame.to_parquet(temporary, index=False)
        elif kind == ".sdf":
            _write_sdf(frame, temporary)
        else:
            compression = "gzip" if path.suffix == ".gz" else None
            if kind not in _DELIMITERS:
                names = frame["id"] if "id" in frame else pd.Series([""] * len(frame), index=frame.index)
                lines = [
                    f"{s} {' '.join(str(n).split())}".rstrip() for s, n in zip(frame["smiles"], names, strict=True)
                ]
                data = "".join(f"{line}\n" for line in lines).encode()
                temporary.write_bytes(gzip.compress(data, mtime=0) if compression else data)
            else:
                frame.to_csv(temporary, index=False, sep=_DELIMITERS[kind], compression=compression)


def file_kind(path: Path, must_exist: bool = True) -> str:
    """The suffix that says what a file is, without ``.gz``.

    Raises:
        InputError: missing, not a regular file, or of a kind that we do not know.
    """
    if must_exist and not path.exists():
        raise InputError(f"no such file: {path}")
    if must_exist and path.is_dir():
        raise InputError(f"{path} is a folder, not a file")
    if must_exist and not path.is_file():
        raise InputError(f"{path} is a pipe or a device: give a regular file")
    name = path.name.lower().removesuffix(".gz")
    for suffix in SUFFIXES:
        if name.endswith(suffix):
            return suffix
    raise InputError(f"{path}: molecules come as {', '.join(SUFFIXES)} (text also with .gz)")


def read_text(path: Path) -> str:
    """The text of a file, gunzipped if need be.

    Raises:
        InputError: empty, binary, or a damaged gzip file.
    """
    try:
        data = path.read_bytes()
        if _is_gzipped(data, path):
            data = gzip.decompress(data)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} is a damaged or cut gzip file ({error}): get it again") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    _check_text(data, path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")  # names in an old encoding; SMILES are ASCII and survive


def _is_gzipped(data: bytes, path: Path) -> bool:
    gzipped = data.startswith(b"\x1f\x8b")
    if not gzipped and path.name.lower().endswith(".gz"):
        raise InputError(f"{path} is named .gz but is not gzipped: rename it or get it again")
    return gzipped


def _check_text(data: bytes, path: Path) -> None:
    if not data.removeprefix(codecs.BOM_UTF8).strip():
        raise InputError(f"{path} is empty: it holds no molecule")
    if b"\x00" in data:
        line = data[: data.index(b"\x00")].count(b"\n") + 1
        raise InputError(f"{path}, line {line}: binary data, not text; molecules come as {', '.join(SUFFIXES)}")


def _is_plain(kind: str, text: str, smiles_column: str | None) -> bool:
    """Whether lines begin with a SMILES: in .smi files, and in tables without header, such as ZINC250k's own files."""
    if kind not in _DELIMITERS or smiles_column is not None:
        return kind not in _DELIMITERS
    first = next(iter(text.lstrip("\r\n").splitlines()), "").strip()
    if _DELIMITERS[kind] in first or first in SMILES_COLUMNS:
        return False
    return parse_smiles(first)[0] is not None


def _read_smi(text: str, path: Path) -> pd.DataFrame:
    """One molecule a line, SMILES first, then perhaps a name; a header is a first word that is not a valid SMILES."""
    frame = pd.DataFrame(_lines(text.splitlines()), columns=["line", "smiles", "id"])[["smiles", "line", "id"]]
    if frame.empty:
        raise InputError(f"{path} holds no molecule")
    return frame if (frame["id"] != "").any() else frame.drop(columns="id")


def _read_csv(text: str, path: Path, delimiter: str) -> pd.DataFrame:
    """All cells as text, so that nothing is lost on the way through; numbers stay as they were written."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header = _header(reader, text, path)
    lines, rows = [], []
    for line, row in _rows(reader, path):
        lines.append(line)
        # ragged rows are kept: missing cells are empty, surplus ones are cut off
        rows.append((row + [""] * (len(header) - len(row)))[: len(header)])
    return _numbered(pd.DataFrame(rows, columns=header, dtype=object), lines)


def _numbered(frame: pd.DataFrame, lines: Sequence[int]) -> pd.DataFrame:
    """The table with a first column ``line``, in place of one of that name that it may have."""
    frame = frame.drop(columns="line", errors="ignore")
    frame.insert(0, "line", lines)
    return frame


def _header(reader: Iterator[list[str]], text: str, path: Path) -> list[str]:
    """Names of the columns from the first line of a table, a repeated one with its position behind it.

    Raises:
        InputError: the line is too long or has too many columns to be that of a table of molecules.
    """
    csv.field_size_limit(_MAX_FIELD)
    if len(text) > _MAX_HEADER and not re.search("[\r\n]", text[:_MAX_HEADER]):
        raise InputError(f"{path}: its first line is longer than {_MAX_HEADER:,} characters: is it a table?")
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


def _with_id(frame: pd.DataFrame) -> pd.DataFrame:
    if "id" not in frame.columns:
        for name in ID_COLUMNS:
            if name in frame.columns:
                return frame.rename(columns={name: "id"})
    return frame


def _read_parquet(path: Path) -> pd.DataFrame:
    _parquet_engine()
    try:
        return pd.read_parquet(path)
    except Exception as error:  # pyarrow raises its own kinds for a damaged file
        raise InputError(f"{path} is not a parquet file, or damaged: {str(error).splitlines()[0]}") from None


def _parquet_engine() -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise MissingDependencyError('parquet files need pyarrow: pip install "molvae[parquet]"') from None


def _read_sdf(path: Path) -> pd.DataFrame:
    """One row a record; a record that RDKit refuses has an empty SMILES."""
    rows = []
    for number, block in enumerate(_records(read_text(path)), start=1):
        with rdBase.BlockLogs():
            supplier = Chem.SDMolSupplier()
            supplier.SetData(block + "\n$$$$\n")
            mol = next(iter(supplier), None)
        row = {
            "smiles": "" if mol is None else Chem.MolToSmiles(mol),
            "line": number,
            "id": block.split("\n", 1)[0].strip(),
        }
        if mol is not None:
            row |= {name: mol.GetProp(name) for name in mol.GetPropNames() if name not in ("smiles", "line", "id")}
        rows.append(row)
    if not rows:
        raise InputError(f"{path} holds no molecule")
    return pd.DataFrame(rows)


def _records(text: str) -> Iterator[str]:
    for block in text.replace("\r\n", "\n").split("$$$$\n"):
        if block.strip("\n $"):
            yield block.rstrip("\n$")


def _write_sdf(frame: pd.DataFrame, path: Path) -> None:
    """2-D structures with every other column as a property; rows without a molecule are left out."""
    from rdkit.Chem import rdDepictor

    with path.open("w", encoding="utf-8") as stream:
        writer = Chem.SDWriter(stream)
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
        writer.close()


def _one_line(value: object) -> str:
    """A property of an SDF record must not end the record."""
    return " ".join(str(value).split()).replace("$$$$", "$$ $$")
