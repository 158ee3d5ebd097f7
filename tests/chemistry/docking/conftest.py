"""The receptor of the tests, with a cache of poses of its own."""

from pathlib import Path

import pytest

from .peptide import write_peptide


@pytest.fixture
def receptor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MOLVAE_CACHE", str(tmp_path / "cache"))
    return write_peptide(tmp_path)
