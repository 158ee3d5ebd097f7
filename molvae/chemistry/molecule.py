"""Text to molecules, with a reason for every refusal; never raises."""

from rdkit import Chem, rdBase


def parse_smiles(smiles: str, max_length: int = 1000) -> tuple[Chem.Mol | None, str]:
    """A sanitised molecule, or None and the reason."""
    if not isinstance(smiles, str) or not smiles.strip():
        return None, "empty"
    if not smiles.isascii():
        return None, "characters that no SMILES has"
    if any(character.isspace() for character in smiles):
        return None, "white space inside"
    if len(smiles) > max_length:
        return None, f"longer than {max_length} characters"
    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(smiles)
        if mol is None:
            return None, _reason(smiles)
    if mol.GetNumAtoms() == 0:
        return None, "no atoms"
    return mol, ""


def _reason(smiles: str) -> str:
    """Why RDKit refuses a string."""
    mol = Chem.MolFromSmiles(smiles, sanitize=False)
    if mol is None:
        return "not a valid SMILES"
    problems = Chem.DetectChemistryProblems(mol)
    if problems:
        return str(problems[0].Message())
    try:
        Chem.SanitizeMol(mol)
    except ValueError as error:
        return str(error)
    return "refused by RDKit"


def canonical(smiles: str) -> str | None:
    """Canonical SMILES, or None if it is not a molecule."""
    mol, _ = parse_smiles(smiles)
    return None if mol is None else Chem.MolToSmiles(mol)
