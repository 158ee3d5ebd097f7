"""A small receptor that the tests make themselves: a peptide of eight residues, folded by RDKit, as rigid PDBQT."""

from pathlib import Path

from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdPartialCharges

SEQUENCE = "GDWKSYHE"


def write_peptide(folder: Path, box: bool = True) -> Path:
    """``peptide.pdbqt`` and, with a box, ``peptide.box.txt`` beside it."""
    mol = Chem.AddHs(Chem.MolFromSequence(SEQUENCE), addCoords=False, addResidueInfo=True)
    assert rdDistGeom.EmbedMolecule(mol, randomSeed=7) == 0
    rdPartialCharges.ComputeGasteigerCharges(mol)
    path = folder / "peptide.pdbqt"
    path.write_text("".join(_line(atom) for atom in mol.GetAtoms() if _is_written(atom)) + "TER\n")
    if box:
        center = mol.GetConformer().GetPositions().mean(0)
        lines = [f"center_{axis} = {value:.3f}" for axis, value in zip("xyz", center, strict=True)]
        (folder / "peptide.box.txt").write_text("\n".join([*lines, *(f"size_{axis} = 12" for axis in "xyz")]) + "\n")
    return path


def _is_written(atom: Chem.Atom) -> bool:
    return atom.GetAtomicNum() != 1 or atom.GetNeighbors()[0].GetAtomicNum() != 6  # polar hydrogens alone


def _line(atom: Chem.Atom) -> str:
    kinds = {1: "HD", 6: "A" if atom.GetIsAromatic() else "C", 7: "N", 8: "OA", 16: "SA"}
    info = atom.GetPDBResidueInfo()
    at = atom.GetOwningMol().GetConformer().GetAtomPosition(atom.GetIdx())
    return (
        f"ATOM  {atom.GetIdx() + 1:>5} {info.GetName():<4.4} {info.GetResidueName():>3} A{info.GetResidueNumber():>4}"
        "    "
        f"{at.x:8.3f}{at.y:8.3f}{at.z:8.3f}  1.00  0.00    {atom.GetDoubleProp('_GasteigerCharge'):6.3f}"
        f" {kinds[atom.GetAtomicNum()]}\n"
    )
