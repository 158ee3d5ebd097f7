"""The process of one campaign: ``python -m molvae.app.worker WORKSPACE NAME LOCK``, started by :mod:`molvae.app.jobs`.

It reads what is to be done from the run folder, checks it once more, executes it, and writes how far it has come to
``app/state.json``. An interrupt (SIGINT) ends it in good order.
"""

import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path

from molvae.app.jobs import RECIPE, STATE
from molvae.app.workspace import JOB, Workspace
from molvae.errors import MolvaeError
from molvae.run.files import write_text
from molvae.run.folder import CONFIG
from molvae.run.progress import Event

_INTERVAL = 0.3  # seconds between two writes


class StateFile:
    """Progress as a file that is written whole, so that the page reads no half of it."""

    def __init__(self, path: Path) -> None:
        self.path, self._last = path, 0.0

    def __call__(self, event: Event) -> None:
        now = time.monotonic()
        if now - self._last > _INTERVAL or event.milestone or event.ended:
            self._last = now
            self.write("running", event.text, event.what)

    def write(self, phase: str, text: str = "", what: str = "") -> None:
        """Say where the job stands."""
        write_text(self.path, json.dumps({"phase": phase, "text": text, "what": what}))


def work(workspace: Workspace, name: str, state: StateFile) -> None:
    """Execute the recipe of a run, or go on with it, and build its report.

    Raises:
        MolvaeError: the recipe is not allowed, or cannot be executed.
    """
    # imported here: torch takes seconds, and the state should say that the process lives
    from molvae.app.choices import check_recipe
    from molvae.experiments.registry import make_recipe, recipe_of_run
    from molvae.report import build
    from molvae.run.recipe import Context

    folder = workspace.folder(name)
    begun = (folder / CONFIG).is_file()
    if begun:
        recipe = recipe_of_run(folder)
    else:
        recipe = make_recipe(json.loads((folder / JOB / RECIPE).read_text(encoding="utf-8")))
    checked = check_recipe(recipe, workspace, begun)
    state.write("running", "loading the model")
    checked.execute(Context(folder, progress=state))
    state.write("running", "building the report")
    build(folder)


def main() -> None:
    """Entry point; the exit status is 0 unless it failed."""
    root, name, lock = sys.argv[1:4]
    os.set_inheritable(int(lock), False)  # the lock is this process' alone
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["MOLVAE_MODEL_FOLDERS"] = ""  # no formula reads a folder
    workspace = Workspace(Path(root))
    state = StateFile(workspace.folder(name) / JOB / STATE)
    state.write("starting", "loading the libraries")
    try:
        work(workspace, name, state)
    except KeyboardInterrupt:
        state.write("stopped")
    except MolvaeError as error:
        state.write("failed", str(error))
        raise SystemExit(1) from None
    except Exception as error:
        traceback.print_exc()
        state.write("failed", f"unexpected {type(error).__name__}: {error} (details are in app/log.txt of the run)")
        raise SystemExit(1) from None
    else:
        state.write("done")


if __name__ == "__main__":
    main()
