"""Graph genetic algorithm: crossover and mutation of molecules as graphs (after Jensen 2019, Chem. Sci. 10, 3567).

Parents are chosen by rank among the best so far; each child is a crossover of two of them, perhaps mutated. All
randomness comes from one ``random.Random``, whose state is part of the algorithm's.
"""

import random
from collections.abc import Callable, Sequence
from itertools import combinations, product
from typing import Any

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdqueries

from molvae.chemistry.fitting import Fitting
from molvae.chemistry.molecule import Molecule

_MAX_ATOMS = 50
_TRIES = 10
_ELEMENTS = (6, 6, 6, 7, 7, 8, 8, 9, 16, 17, 35)  # how often each is tried
_NOT_RING_BOND = Chem.MolFromSmarts("[*]-;!@[*]")
_RADICAL = rdqueries.NumRadicalElectronsGreaterQueryAtom(0)
_UNWANTED = tuple(
    Chem.MolFromSmarts(text)
    for text in (
        "[R]=[R]=[R]",
        "[r3,r4]=[r3,r4]",
        "[*]=[*]=[*]",
        "[r;!r5;!r6]#[r]",
        "[O,N]-[O,N]-[O,N]",
        "[F,Cl,Br,I]~[N,O,S]",
    )
)


def crossover(parent_a: Chem.Mol, parent_b: Chem.Mol, rng: random.Random) -> Chem.Mol | None:
    """A child that joins a piece of each parent, cut at a chain bond or through a ring; None if none is sane."""
    cuts: list[Callable[[Chem.Mol, random.Random], list[Chem.Mol]]] = [_cut_chain, _cut_ring]
    for _ in range(_TRIES):
        cut = cuts[rng.random() < 0.5]
        pieces_a, pieces_b = cut(parent_a, rng), cut(parent_b, rng)
        pairs = list(product(pieces_a, pieces_b))
        rng.shuffle(pairs)
        for piece_a, piece_b in pairs:
            child = _sane(_join(piece_a, piece_b, rng))
            if child is not None:
                return child
    return None


def mutate(mol: Chem.Mol, rng: random.Random) -> Chem.Mol | None:
    """A neighbour of a molecule: an atom or bond added, removed or changed; None if none is sane."""
    before = Chem.MolToSmiles(mol)
    for _ in range(_TRIES):
        operator = rng.choice(MUTATIONS)
        edited = Chem.RWMol(mol)
        with rdBase.BlockLogs():
            Chem.Kekulize(edited, clearAromaticFlags=True)
            if not operator(edited, rng):
                continue
        child = _sane(edited)
        if child is not None and Chem.MolToSmiles(child) != before:
            return child
    return None


class GraphGA:
    """The algorithm as ask and tell.

    Args:
        population_size: how many of the best molecules are parents.
        mutation_rate: probability that a child is mutated.
        rng: all randomness.
        fitting: children that do not fit are made to, on the best of the population.
    """

    def __init__(
        self, population_size: int, rng: random.Random, mutation_rate: float = 0.5, fitting: Fitting | None = None
    ) -> None:
        self.fitting = fitting
        self.made_to_fit: set[Molecule] = set()
        self.population_size, self.mutation_rate, self.rng = population_size, mutation_rate, rng
        self.population: list[tuple[float, Molecule]] = []
        self.seen: set[str] = set()
        self.untold: set[str] = set()  # of those, what was proposed and has not been told

    def tell(self, molecules: Sequence[Molecule], scores: Sequence[float]) -> None:
        """Take in molecules with scores to be maximised; those without a finite score are only remembered."""
        told = {molecule.smiles for molecule in molecules}
        self.seen |= told
        self.untold -= told
        self.population += [(float(y), m) for m, y in zip(molecules, scores, strict=True) if np.isfinite(y)]
        ranked = sorted(set(self.population), key=lambda pair: (-pair[0], pair[1].smiles))
        self.population = ranked[: self.population_size]

    def ask(self, count: int) -> list[Molecule]:
        """Up to ``count`` new molecules."""
        children: list[Molecule] = []
        for _ in range(50 * count):
            if len(children) == count or not self.population:
                break
            child = self._child()
            if child is not None and child.smiles not in self.seen:
                self.seen.add(child.smiles)
                self.untold.add(child.smiles)
                children.append(child)
        return children

    def _child(self) -> Molecule | None:
        first, second = (self._parent() for _ in range(2))
        child = crossover(first, second, self.rng) or first
        if self.rng.random() < self.mutation_rate or child is first:
            child = mutate(child, self.rng)
        molecule = None if child is None else Molecule.from_mol(child)
        if self.fitting is None or molecule is None or self.fitting.fits(molecule):
            return molecule
        best = [parent for _, parent in self.population[: self.fitting.built_on]]
        made = self.fitting.fit(molecule, best, self.rng.getrandbits(32))
        self.made_to_fit |= set() if made is None else {made}
        return made

    def _parent(self) -> Chem.Mol:
        """By rank: the best is chosen most often, the last of the population hardly ever."""
        rank = int(len(self.population) * self.rng.random() ** 2)
        return self.population[rank][1].mol

    def state(self) -> dict[str, Any]:
        """The random state and what was proposed for nothing, as JSON; all else comes from telling again."""
        version, internal, gauss = self.rng.getstate()
        return {"random": [version, list(internal), gauss], "untold": sorted(self.untold)}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`, after the same molecules have been told."""
        version, internal, gauss = state["random"]
        self.rng.setstate((version, tuple(internal), gauss))
        self.untold = set(state["untold"])
        self.seen |= self.untold


def _cut_chain(mol: Chem.Mol, rng: random.Random) -> list[Chem.Mol]:
    matches = mol.GetSubstructMatches(_NOT_RING_BOND)
    if not matches:
        return []
    a, b = rng.choice(matches)
    return _fragments(mol, [mol.GetBondBetweenAtoms(a, b).GetIdx()])


def _cut_ring(mol: Chem.Mol, rng: random.Random) -> list[Chem.Mol]:
    """Two single bonds of one ring."""
    rings = [list(ring) for ring in mol.GetRingInfo().BondRings()]
    if not rings:
        return []
    ring = rng.choice(rings)
    single = [bond for bond in ring if mol.GetBondWithIdx(bond).GetBondType() == Chem.BondType.SINGLE]
    if len(single) < 2:
        return []
    return [piece for piece in _fragments(mol, rng.sample(single, 2)) if _dummies(piece) == 2]


def _fragments(mol: Chem.Mol, bonds: list[int]) -> list[Chem.Mol]:
    cut = Chem.FragmentOnBonds(mol, bonds, addDummies=True, dummyLabels=[(0, 0)] * len(bonds))
    with rdBase.BlockLogs():
        try:
            return list(Chem.GetMolFrags(cut, asMols=True))
        except ValueError:
            return []


def _dummies(mol: Chem.Mol) -> int:
    return sum(atom.GetAtomicNum() == 0 for atom in mol.GetAtoms())


def _join(piece_a: Chem.Mol, piece_b: Chem.Mol, rng: random.Random) -> Chem.RWMol:
    """Bond the neighbours of the dummy atoms of both pieces, in random pairs, and drop the dummies."""
    joined = Chem.RWMol(Chem.CombineMols(piece_a, piece_b))
    dummies = [atom for atom in joined.GetAtoms() if atom.GetAtomicNum() == 0]
    ends = [(atom.GetIdx(), atom.GetNeighbors()[0].GetIdx()) for atom in dummies]
    left = [end for end in ends if end[0] < piece_a.GetNumAtoms()]
    right = [end for end in ends if end[0] >= piece_a.GetNumAtoms()]
    rng.shuffle(right)
    for (_, a), (_, b) in zip(left, right, strict=False):
        if joined.GetBondBetweenAtoms(a, b) is None:
            joined.AddBond(a, b, Chem.BondType.SINGLE)
    for index in sorted((index for index, _ in ends), reverse=True):
        joined.RemoveAtom(index)
    return joined


def _append_atom(mol: Chem.RWMol, rng: random.Random) -> bool:
    new = mol.AddAtom(Chem.Atom(rng.choice(_ELEMENTS)))
    order = rng.choice((Chem.BondType.SINGLE,) * 4 + (Chem.BondType.DOUBLE,))
    mol.AddBond(rng.randrange(new), new, order)
    return True


def _insert_atom(mol: Chem.RWMol, rng: random.Random) -> bool:
    bonds = [bond.GetIdx() for bond in mol.GetBonds()]
    if not bonds:
        return False
    bond = mol.GetBondWithIdx(rng.choice(bonds))
    a, b = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
    new = mol.AddAtom(Chem.Atom(rng.choice((6, 7, 8, 16))))
    mol.RemoveBond(a, b)
    mol.AddBond(a, new, Chem.BondType.SINGLE)
    mol.AddBond(new, b, Chem.BondType.SINGLE)
    return True


def _delete_atom(mol: Chem.RWMol, rng: random.Random) -> bool:
    """A terminal atom goes; one between two others is bridged."""
    atoms = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetDegree() <= 2]
    if not atoms or mol.GetNumAtoms() < 3:
        return False
    index = rng.choice(atoms)
    neighbours = [atom.GetIdx() for atom in mol.GetAtomWithIdx(index).GetNeighbors()]
    if len(neighbours) == 2 and mol.GetBondBetweenAtoms(*neighbours) is None:
        mol.AddBond(*neighbours, Chem.BondType.SINGLE)
    mol.RemoveAtom(index)
    return True


def _change_atom(mol: Chem.RWMol, rng: random.Random) -> bool:
    atom = mol.GetAtomWithIdx(rng.randrange(mol.GetNumAtoms()))
    element = rng.choice(_ELEMENTS)
    if element == atom.GetAtomicNum():
        return False
    atom.SetAtomicNum(element)
    atom.SetFormalCharge(0)
    atom.SetNumExplicitHs(0)
    atom.SetNoImplicit(False)
    return True


def _change_bond(mol: Chem.RWMol, rng: random.Random) -> bool:
    if mol.GetNumBonds() == 0:
        return False
    bond = mol.GetBondWithIdx(rng.randrange(mol.GetNumBonds()))
    orders = [Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE]
    bond.SetBondType(rng.choice([order for order in orders if order != bond.GetBondType()]))
    return True


def _add_ring(mol: Chem.RWMol, rng: random.Random) -> bool:
    """A bond between two atoms 3 to 5 bonds apart, or a carbon that bridges two."""
    distance = Chem.GetDistanceMatrix(mol)
    pairs = [(int(a), int(b)) for a, b in zip(*np.nonzero((distance >= 4) & (distance <= 5)), strict=True) if a < b]
    if not pairs:
        return False
    mol.AddBond(*rng.choice(pairs), Chem.BondType.SINGLE)
    return True


def _open_ring(mol: Chem.RWMol, rng: random.Random) -> bool:
    bonds = [bond.GetIdx() for bond in mol.GetBonds() if bond.IsInRing()]
    if not bonds:
        return False
    bond = mol.GetBondWithIdx(rng.choice(bonds))
    mol.RemoveBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
    return True


MUTATIONS: tuple[Callable[[Chem.RWMol, random.Random], bool], ...] = (
    _append_atom,
    _insert_atom,
    _delete_atom,
    _change_atom,
    _change_bond,
    _add_ring,
    _open_ring,
)
"""Each edits a Kekulé structure in place and says whether it could."""


def _sane(mol: Chem.Mol | None) -> Chem.Mol | None:
    """The molecule, sanitised and read back, if a chemist could look at it without a smile."""
    if mol is None or not 3 <= mol.GetNumAtoms() <= _MAX_ATOMS:
        return None
    with rdBase.BlockLogs():
        try:
            smiles = Chem.MolToSmiles(mol)
            child = Chem.MolFromSmiles(smiles)
        except (ValueError, RuntimeError):
            return None
    if child is None or "." in smiles or "*" in smiles:
        return None
    return child if acceptable(child) else None


def acceptable(mol: Chem.Mol) -> bool:
    """Whether a chemist could look at a sanitised molecule without a smile: its size, rings, radicals and bonds."""
    if not 3 <= mol.GetNumAtoms() <= _MAX_ATOMS:
        return False
    if any(not 5 <= len(ring) <= 7 and len(ring) != 3 for ring in mol.GetRingInfo().AtomRings()):
        return False
    if len(mol.GetAtomsMatchingQuery(_RADICAL)):
        return False
    return not any(mol.HasSubstructMatch(pattern) for pattern in _UNWANTED)


def chain_bonds(mol: Chem.Mol) -> list[int]:
    """Single bonds outside of rings."""
    matches = mol.GetSubstructMatches(_NOT_RING_BOND)
    return [mol.GetBondBetweenAtoms(*match).GetIdx() for match in matches]


def ring_bond_pairs(mol: Chem.Mol) -> list[tuple[int, int]]:
    """Pairs of single bonds of one ring."""
    pairs: list[tuple[int, int]] = []
    for ring in mol.GetRingInfo().BondRings():
        single = [bond for bond in ring if mol.GetBondWithIdx(bond).GetBondType() == Chem.BondType.SINGLE]
        pairs += combinations(single, 2)
    return pairs
