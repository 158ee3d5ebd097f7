"""Which kind a table file is, and what text it holds: looked at once, piece by piece, before anything is read of it."""

import codecs
import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from molvae.errors import InputError, MissingDependencyError
from molvae.run import files
from molvae.run.files import is_gzipped

SUFFIXES = (".smi", ".txt", ".csv", ".tsv", ".sdf", ".parquet")
DELIMITERS = {".csv": ",", ".tsv": "\t"}
_PIECE = 1 << 20  # bytes


def file_kind(path: Path, must_exist: bool = True) -> str:
    """The suffix that says what a file of molecules is, see :func:`molvae.run.files.file_kind`."""
    return files.file_kind(path, SUFFIXES, "molecules", must_exist)


def parquet_engine() -> None:
    """Ask for pyarrow, an extra.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise MissingDependencyError('parquet files need pyarrow: pip install "molvae[parquet]"') from None


def empty(path: Path) -> InputError:
    """What is said of a text file without a character in it."""
    return InputError(f"{path} is empty: it holds no molecule")


def binary(path: Path, line: int) -> InputError:
    """What is said of a text file with a zero byte in this line."""
    return InputError(f"{path}, line {line}: binary data, not text; molecules come as {', '.join(SUFFIXES)}")


def damaged(path: Path, error: Exception) -> InputError:
    """What is said of a gzip file that cannot be unpacked."""
    return InputError(f"{path} is a damaged or cut gzip file ({error}): get it again")


@dataclass(frozen=True)
class TextFile:
    """A text file that may be read from one end to the other: it is whole, holds text, and its encoding is known."""

    path: Path
    gzipped: bool
    encoding: str

    @classmethod
    def examine(cls, path: Path) -> "TextFile":
        """Go through the file once.

        Raises:
            InputError: empty, binary, or a damaged gzip file.
        """
        try:
            with path.open("rb") as raw:
                gzipped = is_gzipped(raw.read(2), path)
            with _opened(path, gzipped) as file:
                return cls(path, gzipped, _encoding(file, path))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise damaged(path, error) from None
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror or error}") from None

    def open(self, newline: str = "") -> TextIO:
        """The text, its line ends as they are; ``newline`` as in :func:`open`."""
        if self.gzipped:
            return cast(TextIO, gzip.open(self.path, "rt", encoding=self.encoding, newline=newline))
        return self.path.open("rt", encoding=self.encoding, newline=newline)


def _opened(path: Path, gzipped: bool) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb")) if gzipped else path.open("rb")


def _encoding(file: BinaryIO, path: Path) -> str:
    """UTF-8, or Latin-1: names in an old encoding; SMILES are ASCII and survive."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    encoding, blank, line, first = "utf-8-sig", True, 1, True
    while piece := file.read(_PIECE):
        if b"\x00" in piece:
            raise binary(path, line + piece[: piece.index(b"\x00")].count(b"\n"))
        line += piece.count(b"\n")
        blank = blank and not (piece.removeprefix(codecs.BOM_UTF8) if first else piece).strip()
        first = False
        if encoding != "latin-1":
            try:
                decoder.decode(piece)
            except UnicodeDecodeError:
                encoding = "latin-1"
    if blank:
        raise empty(path)
    if encoding != "latin-1":
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            encoding = "latin-1"
    return encoding
