"""The folder that the page works in: runs by short names, and nothing outside it."""

import datetime
import os
import re
from dataclasses import dataclass
from pathlib import Path

from molvae.errors import ConfigError, RunFolderError, abbreviate
from molvae.run.folder import CONFIG, read_run

VARIABLE = "MOLVAE_APP_WORKSPACE"
"""Environment variable by which ``molvae app`` tells the page where it works."""
JOB = "app"
"""Folder inside a run folder that holds what was asked for in the browser, and how far it has come."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_TRAINING = ("train", "train_graph")  # kinds of runs that leave a model of molecules
_MAX_RUNS = 1000  # listed


@dataclass(frozen=True)
class Workspace:
    """A folder of run folders.

    Attributes:
        root: absolute, without links.
    """

    root: Path

    @classmethod
    def open(cls, root: Path | str | None = None) -> "Workspace":
        """The workspace of this server, made if need be.

        Args:
            root: default: what :data:`VARIABLE` says, or ``runs``.

        Raises:
            RunFolderError: it cannot be made.
        """
        folder = Path(root or os.environ.get(VARIABLE) or "runs")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunFolderError(f"cannot work in {folder}: {error.strerror or error}") from None
        return cls(folder.resolve())

    def holds(self, path: Path) -> bool:
        """Whether a path lies inside, links followed."""
        return path.resolve().is_relative_to(self.root)

    def folder(self, name: str) -> Path:
        """The folder of a run by its name, whether it is there or not.

        Raises:
            ConfigError: not a name, or a link that leads out of the workspace.
        """
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"{abbreviate(name)!r} is not a name for a run: take up to 64 letters, digits, '-', '_' and '.', "
                "beginning with a letter or digit"
            )
        folder = self.root / name
        if not self.holds(folder):
            raise ConfigError(f"{name} leads out of the workspace")
        return folder

    def runs(self) -> list[str]:
        """Names of the runs, the newest first: run folders, and what was asked for but could not begin."""
        found: list[tuple[float, str]] = []
        for entry in os.scandir(self.root):
            folder = Path(entry.path)
            if not _NAME.fullmatch(entry.name) or not entry.is_dir() or not self.holds(folder):
                continue
            for mark in (folder / CONFIG, folder / JOB):
                if mark.exists():
                    found.append((mark.stat().st_mtime, entry.name))
                    break
        return [name for _, name in sorted(found, reverse=True)[:_MAX_RUNS]]

    def kind(self, name: str) -> str:
        """Kind of a run; empty if its folder says none."""
        try:
            return read_run(self.folder(name)).kind
        except RunFolderError:
            return ""

    def trained_models(self) -> list[str]:
        """Names of runs that have trained a model of molecules."""
        return [
            name
            for name in self.runs()
            if (self.folder(name) / "model" / CONFIG).is_file() and self.kind(name) in _TRAINING
        ]

    def new_name(self, kind: str) -> str:
        """``<kind>-<date>-<time>``, one that is free."""
        name = f"{kind}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
        number = 1
        while (self.root / name).exists():
            number += 1
            name = f"{name.rsplit('_', 1)[0]}_{number}"
        return name
