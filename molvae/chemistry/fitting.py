"""Candidates that are made to fit: around a lead, on a scaffold.

What does not fit is not thrown away. A substituent of it replaces one of a molecule that does fit: of the scaffold as
it stands in a good candidate, or of the lead. So what the model decodes, or a genetic algorithm breeds, keeps deciding
what is tried, and every candidate keeps what it must keep.
"""

import functools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rdkit import Chem, DataStructs

from molvae.chemistry.grafting import exchanged
from molvae.chemistry.molecule import Molecule
from molvae.chemistry.morgan import morgan_generator
from molvae.chemistry.scaffold import Scaffold

_TRIES = 20  # grafts for one candidate


@dataclass(frozen=True)
class Around:
    """What candidates are to be like.

    Attributes:
        lead: molecule that they must resemble.
        min_similarity: least Tanimoto similarity to the lead, of Morgan fingerprints of radius 2 in 2,048 bits.
        scaffold: what they must contain, growing at its marks only.
    """

    lead: Molecule | None
    min_similarity: float
    scaffold: Scaffold | None

    def reasons(self, mol: Chem.Mol) -> list[str]:
        """Why a molecule is not like that; empty if it is."""
        reasons = []
        if self.scaffold is not None and not self.scaffold.keeps(mol):
            reasons.append("does not keep the scaffold, or grows where it has no mark")
        if self.lead is not None and (similarity := self.similarity(mol)) < self.min_similarity:
            reasons.append(f"similarity {similarity:.2f} to the lead, less than {self.min_similarity:g}")
        return reasons

    def similarity(self, mol: Chem.Mol) -> float:
        """To the lead, 0 to 1."""
        assert self.lead is not None
        return float(DataStructs.TanimotoSimilarity(_fingerprint(self.lead), morgan_generator().GetFingerprint(mol)))


class Fitting:
    """Makes molecules fit; see :class:`molvae.design.protocols.Fitting`.

    Args:
        around: what they are to be like.
        accepts: whether a molecule passes this and all other filters.
    """

    built_on = 20

    def __init__(self, around: Around, accepts: Callable[[Molecule], bool]) -> None:
        self.around, self._accepts = around, accepts

    @property
    def what(self) -> str:
        """In words, what a candidate does that fits."""
        around = self.around
        parts = [f"keep the scaffold {around.scaffold.text}"] if around.scaffold is not None else []
        if around.lead is not None:
            parts.append(f"resemble the lead {around.lead.smiles} by {around.min_similarity:g} or more")
        return " and ".join(parts)

    def fits(self, item: Molecule) -> bool:
        """Whether a molecule is around the lead, on the scaffold; other filters are not asked."""
        return not self.around.reasons(item.mol)

    def seeds(self) -> list[Molecule]:
        """What fits from the beginning: the lead, and the bare scaffold."""
        bare = None if self.around.scaffold is None else self.around.scaffold.graft({})
        return [item for item in (self.around.lead, bare) if item is not None and self._accepts(item)]

    def fit(self, item: Molecule, parents: Sequence[Molecule], seed: int) -> Molecule | None:
        """A molecule that passes all filters and holds a substituent of another; None if 20 trials give none.

        Args:
            item: what the substituent is taken from.
            parents: molecules that fit, best first; the earlier, the more often they are built on.
            seed: decides the choices; the result is a function of the arguments.
        """
        rng = random.Random(seed)
        lead, scaffold = self.around.lead, self.around.scaffold
        bases = [parent for parent in parents if self.fits(parent)] or ([lead] if lead is not None else [])
        for _ in range(_TRIES):
            if scaffold is not None:
                made = scaffold.regrown(bases, item, rng)
            else:
                assert lead is not None
                base = lead if rng.random() < 0.2 else bases[int(len(bases) * rng.random() ** 2)]
                made = exchanged(base, item, rng)
            if made is not None and made != item and self._accepts(made):
                return made
        return None


@functools.lru_cache(maxsize=4)
def _fingerprint(molecule: Molecule) -> Any:
    return morgan_generator().GetFingerprint(molecule.mol)
