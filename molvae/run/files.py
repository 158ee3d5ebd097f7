"""Files and folders that are written whole or not at all, and what kind a file of the user is."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from molvae.errors import InputError


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place only if the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder beside ``folder`` that becomes it only if the block succeeds, and no other process was faster.

    It is for what several processes would write alike, such as a cache.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".part-"))
    try:
        yield temporary
        try:
            os.replace(temporary, folder)
        except OSError:
            if not folder.is_dir():  # else another process was faster; its result is the same
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def file_kind(path: Path, suffixes: Sequence[str], what: str, must_exist: bool = True) -> str:
    """The suffix that says what a file is, without ``.gz``.

    Args:
        path: of a file to be read, or to be written.
        suffixes: those that are known, in small letters.
        what: comes in files of these kinds, such as ``molecules``.
        must_exist: it is to be read.

    Raises:
        InputError: missing, not a regular file, or of a kind that is not known.
    """
    if must_exist and not path.exists():
        raise InputError(f"no such file: {path}")
    if must_exist and path.is_dir():
        raise InputError(f"{path} is a folder, not a file")
    if must_exist and not path.is_file():
        raise InputError(f"{path} is a pipe or a device: give a regular file")
    name = path.name.lower().removesuffix(".gz")
    for suffix in suffixes:
        if name.endswith(suffix):
            return suffix
    raise InputError(f"{path}: {what} come as {', '.join(suffixes)} (text also with .gz)")


def is_gzipped(data: bytes, path: Path) -> bool:
    """Whether a file that begins so is a gzip file.

    Raises:
        InputError: it is not, but its name says so.
    """
    gzipped = data.startswith(b"\x1f\x8b")
    if not gzipped and path.name.lower().endswith(".gz"):
        raise InputError(f"{path} is named .gz but is not gzipped: rename it or get it again")
    return gzipped
