"""Offspring of molecules by the thousand: the inner loop of a search looks at far more molecules than are ever scored.

Crossover and mutation are those of :mod:`molvae.chemistry.genetic` (Jensen 2019), arranged for speed: the pieces of a
parent are cut once and kept, children are joined without being written and read in between, and a child stays a text
with its fingerprint until someone asks for the molecule. Children carry no stereochemistry: the fingerprint does not
see it, so a stereoisomer of something known would be a paid call that cannot teach anything.
"""

import random
from collections.abc import Callable, Container

import numpy as np
from rdkit import Chem, rdBase

from molvae.chemistry.genetic import MUTATIONS, acceptable, chain_bonds, ring_bond_pairs
from molvae.chemistry.molecule import Molecule
from molvae.chemistry.morgan import morgan_generator

_BITS, _LEVELS = 2048, 256
_KEPT = 4000  # parents whose pieces are remembered
_JOINS = 4  # pairs of pieces that are tried for a child
_MUTATIONS_TRIED = 4


def morgan_features(mol: Chem.Mol) -> np.ndarray:
    """The Morgan counts of radius 3 in 2,048 bins, as a set of whole numbers: k occurrences of a bin give k elements.

    The Jaccard index of two such sets, size of the intersection over size of the union, is the sum of the minima of the
    counts over the sum of their maxima: the MinMax kernel (Ralaivola et al. 2005).

    Returns:
        (n,) below 2,048 * 256.
    """
    found = morgan_generator(3, _BITS).GetCountFingerprint(mol).GetNonzeroElements()
    bins = np.fromiter(found.keys(), np.int32, len(found))
    counts = np.minimum(np.fromiter(found.values(), np.int32, len(found)), _LEVELS)
    first = np.repeat(np.cumsum(counts) - counts, counts)  # where the elements of each bin begin
    return np.repeat(bins * _LEVELS, counts) + np.arange(len(first), dtype=np.int32) - first.astype(np.int32)


class Breeder:
    """Children of molecules.

    Args:
        mutation_rate: probability that a child is a mutant of one parent instead of a crossover of two.
    """

    def __init__(self, mutation_rate: float = 0.4) -> None:
        self.mutation_rate = mutation_rate
        self._parents: dict[Molecule, _Parent] = {}

    def offspring(
        self, draw: Callable[[], Molecule], count: int, rng: random.Random, known: Container[str]
    ) -> list[tuple[str, np.ndarray]]:
        """Up to ``count`` children as SMILES, each with :func:`morgan_features`; fewer if nothing new comes up.

        Args:
            draw: gives a parent; asked twice for a crossover.
            count: how many.
            rng: all randomness but that of ``draw``.
            known: texts that are not made again.
        """
        children: dict[str, np.ndarray] = {}
        with rdBase.BlockLogs():
            for _ in range(3 * count):
                if len(children) == count:
                    break
                child = self._child(draw, rng)
                if child is None:
                    continue
                text = Chem.MolToSmiles(child, isomericSmiles=False)
                if text not in children and text not in known:
                    children[text] = morgan_features(child)
        return list(children.items())

    def _child(self, draw: Callable[[], Molecule], rng: random.Random) -> Chem.Mol | None:
        first = self._parent(draw())
        if rng.random() < self.mutation_rate:
            return first.mutant(rng)
        second = self._parent(draw())
        ring = rng.random() < 0.3
        for _ in range(_JOINS):
            pieces, others = first.pieces(ring, rng), second.pieces(ring, rng)
            if pieces and others:
                child = _joined(rng.choice(pieces), rng.choice(others))
                if child is not None:
                    return child
        return first.mutant(rng)

    def _parent(self, molecule: Molecule) -> "_Parent":
        parent = self._parents.pop(molecule, None) or _Parent(molecule.mol)
        self._parents[molecule] = parent  # the latest stand last
        if len(self._parents) > _KEPT:
            del self._parents[next(iter(self._parents))]
        return parent


class _Parent:
    """A molecule with what it was cut into so far."""

    def __init__(self, mol: Chem.Mol) -> None:
        self.mol = mol
        self._cuts: dict[bool, list[tuple[int, ...]]] = {}
        self._pieces: dict[tuple[int, ...], list[Chem.Mol]] = {}
        self._kekulized: Chem.Mol | None = None

    def pieces(self, ring: bool, rng: random.Random) -> list[Chem.Mol]:
        """Both sides of a random cut through a chain bond, or through two bonds of a ring."""
        if ring not in self._cuts:
            bonds: list[tuple[int, ...]] = (
                [*ring_bond_pairs(self.mol)] if ring else [(b,) for b in chain_bonds(self.mol)]
            )
            self._cuts[ring] = bonds
        if not self._cuts[ring]:
            return []
        cut = rng.choice(self._cuts[ring])
        if cut not in self._pieces:
            self._pieces[cut] = _cut(self.mol, cut)
        return self._pieces[cut]

    def mutant(self, rng: random.Random) -> Chem.Mol | None:
        if self._kekulized is None:
            self._kekulized = Chem.Mol(self.mol)
            Chem.Kekulize(self._kekulized, clearAromaticFlags=True)
        for _ in range(_MUTATIONS_TRIED):
            edited = Chem.RWMol(self._kekulized)
            if rng.choice(MUTATIONS)(edited, rng) and (child := _sanitised(edited)) is not None:
                return child
        return None


def _cut(mol: Chem.Mol, bonds: tuple[int, ...]) -> list[Chem.Mol]:
    """The pieces that hold as many open ends as bonds were cut; ends are atoms of number 0, labelled 1, 2."""
    labels = [(end, end) for end in range(1, len(bonds) + 1)]
    whole = Chem.FragmentOnBonds(mol, list(bonds), addDummies=True, dummyLabels=labels)
    pieces = Chem.GetMolFrags(whole, asMols=True, sanitizeFrags=False)
    return [piece for piece in pieces if piece.GetNumAtoms() - piece.GetNumHeavyAtoms() == len(bonds)]


def _joined(piece: Chem.Mol, other: Chem.Mol) -> Chem.Mol | None:
    parameters = Chem.MolzipParams()
    parameters.label = Chem.MolzipLabel.Isotope
    try:
        return _sanitised(Chem.molzip(piece, other, parameters))
    except (ValueError, RuntimeError):
        return None


def _sanitised(mol: Chem.Mol | None) -> Chem.Mol | None:
    if mol is None:
        return None
    if Chem.SanitizeMol(mol, catchErrors=True) != Chem.SanitizeFlags.SANITIZE_NONE:
        return None
    return mol if acceptable(mol) else None
