"""Pieces of molecules and how they are joined: substituents cut off at single bonds, and put on open positions.

An open position is a dummy atom. It carries a label, its atom map number, and pieces are joined where the labels agree.
"""

import functools
import random
from collections.abc import Sequence

from rdkit import Chem, rdBase

from molvae.chemistry.molecule import Molecule

MAX_SUBSTITUENT = 15  # heavy atoms


@functools.lru_cache(maxsize=1000)
def substituents(molecule: Molecule) -> tuple[Chem.Mol, ...]:
    """What single bonds outside rings cut off, each with one open position; of the whole molecule, if it is small.

    The whole molecule is opened at each atom that has a hydrogen. The order depends on the molecule alone.
    """
    pieces = [piece for pair in cuts(molecule) for piece in pair]
    pieces = [piece for piece in pieces if piece.GetNumHeavyAtoms() <= MAX_SUBSTITUENT]  # dummies do not count
    whole = opened(molecule) if molecule.mol.GetNumHeavyAtoms() <= MAX_SUBSTITUENT else ()
    return (*pieces, *whole)


@functools.lru_cache(maxsize=1000)
def cuts(molecule: Molecule) -> tuple[tuple[Chem.Mol, Chem.Mol], ...]:
    """Both sides of every single bond outside rings, each with one open position."""
    mol, pairs = molecule.mol, []
    for bond in mol.GetBonds():
        if bond.GetBondType() == Chem.BondType.SINGLE and not bond.IsInRing():
            sides = [side for side, _ in fragments(mol, [(bond.GetIdx(), 0)])]
            if len(sides) == 2:
                pairs.append((sides[0], sides[1]))
    return tuple(pairs)


def fragments(mol: Chem.Mol, bonds: Sequence[tuple[int, int]]) -> list[tuple[Chem.Mol, tuple[int, ...]]]:
    """The pieces between bonds that are cut, each with the indices that its atoms had in the molecule.

    Args:
        mol: the molecule.
        bonds: index of each, and the label of both new open positions.
    """
    indices, labels = [index for index, _ in bonds], [(label, label) for _, label in bonds]
    cut = Chem.FragmentOnBonds(mol, indices, addDummies=True, dummyLabels=labels)
    for atom in cut.GetAtoms():
        if atom.GetAtomicNum() == 0:
            atom.SetAtomMapNum(atom.GetIsotope())
            atom.SetIsotope(0)
    mapping: list[tuple[int, ...]] = []
    with rdBase.BlockLogs():
        try:
            pieces = Chem.GetMolFrags(cut, asMols=True, fragsMolAtomMapping=mapping)
        except ValueError:
            return []
    return list(zip(pieces, mapping, strict=True))


@functools.lru_cache(maxsize=1000)
def opened(molecule: Molecule) -> tuple[Chem.Mol, ...]:
    """A molecule with one hydrogen replaced by an open position, for each of its heavy atoms that has one."""
    mol, results = molecule.mol, []
    for index in range(mol.GetNumAtoms()):
        atom = mol.GetAtomWithIdx(index)
        if not atom.GetTotalNumHs() or atom.GetFormalCharge():
            continue
        edited = Chem.RWMol(mol)
        opened_atom = edited.GetAtomWithIdx(index)
        opened_atom.SetNumExplicitHs(max(0, opened_atom.GetNumExplicitHs() - 1))
        edited.AddBond(index, edited.AddAtom(Chem.Atom(0)), Chem.BondType.SINGLE)
        results.append(edited.GetMol())
    return tuple(results)


def labelled(piece: Chem.Mol, label: int) -> Chem.Mol:
    """A piece whose only open position has another label."""
    copy = Chem.Mol(piece)
    for atom in copy.GetAtoms():
        if atom.GetAtomicNum() == 0:
            atom.SetAtomMapNum(label)
    return copy


def hydrogen(label: int) -> Chem.Mol:
    """What closes an open position with a hydrogen."""
    piece = Chem.RWMol()
    piece.AddAtom(Chem.Atom(1))
    dummy = Chem.Atom(0)
    dummy.SetAtomMapNum(label)
    piece.AddAtom(dummy)
    piece.AddBond(0, 1, Chem.BondType.SINGLE)
    return piece.GetMol()


def joined(core: Chem.Mol, pieces: Sequence[Chem.Mol]) -> Molecule | None:
    """A core with a piece on each of its open positions; None if that is no molecule."""
    whole = core
    for piece in pieces:
        whole = Chem.CombineMols(whole, piece)
    with rdBase.BlockLogs():
        try:
            smiles = Chem.MolToSmiles(Chem.RemoveHs(Chem.molzip(whole)))
        except (ValueError, RuntimeError):  # a valence is exceeded, or a ring cannot be aromatic any more
            return None
    return None if "*" in smiles else Molecule.parse(smiles)[0]


def exchanged(parent: Molecule, donor: Molecule, rng: random.Random) -> Molecule | None:
    """A molecule with one part replaced by, or one hydrogen exchanged for, a substituent of another."""
    pieces = substituents(donor)
    if not pieces:
        return None
    pairs = cuts(parent)
    if pairs and rng.random() < 0.8:
        larger, smaller = sorted(rng.choice(pairs), key=lambda side: -side.GetNumHeavyAtoms())
        core = larger if rng.random() < 0.9 else smaller
    else:
        places = opened(parent)
        if not places:
            return None
        core = rng.choice(places)
    return joined(labelled(core, 1), [labelled(rng.choice(pieces), 1)])
