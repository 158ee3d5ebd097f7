"""Campaigns as processes of their own: begun by the page, and alive when it is closed.

A job holds a lock on a file in its run folder from before it is a process until it ends, however it ends: the page
takes the lock, and the child inherits it. The lock therefore says whether a job runs, and the file whose process it is.
"""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molvae.app.environment import child_environment
from molvae.app.workspace import JOB, Workspace
from molvae.errors import ConfigError
from molvae.run.files import write_text
from molvae.run.folder import CONFIG

MAX_RUNNING = 2
"""Campaigns that run at the same time; more would only slow each other down."""
LOCK, RECIPE, STATE, LOG = "lock", "recipe.json", "state.json", "log.txt"
_PATIENCE = 8.0  # seconds that a job has to end by itself
_GLANCE = 0.5  # seconds in which those who only look at a lock have let it go


@dataclass(frozen=True)
class JobState:
    """Where a job stands.

    Attributes:
        phase: ``starting``, ``running``, ``done``, ``stopped``, ``failed``, or ``idle`` if it was never begun here.
        text: what is worth reading beside it: the last progress, or what went wrong.
        what: what works, such as the strategy.
    """

    phase: str
    text: str = ""
    what: str = ""

    @property
    def alive(self) -> bool:
        """Whether there is a process."""
        return self.phase in ("starting", "running")


def start(workspace: Workspace, name: str, recipe: Mapping[str, Any] | None) -> Path:
    """Begin a run, or go on with one, in a process of its own.

    Args:
        workspace: where it lies.
        name: of the run.
        recipe: what is to be done; None: the folder says it.

    Raises:
        ConfigError: it runs already, too many run, or the name is taken.
    """
    folder = workspace.folder(name)
    taken = f"there is a run {name} already: choose another name, or open it"
    if recipe is not None and folder.exists():
        raise ConfigError(taken)
    if recipe is None and not folder.exists():
        raise ConfigError(f"there is no run {name}")
    if len(running := [other for other in workspace.runs() if state(workspace.folder(other)).alive]) >= MAX_RUNNING:
        raise ConfigError(f"{' and '.join(running)} are running: stop one, or wait until it has ended")
    job = folder / JOB
    if recipe is not None:
        try:
            folder.mkdir(parents=True)
        except FileExistsError:  # somebody else was faster, after we had looked
            raise ConfigError(taken) from None
    job.mkdir(exist_ok=True)
    with _owned(job / LOCK) as lock:
        if lock is None:
            raise ConfigError(f"{name} runs already")
        os.ftruncate(lock, 0)  # the number of an earlier process is nobody to be stopped
        if recipe is not None:
            write_text(job / RECIPE, json.dumps(dict(recipe), indent=1))
        write_text(job / STATE, json.dumps({"phase": "starting"}))
        with (job / LOG).open("wb") as log:
            process = subprocess.Popen(
                # -P: nothing that lies in a run folder is imported
                [sys.executable, "-P", "-m", "molvae.app.worker", str(workspace.root), name, str(lock)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[lock],
                start_new_session=True,  # an interrupted server does not end its campaigns
                cwd=folder,
                env=child_environment(),
            )
        os.pwrite(lock, str(process.pid).encode(), 0)
    threading.Thread(target=process.wait, daemon=True).start()  # so that it does not stay as a zombie
    return folder


def state(folder: Path) -> JobState:
    """Where the job of a run folder stands."""
    job = folder / JOB
    if not job.is_dir():
        return JobState("idle")
    alive = _alive(job / LOCK)
    try:
        values = dict(json.loads((job / STATE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return JobState("starting" if alive else "idle")
    phase = str(values.get("phase", "idle"))
    if not alive and phase in ("starting", "running"):
        phase = "stopped"  # ended without a word: killed, or the machine was switched off
    elif alive and phase not in ("starting", "running"):
        phase = "running"  # it has said its last word, and is about to end
    return JobState(phase, str(values.get("text", "")), str(values.get("what", "")))


def stop(folder: Path) -> None:
    """End the job of a run folder; what it has paid for is stored, and it can go on."""
    pid = _process(folder)
    if pid is None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGINT)
        if not _ended(folder):
            os.killpg(pid, signal.SIGKILL)
            _ended(folder)


def _ended(folder: Path) -> bool:
    """Wait for the end of a job, as long as it has to end by itself; whether it has."""
    deadline = time.monotonic() + _PATIENCE
    while _process(folder) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def can_resume(folder: Path) -> bool:
    """Whether there is something to go on with."""
    return (folder / CONFIG).is_file() or (folder / JOB / RECIPE).is_file()


def _process(folder: Path) -> int | None:
    """Process of a job that is alive; whoever holds the lock has written its number."""
    path = folder / JOB / LOCK
    if not _alive(path):
        return None
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _alive(path: Path) -> bool:
    """Whether a job holds the lock. The number of a process that has ended is removed.

    A shared lock is enough to see that: those who only look are not in each other's way.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        if not _taken(file, fcntl.LOCK_SH):
            return True
        if os.fstat(file).st_size:
            os.ftruncate(file, 0)
        return False
    finally:
        os.close(file)


@contextlib.contextmanager
def _owned(path: Path) -> Iterator[int | None]:
    """The open file, locked for a job, or None if another one holds the lock."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        deadline = time.monotonic() + _GLANCE
        while not (owned := _taken(file, fcntl.LOCK_EX)) and time.monotonic() < deadline:
            time.sleep(0.02)
        yield file if owned else None
    finally:
        os.close(file)  # a child that has inherited it keeps the lock


def _taken(file: int, kind: int) -> bool:
    """Take a lock if it can be had at once; whether it was."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
