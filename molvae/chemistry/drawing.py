"""Molecules as inline SVG that is safe to put into a page."""

import re

from rdkit import Chem
from rdkit.Chem.Draw import rdMolDraw2D

from molvae.chemistry.molecule import parse_smiles

_PROLOGUE = re.compile(
    r"<\?xml[^>]*\?>|<!DOCTYPE[^>]*>|<!--.*?-->|<rect style='opacity:1\.0;fill:#FFFFFF[^>]*> *</rect>", re.S
)


def molecule_svg(smiles: str, width: int = 220, height: int = 160) -> str:
    """A drawing of a molecule, transparent, without identifiers; an empty string if it is not a molecule.

    RDKit writes coordinates and element symbols only: no text of the user gets into the SVG.
    """
    mol, _ = parse_smiles(smiles)
    if mol is None:
        return ""
    drawer = rdMolDraw2D.MolDraw2DSVG(width, height)
    options = drawer.drawOptions()
    options.clearBackground = False
    options.bondLineWidth = 1.4
    options.padding = 0.06
    rdMolDraw2D.PrepareAndDrawMolecule(drawer, Chem.Mol(mol))
    drawer.FinishDrawing()
    text = _PROLOGUE.sub("", drawer.GetDrawingText())
    text = re.sub(r" (class|id|xmlns:\w+|xml:space)='[^']*'", "", text)
    return text.replace("<svg ", '<svg role="img" ', 1).strip()
