"""Clusters, the labels of junction trees: small kekulised fragments, the sites where they join, and their symmetries.

A cluster is a bond that is in no ring, a ring (rings that share more than two atoms are one), or a single atom between
more than two of those. Its label is the canonical SMILES of the fragment; the atoms of a label are numbered as the
SMILES writes them. Two clusters are joined by identifying a *site* of one with a site of the other: an atom, or, of two
rings that are fused, a bond. Atoms are told apart by element and formal charge, bonds by their order in one kekulised
form of the molecule, so that what is joined has integer valences: that no atom exceeds its own is all it takes for a
molecule to be valid.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from rdkit import Chem

AtomKind = tuple[int, int]
"""Atomic number and formal charge."""
Bonds = tuple[tuple[int, int, int], ...]
"""(atom, atom, order) of each bond."""
Site = tuple[int, ...]
"""One atom, or two that are bonded, in one of both directions."""

_ORDERS = {1: Chem.BondType.SINGLE, 2: Chem.BondType.DOUBLE, 3: Chem.BondType.TRIPLE}
_MOST_SYMMETRIES = 64


@dataclass(frozen=True, eq=False)
class Cluster:
    """A label and all that follows from it.

    Attributes:
        smiles: the label.
        atoms: element and charge of each atom.
        bonds: its bonds.
        used: valence that the bonds take of each atom.
        symmetries: permutations of the atoms that leave the cluster what it is, the identity first.
        sites: where another cluster may be joined: every atom, then, in a ring, every bond in both directions.
        kinds: of each site: only sites of the same kind can be one.
        entries: of each class of sites that symmetries exchange, the first: by which a cluster is joined to its parent.
    """

    smiles: str
    atoms: tuple[AtomKind, ...]
    bonds: Bonds
    used: tuple[int, ...]
    symmetries: tuple[tuple[int, ...], ...]
    sites: tuple[Site, ...]
    kinds: tuple[tuple[object, ...], ...]
    entries: tuple[int, ...]

    def site(self, atoms: Sequence[int]) -> int:
        """The number of a site; -1 if it is none."""
        return self._numbers.get(tuple(atoms), -1)

    @functools.cached_property
    def _numbers(self) -> dict[Site, int]:
        return {site: number for number, site in enumerate(self.sites)}

    @functools.cached_property
    def images(self) -> tuple[tuple[int, ...], ...]:
        """For each symmetry, the site that each site goes to."""
        return tuple(tuple(self.site([image[a] for a in site]) for site in self.sites) for image in self.symmetries)


@functools.lru_cache(maxsize=100_000)
def canonical_cluster(atoms: tuple[AtomKind, ...], bonds: Bonds) -> tuple[str, tuple[int, ...]]:
    """The label of a fragment, and which of its atoms stands at each place of the label."""
    mol = _fragment(atoms, bonds)
    smiles = Chem.MolToSmiles(mol)
    order = mol.GetProp("_smilesAtomOutputOrder")
    return smiles, tuple(int(text) for text in order.strip("[],").split(","))


def _fragment(atoms: Sequence[AtomKind], bonds: Bonds) -> Chem.Mol:
    editable = Chem.RWMol()
    for number, charge in atoms:
        atom = Chem.Atom(number)
        atom.SetFormalCharge(charge)
        editable.AddAtom(atom)
    for a, b, order in bonds:
        editable.AddBond(a, b, _ORDERS[order])
    mol = editable.GetMol()
    mol.UpdatePropertyCache(strict=False)  # hydrogens of charged atoms; nothing here makes a ring aromatic
    return mol


@functools.lru_cache(maxsize=100_000)
def cluster(smiles: str) -> Cluster:
    """The cluster of a label.

    Raises:
        ValueError: it is no label.
    """
    mol = Chem.MolFromSmiles(smiles, sanitize=False)
    if mol is None or mol.GetNumAtoms() == 0:
        raise ValueError(f"{smiles!r} is not the SMILES of a fragment")
    atoms = tuple((atom.GetAtomicNum(), atom.GetFormalCharge()) for atom in mol.GetAtoms())
    orders = {kind: order for order, kind in _ORDERS.items()}
    if any(bond.GetBondType() not in orders for bond in mol.GetBonds()):
        raise ValueError(f"{smiles!r} has a bond that is neither single, double nor triple: write it kekulised")
    bonds = tuple((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), orders[bond.GetBondType()]) for bond in mol.GetBonds())
    used = [0] * len(atoms)
    for a, b, order in bonds:
        used[a] += order
        used[b] += order
    sites: list[Site] = [(a,) for a in range(len(atoms))]
    kinds: list[tuple[object, ...]] = [(kind,) for kind in atoms]
    if len(atoms) > 2:
        for a, b, order in bonds:
            for first, second in ((a, b), (b, a)):
                sites.append((first, second))
                kinds.append((atoms[first], atoms[second], order))
    symmetries = _symmetries(atoms, bonds)
    plain = Cluster(smiles, atoms, bonds, tuple(used), symmetries, tuple(sites), tuple(kinds), ())
    entries = tuple(sorted({min(image[number] for image in plain.images) for number in range(len(sites))}))
    return Cluster(smiles, atoms, bonds, tuple(used), symmetries, tuple(sites), tuple(kinds), entries)


def _symmetries(atoms: Sequence[AtomKind], bonds: Bonds) -> tuple[tuple[int, ...], ...]:
    """Permutations that keep atoms and bonds, found atom by atom; the identity comes first."""
    order_of = {(a, b): order for a, b, order in bonds} | {(b, a): order for a, b, order in bonds}
    found: list[tuple[int, ...]] = []

    def extend(image: list[int]) -> None:
        atom = len(image)
        if len(found) >= _MOST_SYMMETRIES:
            return
        if atom == len(atoms):
            found.append(tuple(image))
            return
        for other in range(len(atoms)):
            if other in image or atoms[other] != atoms[atom]:
                continue
            if all(order_of.get((atom, a)) == order_of.get((other, b)) for a, b in enumerate(image)):
                extend([*image, other])

    extend([])
    return tuple(found)


@functools.cache
def largest_valence(kind: AtomKind) -> int:
    """What the bonds of an atom may add up to: of a charged atom, as of the neutral one with as many electrons."""
    number, charge = kind
    table = Chem.GetPeriodicTable()
    valences = list(table.GetValenceList(max(1, number - charge)))
    return max(8 if valence < 0 else valence for valence in valences)


@functools.lru_cache(maxsize=1_000_000)
def joints(parent: str, child: str) -> tuple[tuple[int, int, Site, tuple[int, ...]], ...]:
    """All ways in which a child can be joined to a parent, by their labels, before anything else is joined to it.

    Returns:
        (site of the parent, entry of the child, atoms of the parent's site, valence that the child adds to each).
    """
    above, below = cluster(parent), cluster(child)
    found = []
    for entry in below.entries:
        atoms = below.sites[entry]
        shared = 0 if len(atoms) == 1 else int(below.kinds[entry][2])  # type: ignore[call-overload]
        added = tuple(below.used[a] - shared for a in atoms)
        for place, kind in enumerate(above.kinds):
            if kind == below.kinds[entry]:
                found.append((place, entry, above.sites[place], added))
    return tuple(found)
