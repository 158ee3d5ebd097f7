"""Poses in their pocket, as line drawings: projected along the direction in which the ligand is thinnest."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from rdkit import Chem

from molvae.chemistry.docking.receptor import Receptor, ReceptorAtoms, read_receptor
from molvae.run.panels import Panel

_POCKET = 5.0  # angstrom: residues with an atom so near to the ligand are drawn,
_DRAWN = 7.0  # their atoms up to this distance from it
_BOND = 1.9  # longest bond between heavy atoms of a protein
_POLAR = 3.5  # longest distance of a hydrogen bond between heavy atoms
_LABELLED = 4.0  # residues with an atom so near are named
COLUMNS = ["pose", "kind", "element", "x", "y", "depth", "x2", "y2", "depth2", "label"]


def pose_panel(receptor: Receptor, poses: Sequence[Chem.Mol], how: str) -> Panel:
    """The panel of kind ``sticks`` of some poses, best first.

    Its table has a row for each half bond (``kind`` ligand or receptor), each polar contact (``contact``) and each name
    of a residue (``label``), in angstrom along the axes of the picture; ``depth`` grows towards the viewer.
    """
    atoms = read_receptor(receptor.path)
    rows: list[tuple[object, ...]] = []
    for number, pose in enumerate(poses, start=1):
        title = f"{number}. {pose.GetProp('affinity')} kcal/mol, {pose.GetProp('_Name')}"
        rows += [(title, *row) for row in _scene(Chem.RemoveHs(pose), atoms)]
    caption = (
        f"{how} Coloured: the ligand; grey: of residues with an atom within {_POCKET:g} A of it, the atoms within"
        f" {_DRAWN:g} A; dotted: nitrogen and oxygen of both within {_POLAR:g} A. All poses with coordinates:"
        " poses.sdf."
    )
    return Panel("poses", "sticks", "Docked poses", caption, frame=pd.DataFrame(rows, columns=COLUMNS))


def _scene(ligand: Chem.Mol, atoms: ReceptorAtoms) -> list[tuple[object, ...]]:
    points = np.array(ligand.GetConformer().GetPositions())
    middle = points.mean(0)
    # the principal axes of the ligand: the longest lies along x, the shortest towards the viewer
    _, _, axes = np.linalg.svd(points - middle)
    axes[2] *= np.sign(np.linalg.det(axes)) or 1.0
    distance = np.linalg.norm(atoms.coordinates[:, None] - points[None], axis=2)
    nearest = distance.min(1)
    residues = np.array(atoms.residues)
    pocket = np.flatnonzero(np.isin(residues, residues[nearest <= _POCKET]) & (nearest <= _DRAWN))
    flat = (points - middle) @ axes.T
    around = (atoms.coordinates[pocket] - middle) @ axes.T
    elements = [atoms.elements[row] for row in pocket]
    rows = _sticks("receptor", around, elements, _bonds(around))
    symbols = [atom.GetSymbol() for atom in ligand.GetAtoms()]
    rows += _sticks("ligand", flat, symbols, [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in ligand.GetBonds()])
    polar = [row for row, symbol in enumerate(symbols) if symbol in ("N", "O")]
    for place, row in enumerate(pocket):
        if elements[place] in ("N", "O"):
            for atom in polar:
                if distance[row, atom] <= _POLAR:
                    rows.append(("contact", "", *flat[atom], *around[place], ""))
    for name in dict.fromkeys(residues[nearest <= _LABELLED]):
        of_residue = np.flatnonzero(residues[pocket] == name)
        at = around[of_residue].mean(0)
        rows.append(("label", "", *at, *at, str(name)))
    return rows


def _sticks(
    kind: str, points: np.ndarray, elements: Sequence[str], bonds: Sequence[tuple[int, int]]
) -> list[tuple[object, ...]]:
    """Two halves a bond, each in the colour of its atom."""
    rows: list[tuple[object, ...]] = []
    for a, b in bonds:
        middle = (points[a] + points[b]) / 2
        rows += [(kind, elements[end], *points[end], *middle, "") for end in (a, b)]
    return rows


def _bonds(points: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of heavy atoms so near that they are bonded; a PDBQT file does not say."""
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    first, second = np.nonzero(np.triu(distance <= _BOND, k=1))
    return list(zip(first.tolist(), second.tolist(), strict=True))
