"""The command line as users run it: a process of its own, in a folder of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


def run_in(folder: Path) -> Run:
    """A function that runs ``molvae ARGUMENTS`` in a folder; one thread, so that tests do not fight for the cores."""

    def run(*arguments: str | Path, timeout: float = 300, **options: object) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"OMP_NUM_THREADS": "1", "MOLVAE_CACHE": str(folder / "cache")}
        command = [sys.executable, "-m", "molvae.cli", *map(str, arguments)]
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout, **options
        )

    return run


@pytest.fixture
def molvae(tmp_path: Path) -> Run:
    """Run ``molvae ARGUMENTS`` in an empty folder."""
    return run_in(tmp_path)
