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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pandas as pd
from rdkit import Chem, rdBase

from molvae.chemistry.molecule import parse_smiles
from molvae.errors import InputError, MissingDependencyError, abbreviate
from molvae.run.files import atomic_path

SMILES_COLUMNS = ("smiles", "SMILES", "canonical_smiles", "Drug")
ID_COLUMNS = ("id", "ID", "name", "Name", "zinc_id", "title")
SUFFIXES = (".smi", ".txt", ".csv", ".tsv", ".sdf", ".parquet")
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
        frame = frame.drop(columns="line", errors="ignore")
        frame.insert(0, "line", range(1, len(frame) + 1))
    else:
        text = read_text(path)
        if kind in (".smi", ".txt"):
            return MoleculeTable(_read_smi(text, path), path, None)
        delimiter = "\t" if kind == ".tsv" else ","
        if smiles_column is None and _is_headerless(text, delimiter):
            return MoleculeTable(_read_smi(text, path), path, None)
        frame = _read_csv(text, path, delimiter)
    column = _find_column([str(name) for name in frame.columns if name != "line"], smiles_column, path)
    frame = (
        frame.rename(columns={column: "smiles"})
        if "smiles" not in frame.columns or column == "smiles"
        else (frame.drop(columns="smiles").rename(columns={column: "smiles"}))
    )
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
        delimiter = "\t" if kind == ".tsv" else ","
        plain = kind in (".smi", ".txt") or (smiles_column is None and _is_headerless(first, delimiter))
        position = None
        if not plain:
            names = _header(csv.reader(io.StringIO(first, newline=""), delimiter=delimiter), first, path)
            position = names.index(_find_column(names, smiles_column, path))
        with opener(path, "rt", encoding="utf-8-sig", errors="replace", newline="") as text:
            yield from _stream_plain(text) if position is None else _stream_column(text, delimiter, position)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} is a damaged or cut gzip file ({error}): get it again") from None
    except csv.Error as error:
        raise InputError(f"{path}, line 1: {error}") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None


def _stream_plain(text: TextIO) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text, start=1):
        smiles = _first_word(line, number)
        if smiles:
            yield number, smiles


def _stream_column(text: TextIO, delimiter: str, position: int) -> Iterator[tuple[int, str]]:
    reader = csv.reader(text, delimiter=delimiter)
    next(reader)
    before = reader.line_num
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            row = []
        line, before = before + 1, reader.line_num
        if any(cell.strip() for cell in row):
            yield line, row[position].strip() if position < len(row) else ""


def _first_word(line: str, number: int) -> str:
    """The SMILES of a line of a .smi file; empty for a comment, an empty line or a header."""
    parts = line.split(None, 1)
    if not parts or parts[0].startswith("#"):
        return ""
    return "" if number == 1 and parts[0].lower() in _HEADERS else parts[0]


def read_table(path: Path | str) -> pd.DataFrame:
    """Read any table (.csv, .tsv, .parquet) without looking for SMILES.

    Raises:
        InputError: the file cannot be used.
    """
    path = Path(path)
    kind = file_kind(path)
    if kind == ".parquet":
        return _read_parquet(path)
    if kind not in (".csv", ".tsv"):
        raise InputError(f"{path}: a table is .csv, .tsv or .parquet")
    return _read_csv(read_text(path), path, "\t" if kind == ".tsv" else ",").drop(columns="line")


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
            if kind in (".smi", ".txt"):
                names = frame["id"] if "id" in frame else pd.Series([""] * len(frame), index=frame.index)
                lines = [
                    f"{s} {' '.join(str(n).split())}".rstrip() for s, n in zip(frame["smiles"], names, strict=True)
                ]
                data = "".join(f"{line}\n" for line in lines).encode()
                temporary.write_bytes(gzip.compress(data, mtime=0) if compression else data)
            else:
                frame.to_csv(temporary, index=False, sep="\t" if kind == ".tsv" else ",", compression=compression)


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


def _is_headerless(text: str, delimiter: str) -> bool:
    """Whether the first line is one SMILES and nothing else, as in ZINC250k's own files."""
    first = next(iter(text.lstrip("\r\n").splitlines()), "").strip()
    if delimiter in first or first in SMILES_COLUMNS or not first:
        return False
    mol, _ = parse_smiles(first)
    return mol is not None


def _read_smi(text: str, path: Path) -> pd.DataFrame:
    """One molecule a line, SMILES first, then perhaps a name; a header is a first word that is not a valid SMILES."""
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        smiles = _first_word(line, number)
        if smiles:
            rows.append({"smiles": smiles, "line": number, "id": line.strip()[len(smiles) :].strip()})
    if not rows:
        raise InputError(f"{path} holds no molecule")
    frame = pd.DataFrame(rows)
    return frame if (frame["id"] != "").any() else frame.drop(columns="id")


def _read_csv(text: str, path: Path, delimiter: str) -> pd.DataFrame:
    """All cells as text, so that nothing is lost on the way through; numbers stay as they were written."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows: list[list[str]] = []
    lines: list[int] = []
    header = _header(reader, text, path)
    try:
        before = reader.line_num
        for row in reader:
            line, before = before + 1, reader.line_num
            if any(cell.strip() for cell in row):
                # ragged rows are kept: missing cells are empty, surplus ones are cut off
                rows.append((row + [""] * (len(header) - len(row)))[: len(header)])
                lines.append(line)
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}") from None
    frame = pd.DataFrame(rows, columns=header, dtype=object)
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
