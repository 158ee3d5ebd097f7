"""Receptors and boxes: found by file or name, and every mistake is told at once."""

import sys
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from molvae.chemistry.docking.receptor import find_receptor, read_receptor
from molvae.chemistry.docking.settings import DockingConfig
from molvae.errors import ConfigError, OracleError

from .peptide import SEQUENCE, write_peptide


def test_the_box_lies_beside_the_receptor(receptor):
    found = find_receptor(str(receptor), DockingConfig())
    assert found.path == str(receptor) and found.size == (12, 12, 12)
    middle = read_receptor(receptor).coordinates.mean(0)
    np.testing.assert_allclose(found.center, middle, atol=1.5)


def test_the_box_may_be_a_file_or_numbers_or_surround_a_ligand(receptor, tmp_path):
    box = tmp_path / "vina.txt"
    box.write_text(
        "receptor = x.pdbqt\ncenter_x=1.5 # A\ncenter_y = -2\ncenter_z=3e0\nsize_x=20\nsize_y=20\nsize_z=22\n"
    )
    found = find_receptor(str(receptor), DockingConfig(box=str(box)))
    assert found.center == (1.5, -2, 3) and found.size == (20, 20, 22)
    found = find_receptor(str(receptor), DockingConfig(center=(1, 2, 3), size=(10, 11, 12)))
    assert found.center == (1, 2, 3) and found.size == (10, 11, 12)
    ligand = Chem.AddHs(Chem.MolFromSmiles("CCCCCC"))
    rdDistGeom.EmbedMolecule(ligand, randomSeed=1)
    Chem.MolToMolFile(ligand, str(tmp_path / "ligand.sdf"))
    found = find_receptor(str(receptor), DockingConfig(reference=str(tmp_path / "ligand.sdf"), padding=4))
    points = ligand.GetConformer().GetPositions()
    np.testing.assert_allclose(found.size, np.ptp(points, axis=0) + 8, atol=1e-3)
    np.testing.assert_allclose(found.center, (points.max(0) + points.min(0)) / 2, atol=1e-3)


def test_atoms_are_read_with_element_and_residue(receptor):
    atoms = read_receptor(receptor)
    assert len(atoms.elements) == Chem.MolFromSequence(SEQUENCE).GetNumAtoms()  # no hydrogens
    assert set(atoms.elements) == {"C", "N", "O"}
    assert list(dict.fromkeys(atoms.residues))[:3] == ["GLY A 1", "ASP A 2", "TRP A 3"]


def test_residues_of_one_number_are_told_apart_by_chain_and_insertion_code(receptor):
    lines = [line for line in receptor.read_text().splitlines() if "GLY A   1 " in line][:4]
    changed = [("A   1 ", "B   1 "), ("A   1 ", "    1 "), ("A   1 ", "A   1C")]
    text = [lines[0], *(line.replace(*change) for line, change in zip(lines[1:], changed, strict=True))]
    receptor.write_text("\n".join(text))
    assert read_receptor(receptor).residues == ["GLY A 1", "GLY B 1", "GLY 1", "GLY A 1C"]


@pytest.mark.parametrize(
    "name, settings, error, message",
    [
        ("gone.pdbqt", {}, OracleError, "no such receptor: gone.pdbqt"),
        ("folder", {}, OracleError, "folder is not a file"),
        ("protein.pdb", {}, OracleError, "not a .pdbqt file: prepare the receptor with meeko"),
        ("empty.pdbqt", {"center": (0, 0, 0), "size": (9, 9, 9)}, OracleError, "holds no atoms"),
        ("short.pdbqt", {"center": (0, 0, 0), "size": (9, 9, 9)}, OracleError, "line 1: no coordinates"),
        ("types.pdbqt", {"center": (0, 0, 0), "size": (9, 9, 9)}, OracleError, "line 1: no AutoDock atom type"),
        ("bare.pdbqt", {}, ConfigError, r"Give a box.*bare\.box\.txt"),
        ("bare.pdbqt", {"box": "gone.txt"}, OracleError, "the box gone.txt cannot be read"),
        ("bare.pdbqt", {"box": "empty.pdbqt"}, OracleError, "lacks center_x, center_y"),
        ("bare.pdbqt", {"box": "huge.txt"}, OracleError, "less than or equal to 60"),
        ("bare.pdbqt", {"reference": "gone.sdf"}, OracleError, "no such reference ligand"),
        ("bare.pdbqt", {"reference": "empty.pdbqt"}, OracleError, "is a .sdf, .mol or .pdb file"),
        ("bare.pdbqt", {"center": (900, 0, 0), "size": (9, 9, 9)}, OracleError, "no atom of .* correct the box"),
    ],
)
def test_what_is_missing_or_wrong_is_said(tmp_path, monkeypatch, name, settings, error, message):
    monkeypatch.chdir(tmp_path)
    write_peptide(tmp_path, box=False).rename("bare.pdbqt")
    line = Path("bare.pdbqt").read_text().splitlines()[0]
    Path("folder").mkdir()
    for file, text in {
        "protein.pdb": line,
        "empty.pdbqt": "REMARK nothing\n",
        "short.pdbqt": line[:40],
        "types.pdbqt": line[:70],
        "huge.txt": "".join(f"center_{a} = 0\nsize_{a} = 900\n" for a in "xyz"),
    }.items():
        Path(file).write_text(text + "\n")
    with pytest.raises(error, match=message):
        find_receptor(name, DockingConfig.create(settings))


def test_targets_of_dockstring_are_files_of_that_package(tmp_path, monkeypatch):
    """A package of that name with one target stands in for the real one, whose 58 receptors weigh 20 MB."""
    targets = tmp_path / "site" / "dockstring" / "resources" / "targets"
    targets.mkdir(parents=True)
    (tmp_path / "site" / "dockstring" / "__init__.py").write_text("raise RuntimeError('it needs Open Babel')\n")
    write_peptide(targets, box=False).rename(targets / "PEP1_target.pdbqt")
    (targets / "PEP1_conf.txt").write_text("".join(f"center_{a} = 0\nsize_{a} = 20\n" for a in "xyz"))
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])
    found = find_receptor("PEP1", DockingConfig())
    assert found.path == str(targets / "PEP1_target.pdbqt") and found.size == (20, 20, 20)
    with pytest.raises(OracleError, match=r"neither a .pdbqt file nor a target of dockstring: did you mean PEP1"):
        find_receptor("pep2", DockingConfig())


def test_without_dockstring_it_is_said_how_to_get_its_targets(monkeypatch):
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if "dockstring" not in entry])
    monkeypatch.setitem(sys.modules, "dockstring", None)
    with pytest.raises(OracleError, match="pip install --no-deps dockstring"):
        find_receptor("F2", DockingConfig())
