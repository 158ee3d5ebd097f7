"""What a protein is here: a sequence of the twenty standard amino acids, whose identity is the sequence itself."""

from dataclasses import dataclass

import numpy as np

from molvae.errors import abbreviate

RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
"""The twenty standard amino acids, in one-letter code."""
GAPS = "-."
"""What alignments write where a sequence has no residue."""
SHORTEST, LONGEST = 2, 2000
"""Residues of what is taken for a protein at all."""
INDEX = {residue: index for index, residue in enumerate(RESIDUES)}
_ALLOWED = frozenset(RESIDUES)
_MEANINGS = {
    "B": "B stands for D or N",
    "J": "J stands for I or L",
    "O": "O is pyrrolysine",
    "U": "U is selenocysteine",
    "X": "X stands for any residue",
    "Z": "Z stands for E or Q",
    "*": "* is a stop codon",
}
_NOTHING = str.maketrans("", "", GAPS)


@dataclass(frozen=True)
class Protein:
    """A valid sequence; equal and hashed by it.

    Attributes:
        sequence: of letters of :data:`RESIDUES`.
    """

    sequence: str

    @property
    def identity(self) -> str:
        """The sequence, by which a protein is stored and compared."""
        return self.sequence

    def __len__(self) -> int:
        return len(self.sequence)

    @classmethod
    def parse(cls, text: object) -> tuple["Protein | None", str]:
        """The protein that a text stands for, or None and the reason; never raises.

        Lower case is raised, white space and the gaps of an alignment are left out, and so is a stop codon at the end.
        """
        if not isinstance(text, str):
            return None, "no sequence"
        sequence = "".join(text.split()).upper().translate(_NOTHING).removesuffix("*")
        if not sequence:
            return None, "no sequence"
        if len(sequence) > LONGEST:
            return None, f"{len(sequence)} residues are more than {LONGEST}: cut it into its domains"
        for place, letter in enumerate(sequence, start=1):
            if letter not in _ALLOWED:
                meaning = _MEANINGS.get(letter, f"{letter!r} is no amino acid")
                return None, f"residue {place} of {abbreviate(sequence, 30)}: {meaning}"
        if len(sequence) < SHORTEST:
            return None, f"{len(sequence)} residue is less than {SHORTEST}"
        return cls(sequence), ""


def indices(sequence: str) -> np.ndarray:
    """Places of the residues in :data:`RESIDUES`, (n,) int64."""
    return np.array([INDEX[residue] for residue in sequence], dtype=np.int64)
