"""A run is a folder: the resolved settings, the versions, the command and the seed are written before anything else."""

import datetime
import itertools
import json
import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from molvae.errors import RunFolderError, abbreviate
from molvae.run.files import write_text
from molvae.version import __version__

CONFIG, PROVENANCE = "config.json", "provenance.json"
FORMAT = 2
_PACKAGES = ("torch", "rdkit", "botorch", "gpytorch", "pandas", "numpy", "vina", "meeko")


Complete = Callable[[dict[str, Any]], dict[str, Any]]
"""Settings as an earlier version recorded them -> with the defaults of those that have been added since."""


@dataclass(frozen=True)
class RunRecord:
    """What a run folder says of its run.

    Attributes:
        kind: of the recipe.
        settings: the resolved recipe without ``kind``; with ``kind`` it builds the recipe again.
        facts: what the settings do not say but the result depends on, such as checksums of data or weights.
    """

    kind: str
    settings: dict[str, Any]
    facts: dict[str, Any]


def is_begun(folder: Path, kind: str, settings: Mapping[str, Any], complete: Complete = dict) -> bool:
    """Whether the folder holds this very run already.

    Args:
        folder: may not be there.
        kind: of the recipe.
        settings: the resolved recipe (JSON).
        complete: a run that was begun before a setting existed goes on with its default.

    Raises:
        RunFolderError: it holds another run.
    """
    if not (folder / CONFIG).exists():
        return False
    before = read_run(folder)
    if before.kind != kind:
        raise RunFolderError(f"{folder} holds a run of kind {before.kind!r}, not {kind!r}: give another folder")
    new = _as_json(settings)
    if _difference(before.settings, new) and (change := _difference(_as_json(complete(before.settings)), new)):
        raise RunFolderError(
            f"{folder} was begun with other settings ({change}): give another folder, or go on with the old ones: "
            f"molvae resume {folder}"
        )
    return True


def open_run_folder(
    folder: Path,
    kind: str,
    settings: Mapping[str, Any],
    seed: int,
    facts: Mapping[str, Any] | None = None,
    complete: Complete = dict,
) -> Path:
    """Make a new run folder and record what the run is, or enter the one that holds this very run.

    Args:
        folder: made if need be.
        kind: of the recipe.
        settings: the resolved recipe (JSON).
        seed: of the run.
        facts: see :class:`RunRecord`.
        complete: see :func:`is_begun`.

    Raises:
        RunFolderError: the folder holds another run or cannot be written.
    """
    if is_begun(folder, kind, settings, complete):
        if change := _difference(read_run(folder).facts, _as_json(facts or {})):
            raise RunFolderError(f"{folder} cannot go on, something has changed since it began ({change})")
        return folder
    record = {"format": FORMAT, "kind": kind, "settings": settings, "facts": facts or {}}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / PROVENANCE, json.dumps(provenance(seed), indent=1))
        # the settings come last: a folder that has them was set up completely
        write_text(folder / CONFIG, json.dumps(record, indent=1))
    except OSError as error:
        raise RunFolderError(f"cannot write to {folder}: {error.strerror or error}") from None
    return folder


def _as_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """As they come back from a file: lists instead of tuples, text as keys."""
    return dict(json.loads(json.dumps(values)))


def _difference(old: Any, new: Any, name: str = "") -> str:
    """The first setting in which two records differ, in words; empty if they agree."""
    if isinstance(old, dict) and isinstance(new, dict):
        parts = (_difference(old.get(key), new.get(key), f"{name}.{key}".lstrip(".")) for key in {**old, **new})
        return next(filter(None, parts), "")
    return "" if old == new else abbreviate(f"{name}: {old!r} then, {new!r} now", 200)


def read_run(folder: Path, kind: str | None = None) -> RunRecord:
    """What :func:`open_run_folder` recorded.

    Raises:
        RunFolderError: not a run folder, a damaged one, of an older version, or a run of another kind.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise RunFolderError(f"{folder} is not a run folder: it has no {CONFIG}")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        version = record.get("format")
        if version == FORMAT:
            run = RunRecord(str(record["kind"]), dict(record["settings"]), dict(record["facts"]))
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        raise RunFolderError(f"{path} is damaged: the run cannot be identified") from None
    if version != FORMAT:
        raise RunFolderError(
            f"{folder} was written by another version of molvae (format {version or 1}; this one reads {FORMAT}): "
            "use that version, or begin the run anew in another folder"
        )
    if kind is not None and run.kind != kind:
        raise RunFolderError(f"{folder} holds a run of kind {run.kind!r}, not {kind!r}")
    return run


def new_run_name(kind: str) -> Path:
    """``runs/<kind>-<date>-<time>``: where a run goes if the user names no folder; one that is not there yet."""
    name = f"{kind}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
    numbered = (Path("runs") / (name if number == 1 else f"{name}-{number}") for number in itertools.count(1))
    return next(folder for folder in numbered if not folder.exists())


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
