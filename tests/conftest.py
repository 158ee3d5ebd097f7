"""Fixtures that several test packages share."""

import os
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

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
