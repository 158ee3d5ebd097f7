"""Where a training that is part of something longer keeps its checkpoints.

A study trains a dozen models one after another and keeps none of them. Inside :func:`kept` each has a folder of its
own, numbered in the order in which they begin, until all is done. A study that was stopped is computed again from the
beginning, but what it had trained is found in these folders. Elsewhere a training has a temporary folder.
"""

import itertools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from tempfile import TemporaryDirectory

_FOLDERS: ContextVar[Iterator[Path] | None] = ContextVar("folders of trainings", default=None)


@contextmanager
def kept(folder: Path) -> Iterator[None]:
    """Keep the folders of all trainings inside ``folder``, which goes when they end without an error."""
    token = _FOLDERS.set(folder / f"{number:03d}" for number in itertools.count())
    try:
        yield
    finally:
        _FOLDERS.reset(token)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def training_folder() -> Iterator[Path]:
    """The folder of the next training; it holds the checkpoint of an earlier attempt, if there was one."""
    folders = _FOLDERS.get()
    if folders is None:
        with TemporaryDirectory() as temporary:
            yield Path(temporary)
        return
    folder = next(folders)
    folder.mkdir(parents=True, exist_ok=True)
    yield folder
