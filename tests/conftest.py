"""Fixtures that several test packages share."""

import os
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
