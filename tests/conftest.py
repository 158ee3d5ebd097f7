"""Fixtures that several test packages share."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

# Every call into these modules is held against its shape annotations (molvae/shapes.py); before molvae is imported.
_CHECKED = ("distributions", "objectives", "sampling", "terms")
install_import_hook([f"molvae.core.{name}" for name in _CHECKED], "beartype.beartype")

# Real data is used where it lies: set MOLVAE_TEST_DATA, or keep a folder `shared/data` beside the checkout.
_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def data_mirror() -> Path:
    """A folder that mirrors the upstream data files, or skip."""
    folder = Path(os.environ.get("MOLVAE_TEST_DATA", _BESIDE))
    if not folder.is_dir():
        pytest.skip("no data mirror: set MOLVAE_TEST_DATA to a folder with zinc250k/, mnist/, freyfaces/")
    return folder


@pytest.fixture(scope="session")
def zinc250k(data_mirror: Path) -> Path:
    """The folder with the standard split of ZINC250k, or skip."""
    return data_mirror / "zinc250k"


@dataclass(frozen=True)
class Finished:
    """How a command ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def molvae(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Finished]:
    """Run ``molvae ARGUMENTS`` in an empty folder, in this process; an error that is not ours escapes."""
    from molvae.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("MOLVAE_CACHE", str(tmp_path / "cache"))

    def run(*arguments: str | Path) -> Finished:
        monkeypatch.setattr(sys, "argv", ["molvae", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        return Finished(code, *capsys.readouterr())

    return run
