"""A run is a folder: the resolved settings, the versions, the command and the seed are written before anything else."""

import datetime
import json
import platform
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from molvae import __version__
from molvae.errors import RunFolderError
from molvae.run.files import write_text

CONFIG, PROVENANCE = "config.json", "provenance.json"
_PACKAGES = ("torch", "rdkit", "botorch", "gpytorch", "pandas", "numpy")


def create_run_folder(folder: Path, kind: str, settings: Mapping[str, Any], seed: int) -> Path:
    """Make a new run folder and record what the run is.

    Args:
        folder: must not hold a run yet.
        kind: ``design``, ``train`` or ``evaluate``.
        settings: the resolved configuration (JSON).
        seed: of the run.

    Raises:
        RunFolderError: the folder holds a run already, or cannot be written.
    """
    if (folder / CONFIG).exists():
        raise RunFolderError(f"{folder} already holds a run: go on with --resume {folder}, or give another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / PROVENANCE, json.dumps(provenance(seed), indent=1))
        # the settings come last: a folder that has them was set up completely
        write_text(folder / CONFIG, json.dumps({"kind": kind, **settings}, indent=1))
    except OSError as error:
        raise RunFolderError(f"cannot write to {folder}: {error.strerror or error}") from None
    return folder


def read_run_settings(folder: Path, kind: str | None = None) -> dict[str, Any]:
    """The settings that :func:`create_run_folder` wrote, without ``kind``.

    Raises:
        RunFolderError: no run folder, a damaged one, or a run of another kind.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise RunFolderError(f"{folder} is not a run folder: it has no {CONFIG}")
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        found = settings.pop("kind")
    except (ValueError, KeyError, AttributeError, OSError):
        raise RunFolderError(f"{path} is damaged: the run cannot be identified") from None
    if kind is not None and found != kind:
        raise RunFolderError(f"{folder} holds a run of kind {found!r}, not {kind!r}")
    return dict(settings)


def new_run_name(kind: str) -> Path:
    """``runs/<kind>-<date>-<time>``: where a run goes if the user names no folder."""
    now = datetime.datetime.now()
    return Path("runs") / f"{kind}-{now:%Y%m%d-%H%M%S}"


def provenance(seed: int) -> dict[str, Any]:
    """Versions, command line, seed and time."""
    versions = {"molvae": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "command": sys.argv,
        "seed": seed,
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "platform": platform.platform(),
        "versions": versions,
    }
