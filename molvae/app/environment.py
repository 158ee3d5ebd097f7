"""Environment of the processes that the page consists of: the server, and one for each campaign."""

import os
from pathlib import Path


def child_environment() -> dict[str, str]:
    """Ours, in which a child finds the very package that runs here."""
    paths = [str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
