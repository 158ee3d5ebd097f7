"""The command line as users run it: a process of its own, in a folder of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def molvae(tmp_path: Path) -> Run:
    """Run ``molvae ARGUMENTS`` in an empty folder; one thread, so that tests do not fight for the cores."""

    def run(*arguments: str | Path, timeout: float = 300, **options: object) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"OMP_NUM_THREADS": "1", "MOLVAE_CACHE": str(tmp_path / "cache")}
        command = [sys.executable, "-m", "molvae.cli", *map(str, arguments)]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=timeout, **options
        )

    return run
