"""Poses are drawn with what surrounds them."""

import numpy as np
import pytest
from rdkit import Chem

from molvae.chemistry.docking.ligand import conformer
from molvae.chemistry.docking.pictures import COLUMNS, pose_panel
from molvae.chemistry.docking.receptor import find_receptor, read_receptor
from molvae.chemistry.docking.settings import DockingConfig
from molvae.report.panel_figures import panel_svg


@pytest.fixture
def pose(receptor):
    """A ligand beside the receptor, put there without docking."""
    mol = conformer("CC(=O)Nc1ccccc1", 1)
    atoms = read_receptor(receptor).coordinates
    place = atoms[atoms[:, 2].argmax()] + [0, 0, 3.0]  # above the uppermost atom
    positions = mol.GetConformer().GetPositions()
    for index, point in enumerate(positions - positions.mean(0) + place):
        mol.GetConformer().SetAtomPosition(index, point.tolist())
    mol.SetProp("affinity", "-3.210")
    mol.SetProp("_Name", "call-7")
    return mol


def test_a_pose_has_its_bonds_its_pocket_and_the_names_of_residues(receptor, pose):
    panel = pose_panel(find_receptor(str(receptor), DockingConfig()), [pose], "Docked so.")
    frame = panel.frame
    assert list(frame.columns) == COLUMNS and panel.caption.startswith("Docked so.")
    heavy = Chem.RemoveHs(pose)
    ligand = frame[frame["kind"] == "ligand"]
    assert len(ligand) == 2 * heavy.GetNumBonds() and set(ligand["element"]) == {"C", "N", "O"}
    assert (frame["kind"] == "receptor").sum() > 4
    known = set(read_receptor(receptor).residues)
    labels = frame[frame["kind"] == "label"]["label"]
    assert len(labels) and set(labels) <= known
    # what is drawn of the receptor is what the caption says
    assert "of residues with an atom within 5 A of it, the atoms within 7 A" in panel.caption
    points = heavy.GetConformer().GetPositions()
    atoms = read_receptor(receptor)
    near = np.linalg.norm(atoms.coordinates[:, None] - points[None], axis=2).min(1)
    pocket = {residue for residue, distance in zip(atoms.residues, near, strict=True) if distance <= 5}
    due = sum(r in pocket and d <= 7 for r, d in zip(atoms.residues, near, strict=True))
    drawn = frame[frame["kind"] == "receptor"][["x", "y", "depth"]].to_numpy(float).round(6)
    assert 0 < len(np.unique(drawn, axis=0)) <= due
    # along the axes of the picture the ligand is longest in x and thinnest towards the viewer
    spread = ligand[["x", "y", "depth"]].to_numpy(float).std(0)
    assert spread[0] > spread[1] > spread[2]
    assert np.isfinite(frame[["x", "y", "x2", "y2"]].to_numpy(float)).all()


def test_the_drawing_holds_no_text_of_the_receptor_as_it_stands(receptor, pose):
    text = receptor.read_text()
    receptor.write_text(text.replace("GLY", "<b>").replace("GLU", '&a"'))
    panel = pose_panel(find_receptor(str(receptor), DockingConfig()), [pose], "")
    svg = panel_svg(panel)
    assert svg.startswith("<svg") and "<b>" not in svg
    assert all(label.replace(" ", "").isalnum() for label in panel.frame[panel.frame["kind"] == "label"]["label"])
