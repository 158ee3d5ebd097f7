"""The training set as hashes: small, exact for all purposes, and safe to load from anywhere."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molvae.core.training_set import TrainingSet
from molvae.errors import CheckpointError


@given(st.lists(st.text(max_size=20)), st.text(max_size=20))
def test_it_is_a_set(members: list[str], other: str) -> None:
    known = TrainingSet.build(members)
    assert len(known) == len(set(members))
    assert all(member in known for member in members)
    assert (other in known) == (other in members)
    assert 5 not in known


def test_a_file_holds_eight_bytes_a_molecule_whatever_their_order(tmp_path: Path) -> None:
    smiles = ["C" * n for n in range(1, 1001)]
    known = TrainingSet.build(smiles, tmp_path / "known.npy")
    TrainingSet.build(reversed(smiles), tmp_path / "again.npy")
    assert (tmp_path / "known.npy").read_bytes() == (tmp_path / "again.npy").read_bytes()
    assert (tmp_path / "known.npy").stat().st_size == 8 * 1000 + 128
    assert sorted(file.name for file in tmp_path.iterdir()) == ["again.npy", "known.npy"]
    assert "CC" in known
    assert "N" not in known


def test_another_process_finds_the_same_molecules(tmp_path: Path) -> None:
    path = tmp_path / "known.npy"
    TrainingSet.build(["CCO"], path)
    code = f"from molvae.core.training_set import TrainingSet as K; print('CCO' in K.load({str(path)!r}))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "True\n"


def test_damage_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "known.npy"
    with pytest.raises(CheckpointError, match="no such file"):
        TrainingSet.load(path)
    TrainingSet.build(["C" * n for n in range(1, 100)], path)
    content = path.read_bytes()
    for damaged in (content[:-100], content[:50], b"", b"smiles\nCCO\n", content[:128] + content[:127:-1]):
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match="damaged"):
            TrainingSet.load(path)
    for wrong in (np.zeros(3), np.zeros((2, 2), dtype="<u8")):
        np.save(path, wrong)
        with pytest.raises(CheckpointError, match="not a training set"):
            TrainingSet.load(path)


def test_a_pickle_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "known.npy"
    with path.open("wb") as file:  # the header of an array of objects, whose content numpy would unpickle
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": (1,)})
        file.write(bytes(64))
    with pytest.raises(CheckpointError, match="damaged or not a training set"):
        TrainingSet.load(path)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="cannot write"):
        TrainingSet.build(["C"], tmp_path / "file" / "known.npy")
