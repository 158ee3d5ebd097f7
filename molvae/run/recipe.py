"""A recipe is a run that executes itself: what is to be done, and a context that says where and with what.

    result = recipe.execute(Context(folder=Path("runs/first"), device="cpu"))

The settings of the recipe decide what comes out; the context decides only where the result lies, on what machine it is
computed, and who watches. The same recipe in the same folder goes on where it was, whatever its kind; a folder that was
begun with other settings is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

from molvae.errors import ConfigError
from molvae.run.config import Config
from molvae.run.folder import is_begun, new_run_name, open_run_folder
from molvae.run.progress import Progress, on_stderr


@dataclass(frozen=True)
class Context:
    """Where a recipe is executed.

    Attributes:
        folder: run folder; None: ``runs/<kind>-<date>-<time>``.
        device: ``auto`` or a torch device.
        workers: processes for what can be done in parallel; 0: as many as pay.
        mirror: data sets are read from this folder instead of the network.
        progress: told how far the work has come.
        tensorboard: also write TensorBoard events, where something is trained.
        cluster: where oracles run, such as ``tcp://host:8786``; None: on this machine.
    """

    folder: Path | None = None
    device: str = "auto"
    workers: int = 0
    mirror: Path | None = None
    progress: Progress = on_stderr
    tensorboard: bool = False
    cluster: str | None = None


@dataclass(frozen=True)
class Result:
    """What an executed recipe leaves behind.

    Attributes:
        folder: the run folder.
        text: the main numbers, to be printed.
        files: what else is worth opening, by what it is: ``numbers``, ``table``, ``model``.
        table: the main table, for a notebook.
    """

    folder: Path
    text: str = ""
    files: Mapping[str, Path] = field(default_factory=dict)
    table: pd.DataFrame | None = None


class Recipe(Config):
    """Base of every kind of run; a subclass has a ``kind``, says what it uses of a context, and does its work."""

    uses: ClassVar[frozenset[str]] = frozenset()
    """Of ``device``, ``workers``, ``mirror``, ``tensorboard`` and ``cluster`` those that make a difference to this kind
    of run; and ``processes``, if several of ``torch.distributed.run`` may work on it together.
    """
    kind: str

    def execute(self, context: Context) -> Result:
        """Do the work, or go on with it, and say where the result lies.

        Raises:
            RunFolderError: the folder holds another run, or one that was begun with other settings.
        """
        raise NotImplementedError

    def check_context(self, context: Context) -> None:
        """Refuse what this kind of run would silently ignore.

        Raises:
            ConfigError: the context sets something that makes no difference.
        """
        default = Context()
        flags = {"device": "--device", "workers": "-n", "mirror": "--mirror", "tensorboard": "--tensorboard"}
        flags["cluster"] = "--cluster"
        for name, flag in flags.items():
            if name not in self.uses and getattr(context, name) != getattr(default, name):
                raise ConfigError(f"a run of kind {self.kind!r} has no use for {flag}: leave it out")

    @property
    def settings_of_run(self) -> dict[str, Any]:
        """What the run folder records: with ``kind``, they build the recipe again."""
        return self.model_dump(mode="json", exclude={"kind"})

    def is_begun(self, context: Context) -> bool:
        """Whether the folder holds this very run already; asked before the work that comes before a folder is opened.

        Raises:
            RunFolderError: the folder holds another run, or one that was begun with other settings.
        """
        return context.folder is not None and is_begun(context.folder, self.kind, self.settings_of_run, self._completed)

    def open_folder(self, context: Context, facts: Mapping[str, Any] | None = None) -> Path:
        """The run folder, made if it is new, entered again if it holds this very run.

        Args:
            context: names the folder, or leaves it to us.
            facts: what the settings do not say but the result depends on, such as checksums of data.

        Raises:
            RunFolderError: the folder holds another run, or one that was begun with other settings or facts.
        """
        folder = context.folder or new_run_name(self.kind)
        return open_run_folder(
            folder, self.kind, self.settings_of_run, _seed(self.settings_of_run), facts, self._completed
        )

    def _completed(self, before: dict[str, Any]) -> dict[str, Any]:
        """Settings of a run that was begun before some of today's existed, with the defaults of those."""
        try:
            return type(self).create({**before, "kind": self.kind}).settings_of_run
        except ConfigError:  # they are not ours: what differs will be said
            return before


def _seed(settings: Mapping[str, Any]) -> int:
    """The first seed among nested settings, for the record; 0 if there is none."""
    if "seed" in settings:
        return int(settings["seed"])
    return next((seed for part in settings.values() if isinstance(part, dict) and (seed := _seed(part))), 0)
