"""A scaffold that candidates must keep, and may grow at marked atoms only: ``c1ccc([*:1])cc1[*:2]``."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rdkit import Chem

from molvae.chemistry.grafting import fragments, hydrogen, joined, labelled, substituents
from molvae.chemistry.molecule import Molecule, parse_smiles
from molvae.errors import InputError, abbreviate

_MAX_MATCHES = 1000  # a symmetric scaffold may lie in a molecule in many ways
_MARKS = "_marks"
_ANY_AT_MARKS = Chem.AdjustQueryParameters.NoAdjustments()
_ANY_AT_MARKS.makeDummiesQueries = True
_GROWTH = (Chem.BondType.SINGLE, Chem.BondType.AROMATIC)  # aromatic: a ring that spans two marks


@dataclass(frozen=True)
class Scaffold:
    """See :meth:`parse`.

    Attributes:
        text: as it was given.
        template: the scaffold with its marks as dummy atoms, labelled 1 to n.
        core: the scaffold with hydrogens at the marks.
        marks: labels of the marks on each atom of the core.
        labels: of all marks, in order.
    """

    text: str
    template: Chem.Mol
    core: Chem.Mol
    marks: tuple[tuple[int, ...], ...]
    labels: tuple[int, ...]

    @property
    def chiral(self) -> bool:
        """Whether a configuration is drawn at any of its atoms."""
        return any(atom.GetChiralTag() != Chem.ChiralType.CHI_UNSPECIFIED for atom in self.template.GetAtoms())

    @classmethod
    def parse(cls, text: str) -> "Scaffold":
        """A SMILES whose dummy atoms, ``[*:1]`` or ``*``, mark where it may grow. A mark may stay a hydrogen.

        Raises:
            InputError: it is none; says why.
        """
        mol, reason = parse_smiles(text)
        if mol is None:
            raise InputError(f"{abbreviate(text)!r} is no scaffold: {reason}")
        dummies = [atom for atom in mol.GetAtoms() if atom.GetAtomicNum() == 0]
        if not dummies:
            raise InputError(f"{abbreviate(text)!r} has no mark where it may grow: write [*:1] behind such an atom")
        if len(Chem.GetMolFrags(mol)) > 1 or mol.GetNumAtoms() == len(dummies):
            raise InputError(f"{abbreviate(text)!r} is no scaffold: it must be one piece, with atoms beside its marks")
        for atom in dummies:
            bonds = atom.GetBonds()
            other = bonds[0].GetOtherAtom(atom) if len(bonds) == 1 else None
            if other is None or bonds[0].GetBondType() != Chem.BondType.SINGLE or other.GetAtomicNum() == 0:
                raise InputError(f"{abbreviate(text)!r}: a mark hangs on one atom of the scaffold, by a single bond")
        template = Chem.RWMol(mol)
        for label, atom in enumerate(sorted(dummies, key=lambda atom: (atom.GetAtomMapNum(), atom.GetIdx())), start=1):
            marked = template.GetAtomWithIdx(atom.GetIdx())
            marked.SetAtomMapNum(label)
            marked.SetIsotope(0)
            neighbour = marked.GetNeighbors()[0]
            before = neighbour.GetProp(_MARKS) if neighbour.HasProp(_MARKS) else ""
            neighbour.SetProp(_MARKS, f"{before} {label}")  # properties stay when indices move
        for atom in template.GetAtoms():
            if atom.GetAtomicNum() != 0:
                atom.SetAtomMapNum(0)
        closed = Chem.RWMol(template)
        for atom in closed.GetAtoms():
            if atom.GetAtomicNum() == 0:
                atom.SetAtomicNum(1)
                atom.SetAtomMapNum(0)
        core = Chem.RemoveHs(closed.GetMol())
        texts = [atom.GetProp(_MARKS) if atom.HasProp(_MARKS) else "" for atom in core.GetAtoms()]
        marks = tuple(tuple(map(int, text.split())) for text in texts)
        return cls(text, template.GetMol(), core, marks, tuple(range(1, len(dummies) + 1)))

    def keeps(self, mol: Chem.Mol) -> bool:
        """Whether a molecule holds the scaffold and has grown at its marks alone."""
        return next(self._growths(mol), None) is not None

    def decompose(self, mol: Chem.Mol) -> dict[int, Chem.Mol | None] | None:
        """What stands at each mark, by its label: a substituent with one open position, or None for a hydrogen.

        None if the molecule does not keep the scaffold, or what stands at two marks is one ring.
        """
        for match, growth in self._growths(mol):
            bonds = [(mol.GetBondBetweenAtoms(a, b).GetIdx(), label) for label, (a, b) in growth.items()]
            found: dict[int, Chem.Mol | None] = dict.fromkeys(self.labels)
            pieces = fragments(mol, bonds) if bonds else []
            if bonds and not pieces:  # an aromatic ring was cut open
                continue
            for piece, atoms in pieces:
                if match.isdisjoint(atoms):
                    labels = [atom.GetAtomMapNum() for atom in piece.GetAtoms() if atom.GetAtomicNum() == 0]
                    if len(labels) != 1:
                        break
                    found[labels[0]] = piece
            else:
                return found
        return None

    def graft(self, pieces: Mapping[int, Chem.Mol | None]) -> Molecule | None:
        """The scaffold with a substituent, or a hydrogen, at each mark; None if that is no molecule."""
        substituents = [(label, pieces.get(label)) for label in self.labels]
        return joined(
            self.template,
            [hydrogen(label) if piece is None else labelled(piece, label) for label, piece in substituents],
        )

    def regrown(self, parents: Sequence[Molecule], donor: Molecule, rng: random.Random) -> Molecule | None:
        """The scaffold as a parent has it, with a substituent of another molecule at one mark or two."""
        pieces: dict[int, Chem.Mol | None] = dict.fromkeys(self.labels)
        if parents:
            pieces |= self.decompose(parents[int(len(parents) * rng.random() ** 2)].mol) or {}
        offered = substituents(donor)
        for label in rng.sample(self.labels, min(len(self.labels), 2 if rng.random() < 0.3 else 1)):
            pieces[label] = rng.choice(offered) if offered and rng.random() < 0.9 else None
        return self.graft(pieces)

    def _growths(self, mol: Chem.Mol) -> Iterator[tuple[set[int], dict[int, tuple[int, int]]]]:
        """Ways in which the scaffold lies in a molecule: its atoms, and the bond (inner, outer) of each grown mark."""
        for match in mol.GetSubstructMatches(self.core, uniquify=False, useChirality=True, maxMatches=_MAX_MATCHES):
            growth = self._growth(mol, match)
            if growth is not None and self._same_configuration(mol, growth):
                yield set(match), growth

    def _same_configuration(self, mol: Chem.Mol, growth: Mapping[int, object]) -> bool:
        """Whether stereocentres that only the substituents make are as in the scaffold."""
        if not self.chiral:
            return True
        grown = Chem.RWMol(self.template)
        for atom in grown.GetAtoms():
            if atom.GetAtomicNum() == 0 and atom.GetAtomMapNum() not in growth:
                atom.SetAtomicNum(1)
            atom.SetAtomMapNum(0)
        query = Chem.AdjustQueryProperties(Chem.RemoveHs(grown.GetMol()), _ANY_AT_MARKS)
        return bool(mol.HasSubstructMatch(query, useChirality=True))

    def _growth(self, mol: Chem.Mol, match: Sequence[int]) -> dict[int, tuple[int, int]] | None:
        growth: dict[int, tuple[int, int]] = {}
        for place, index in enumerate(match):
            atom, of_core = mol.GetAtomWithIdx(index), self.core.GetAtomWithIdx(place)
            outer = [other.GetIdx() for other in atom.GetNeighbors() if other.GetIdx() not in match]
            if (
                atom.GetFormalCharge() != of_core.GetFormalCharge()
                or len(outer) > len(self.marks[place])
                or atom.GetDegree() - len(outer) != of_core.GetDegree()  # a new bond within the scaffold
            ):
                return None
            for label, other in zip(self.marks[place], outer, strict=False):
                if mol.GetBondBetweenAtoms(index, other).GetBondType() not in _GROWTH:
                    return None
                growth[label] = (index, other)
        return growth
