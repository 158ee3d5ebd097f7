"""Text to molecules, with a reason for every refusal; never raises."""

from dataclasses import dataclass, field

from rdkit import Chem, rdBase

_ROUNDS = 4  # a canonical SMILES that RDKit writes in another way when it reads it again settles after one


@dataclass(frozen=True)
class Molecule:
    """A sanitised molecule, parsed once; equal and hashed by its canonical SMILES.

    The atoms of ``mol`` stand in the order of the SMILES, however the molecule was written at first. What depends on
    that order (the choices of a genetic algorithm, the last digit of a sum over atoms) is therefore the same for a
    molecule that was just decoded and for one that a resumed run reads from its folder.

    Attributes:
        smiles: canonical SMILES; read again, it gives the same value.
        mol: RDKit's molecule; not to be changed.
    """

    smiles: str
    mol: Chem.Mol = field(compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> tuple["Molecule | None", str]:
        """The molecule that a SMILES stands for, or None and the reason."""
        mol, reason = parse_smiles(text)
        for _ in range(_ROUNDS):
            if mol is None:
                break
            smiles = Chem.MolToSmiles(mol)
            if smiles == text:
                break
            text = smiles
            mol, reason = parse_smiles(text)
        return (None, reason) if mol is None else (cls(text, mol), "")

    @classmethod
    def from_mol(cls, mol: Chem.Mol) -> "Molecule | None":
        """The value of an RDKit molecule; None if RDKit does not read what it writes for it."""
        return cls.parse(Chem.MolToSmiles(mol))[0]

    @property
    def identity(self) -> str:
        """The canonical SMILES."""
        return self.smiles


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
