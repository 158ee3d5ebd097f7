"""Fixtures that several test packages share."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

# One thread a process, before torch is imported: the suite runs in as many processes as there are cores, and threads of
# two of them that wait for each other slow both down tenfold. The processes that tests start inherit it.
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

# Every call into the modules that name shapes (molvae/shapes.py) is held against them; before molvae is imported.
_PACKAGE = Path(__file__).resolve().parents[1] / "molvae"
SHAPED = [
    ".".join(path.relative_to(_PACKAGE.parent).with_suffix("").parts)
    for path in sorted(_PACKAGE.rglob("*.py"))
    if "from molvae.shapes import" in path.read_text(encoding="utf-8")
]
install_import_hook(SHAPED, "beartype.beartype")

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


@pytest.fixture(autouse=True, scope="session")
def short_default_start() -> Iterator[None]:
    """Campaigns of this process that are given no start begin with 300 of the 5,000 molecules that come with RDKit, for
    to read and filter them all takes seconds each time.
    """
    from molvae.chemistry.domain import MoleculeDomain, nci_molecules

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MoleculeDomain, "default_start", lambda self: nci_molecules().head(300))
        yield


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


@pytest.fixture
def few_scenes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Splits of drawn scenes that take no time."""
    from molvae.images import datasets

    monkeypatch.setattr(datasets, "_SCENES", dict.fromkeys(datasets._SCENES, (200, 20, 20)))
    datasets._scenes.cache_clear()
    yield
    datasets._scenes.cache_clear()
