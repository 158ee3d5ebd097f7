"""Molecules from the browser: files and pasted text, in a folder that only their session knows.

Of the name of a file nothing is kept but its suffix, if it is one that we read. A file is named by its content, so
that a page that is drawn again finds what it has written.
"""

import hashlib
import secrets
import shutil
import time
from pathlib import Path

import pandas as pd

from molvae.app.workspace import Workspace
from molvae.chemistry.io import read_molecules
from molvae.errors import InputError, abbreviate

MAX_MEGABYTES = 20
"""Largest upload; the server refuses more, too."""
MAX_ROWS = 100_000
"""Most molecules of an upload."""
MAX_PASTED = 200_000
"""Most characters of pasted text."""
SUFFIXES = (".smi", ".txt", ".csv", ".tsv", ".sdf")
"""Formats that are taken: plain ones, since what is packed may be of any size."""
_FOLDER = ".uploads"
_MAX_AGE = 24 * 3600  # seconds after which the upload of a session that is long over is removed


def new_session() -> str:
    """A secret name for the uploads of one session."""
    return secrets.token_hex(16)


def store(workspace: Workspace, session: str, name: str, data: bytes) -> Path:
    """Keep an upload.

    Args:
        workspace: of the server.
        session: of :func:`new_session`.
        name: as the browser calls the file.
        data: its content.

    Raises:
        InputError: too large, or of a kind that is not read.
    """
    suffix = Path(name.replace("\\", "/")).suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"files of molecules end in {', '.join(SUFFIXES)}; this one in {abbreviate(suffix, 20)!r}")
    if len(data) > MAX_MEGABYTES * 2**20:
        raise InputError(f"the file is larger than {MAX_MEGABYTES} MB: take a part of it, or the command line")
    folder = workspace.root / _FOLDER / session
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{hashlib.sha256(data).hexdigest()[:24]}{suffix}"
    if not path.exists():
        path.write_bytes(data)
    return path


def store_text(workspace: Workspace, session: str, text: str) -> Path:
    """Keep pasted molecules, one a line, perhaps with a name behind the SMILES.

    Raises:
        InputError: longer than a page takes.
    """
    if len(text) > MAX_PASTED:
        raise InputError(f"at most {MAX_PASTED:,} characters can be pasted: upload a file instead")
    return store(workspace, session, "pasted.smi", text.encode("utf-8", "replace"))


def read_upload(path: Path, smiles_column: str | None = None) -> pd.DataFrame:
    """The molecules of an upload: ``smiles``, ``line`` and its other columns.

    Raises:
        InputError: the file cannot be used; calls it "the file", since its name is ours.
    """
    try:
        frame = read_molecules(path, smiles_column).frame
    except InputError as error:
        raise InputError(str(error).replace(str(path), "the file")) from None
    if len(frame) > MAX_ROWS:
        raise InputError(f"the file has {len(frame):,} rows; {MAX_ROWS:,} are taken: use a part, or the command line")
    return frame


def holds_upload(workspace: Workspace, path: Path) -> bool:
    """Whether a path is an upload of this workspace."""
    return path.resolve().is_relative_to(workspace.root / _FOLDER) and path.is_file()


def remove_old(workspace: Workspace) -> None:
    """Remove what sessions of former days have left."""
    for folder in (workspace.root / _FOLDER).glob("*"):
        if folder.is_dir() and not folder.is_symlink() and time.time() - folder.stat().st_mtime > _MAX_AGE:
            shutil.rmtree(folder, ignore_errors=True)
