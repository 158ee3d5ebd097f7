"""Junction trees of molecules (Jin, Barzilay & Jaakkola 2018): taken apart, and put together again exactly.

    clusters    bonds in no ring; rings, merged where they share more than two atoms; an atom of more than two bonds,
                of two bonds and a further cluster, or of more than two rings, is a cluster of its own
    tree        a maximum spanning tree of the graph of clusters; weights are shared atoms, single atoms before all
    sites       for each edge, which atoms of the one cluster are which atoms of the other

The paper's tree leaves open how neighbours are joined, and a second network finds it out of all assemblies of a
neighbourhood. Here each edge says at which site of the parent and by which site of the child it joins, so that tree and
molecule determine each other, and what there is to choose from is listed edge by edge: see :func:`choices`.

The molecule is read in one kekulised form, RDKit's for the canonical SMILES. Stereo marks have no place in a tree, they
are dropped: see :func:`without_stereo`.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from rdkit import Chem, rdBase

from molvae.chemistry.molecule import Molecule, parse_smiles
from molvae.errors import InputError
from molvae.molecules.clusters import _ORDERS, Cluster, canonical_cluster, cluster, joints, largest_valence

Choice = tuple[int, int, int]
"""Site of the parent, site of the child, and how many clusters besides the parent hold an atom there, at most two."""
_ORDER = {kind: order for order, kind in _ORDERS.items()}


@dataclass(frozen=True)
class JunctionTree:
    """A molecule as a tree of clusters in the order in which it is built, depth first.

    Attributes:
        labels: of the n clusters.
        parents: number of each cluster's parent, smaller than its own; -1 of the root.
        places: site of the parent where it is joined; 0 of the root.
        entries: site of its own by which it is joined; 0 of the root.
    """

    labels: tuple[str, ...]
    parents: tuple[int, ...]
    places: tuple[int, ...]
    entries: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Decomposition:
    """A molecule and its tree.

    Attributes:
        mol: without stereo marks, kekulised; aromatic flags are kept.
        tree: its junction tree.
        atoms: for each cluster, the atoms of ``mol`` in the order of the label.
    """

    mol: Chem.Mol
    tree: JunctionTree
    atoms: tuple[tuple[int, ...], ...]


def without_stereo(smiles: str) -> str:
    """A canonical SMILES without its stereo marks, canonical again: what a tree can hold of a molecule.

    Raises:
        InputError: it is not a molecule.
    """
    if not any(mark in smiles for mark in "@/\\"):
        return smiles
    mol, reason = parse_smiles(smiles)
    if mol is None:
        raise InputError(f"{smiles!r}: {reason}")
    Chem.RemoveStereochemistry(mol)
    return settled(Chem.MolToSmiles(mol)) or smiles


def decompose(smiles: str) -> Decomposition:
    """Take a molecule apart.

    Args:
        smiles: canonical, without stereo marks (others are dropped).

    Raises:
        InputError: not a molecule, or one that no tree gives back: several fragments, isotopes, radicals; names the
            reason.
    """
    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(smiles) if smiles else None
    if mol is None or mol.GetNumAtoms() == 0:
        raise InputError(f"{smiles!r} is not a molecule")
    if "." in smiles:
        raise InputError("it consists of several fragments")
    Chem.RemoveStereochemistry(mol)
    whole = Chem.Mol(mol)
    Chem.Kekulize(mol, clearAromaticFlags=False)
    bonds = {}
    for bond in mol.GetBonds():
        ends = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        if bond.GetBondType() not in _ORDER:
            raise InputError("it has a bond that is neither single, double nor triple")
        bonds[min(ends), max(ends)] = _ORDER[bond.GetBondType()]
    clusters, neighbours = _spanning_tree(mol)
    tree, atoms = _build(mol, bonds, clusters, neighbours)
    rebuilt = str(Chem.MolToSmiles(assemble(tree)))
    if rebuilt != smiles and settled(rebuilt) != settled(Chem.MolToSmiles(whole)):
        raise InputError("its atoms have hydrogens, isotopes or radicals that a tree of clusters cannot say")
    return Decomposition(mol, tree, atoms)


def settled(smiles: str) -> str | None:
    """The SMILES that RDKit writes again when it reads it; None if there is no molecule."""
    molecule, _ = Molecule.parse(smiles)
    return None if molecule is None else molecule.smiles


def _spanning_tree(mol: Chem.Mol) -> tuple[list[set[int]], list[list[int]]]:
    """The clusters, and the neighbours of each in the tree.

    The rules of the paper do not always give a tree in which the clusters of each atom are connected. Where they do
    not, an atom of three rings is no cluster of its own, or all rings that share a bond are one.

    Raises:
        InputError: nothing helps.
    """
    rings = _around(_merged([set(ring) for ring in mol.GetRingInfo().AtomRings()], 3))
    for merged, between_rings in ((rings, True), (rings, False), (_merged(rings, 2), False)):
        clusters, links = _clusters(mol, merged, between_rings)
        neighbours = _neighbours(clusters, links)
        shared = sum(len(clusters[a] & clusters[b]) for a, others in enumerate(neighbours) for b in others) // 2
        # the clusters that hold an atom form a subtree, of all atoms, exactly if this sum is right
        if sum(map(len, clusters)) - shared == mol.GetNumAtoms():
            return clusters, neighbours
    raise InputError("its rings close around each other in a way that no tree of clusters can say")


def _merged(rings: list[set[int]], shared: int) -> list[set[int]]:
    """Rings joined as long as two share so many atoms."""
    rings = list(rings)
    while True:
        for a, b in itertools.combinations(range(len(rings)), 2):
            if len(rings[a] & rings[b]) >= shared:
                rings[a] = rings[a] | rings[b]
                del rings[b]
                break
        else:
            return rings


def _around(rings: list[set[int]]) -> list[set[int]]:
    """Three rings of which each two share a bond become one: a tree would leave one of the pairs open."""
    while True:
        for three in itertools.combinations(rings, 3):
            if all(len(a & b) > 1 for a, b in itertools.combinations(three, 2)):
                rings = _merged([set.union(*three), *(ring for ring in rings if ring not in three)], 3)
                break
        else:
            return rings


def _clusters(
    mol: Chem.Mol, rings: list[set[int]], between_rings: bool
) -> tuple[list[set[int]], dict[tuple[int, int], int]]:
    """The clusters as sets of atoms, and the weight of each pair that may be joined.

    Args:
        mol: the molecule.
        rings: atoms of its rings, merged.
        between_rings: whether an atom of more than two rings is a cluster of its own.
    """
    clusters = [{bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()} for bond in mol.GetBonds() if not bond.IsInRing()]
    number_of_bonds = len(clusters)
    clusters += rings
    if not clusters:
        clusters = [{0}]
    holders: list[list[int]] = [[] for _ in range(mol.GetNumAtoms())]
    for number, atoms in enumerate(clusters):
        for atom in atoms:
            holders[atom].append(number)
    links: dict[tuple[int, int], int] = {}
    for atom, held in enumerate(holders):
        if len(held) < 2:
            continue
        bonds = sum(number < number_of_bonds for number in held)
        if bonds > 2 or (bonds == 2 and len(held) > 2) or (between_rings and len(held) - bonds > 2):
            clusters.append({atom})
            links |= {(number, len(clusters) - 1): 100 for number in held}
        else:
            for a, b in itertools.combinations(held, 2):
                links[a, b] = max(links.get((a, b), 0), len(clusters[a] & clusters[b]))
    return clusters, links


def _neighbours(clusters: list[set[int]], links: dict[tuple[int, int], int]) -> list[list[int]]:
    """Neighbours of each cluster in a maximum spanning tree (Kruskal 1956)."""
    group = list(range(len(clusters)))

    def find(number: int) -> int:
        while group[number] != number:
            group[number] = group[group[number]]
            number = group[number]
        return number

    neighbours: list[list[int]] = [[] for _ in clusters]
    for (a, b), _ in sorted(links.items(), key=lambda link: (-link[1], link[0])):
        first, second = find(a), find(b)
        if first != second:
            group[first] = second
            neighbours[a].append(b)
            neighbours[b].append(a)
    return neighbours


def _build(
    mol: Chem.Mol, bonds: dict[tuple[int, int], int], clusters: list[set[int]], neighbours: list[list[int]]
) -> tuple[JunctionTree, tuple[tuple[int, ...], ...]]:
    """The tree from the cluster of the first atom on, depth first, children in the order of the SMILES."""
    kinds = [(atom.GetAtomicNum(), atom.GetFormalCharge()) for atom in mol.GetAtoms()]
    order: list[int] = []
    parents: list[int] = []
    children: list[list[int]] = []
    root = next(number for number, atoms in enumerate(clusters) if 0 in atoms)
    stack = [(root, -1, -1)]
    while stack:
        number, parent, position = stack.pop()
        here = len(order)
        order.append(number)
        parents.append(position)
        children.append([])
        if position >= 0:
            children[position].append(here)
        rest = [other for other in neighbours[number] if other != parent]

        def first_new(other: int, atoms: set[int] = clusters[number]) -> tuple[int, int]:
            return min(clusters[other] - atoms, default=min(clusters[other])), other

        stack += [(other, number, here) for other in sorted(rest, key=first_new, reverse=True)]
    labels: list[str] = []
    members: list[tuple[int, ...]] = []
    for number in order:
        atoms = sorted(clusters[number])
        local = {atom: index for index, atom in enumerate(atoms)}
        inside = tuple(
            (local[a], local[b], bonds[a, b]) for a, b in itertools.combinations(atoms, 2) if (a, b) in bonds
        )
        label, places = canonical_cluster(tuple(kinds[atom] for atom in atoms), inside)
        labels.append(label)
        members.append(tuple(atoms[index] for index in places))
    return _with_sites(labels, parents, children, members)


def _with_sites(
    labels: list[str], parents: list[int], children: list[list[int]], members: list[tuple[int, ...]]
) -> tuple[JunctionTree, tuple[tuple[int, ...], ...]]:
    """Number the atoms of each cluster, of all numberings that its symmetries allow, so that its sites come first.

    One after another from the root: of a child's site, the direction is that of the parent's.
    """
    places, entries = [0] * len(labels), [0] * len(labels)
    members = list(members)
    for number, label in enumerate(labels):
        kind = cluster(label)
        above = [] if parents[number] < 0 else list(members[parents[number]])
        own = set(members[number])
        shared = [atom for atom in above if atom in own]
        touched = [set(members[child]) & own for child in children[number]]
        best: tuple[list[int], tuple[int, ...]] | None = None
        for image in kind.symmetries if len(kind.symmetries) > 1 else ():
            atoms = [0] * len(image)
            for position, target in enumerate(image):
                atoms[target] = members[number][position]
            at = {atom: position for position, atom in enumerate(atoms)}
            first = _entry(kind, [at[atom] for atom in shared]) if above else []
            rank = first + [position for group in touched for position in sorted(at[atom] for atom in group)]
            if best is None or rank < best[0]:
                best = rank, tuple(atoms)
        if best is not None:
            members[number] = best[1]
        if not above:
            continue
        at = {atom: position for position, atom in enumerate(members[number])}
        entry = min(
            (site for site in itertools.permutations([at[atom] for atom in shared]) if kind.site(site) >= 0),
            key=kind.site,
            default=None,
        )
        if entry is None:
            raise InputError("two of its rings share atoms that are not bonded")
        parent = cluster(labels[parents[number]])
        place = parent.site([above.index(members[number][position]) for position in entry])
        if place < 0 or parent.kinds[place] != kind.kinds[kind.site(entry)]:
            raise InputError("two of its rings share atoms that are not bonded in both")
        places[number], entries[number] = place, kind.site(entry)
    tree = JunctionTree(tuple(labels), tuple(parents), tuple(places), tuple(entries))
    return tree, tuple(members)


def _entry(kind: Cluster, positions: Sequence[int]) -> list[int]:
    numbers = [kind.site(site) for site in itertools.permutations(positions)]
    return [min((number for number in numbers if number >= 0), default=len(kind.sites))]


class Assembly:
    """A molecule that grows cluster by cluster; always a valid one.

    Attributes:
        kinds: element and charge of each atom.
        used: valence that is taken of each atom.
        bonds: (atom, atom, order)
        members: for each cluster, its atoms in the order of the label.
        labels: of the clusters.
        held: how many clusters hold each atom.
    """

    def __init__(self, root: str) -> None:
        kind = cluster(root)
        self.held = [1] * len(kind.atoms)
        self.kinds = list(kind.atoms)
        self.used = list(kind.used)
        self.bonds = list(kind.bonds)
        self.members = [list(range(len(kind.atoms)))]
        self.labels = [root]

    def choices(self, parent: int, label: str) -> list[Choice]:
        """Every way to join a new cluster to one that is there without exceeding a valence."""
        atoms = self.members[parent]
        return [
            (place, entry, min(2, max(self.held[atoms[a]] for a in site) - 1))
            for place, entry, site, added in joints(self.labels[parent], label)
            if all(
                self.used[atoms[a]] + more <= largest_valence(self.kinds[atoms[a]])
                for a, more in zip(site, added, strict=True)
            )
        ]

    def join(self, parent: int, label: str, place: int, entry: int) -> None:
        """Join a new cluster."""
        kind = cluster(label)
        site = kind.sites[entry]
        target = [self.members[parent][a] for a in cluster(self.labels[parent]).sites[place]]
        known = dict(zip(site, target, strict=True))
        members = []
        for position, atom in enumerate(kind.atoms):
            if position not in known:
                known[position] = len(self.kinds)
                self.kinds.append(atom)
                self.used.append(0)
                self.held.append(0)
            self.held[known[position]] += 1
            members.append(known[position])
        for a, b, order in kind.bonds:
            if not (a in site and b in site):  # the bond of a fused ring is there already
                self.bonds.append((known[a], known[b], order))
                self.used[known[a]] += order
                self.used[known[b]] += order
        self.members.append(members)
        self.labels.append(label)

    def mol(self) -> Chem.Mol:
        """The molecule, sanitised.

        Raises:
            ValueError: RDKit refuses it, which what :meth:`choices` offers never leads to.
        """
        editable = Chem.RWMol()
        for number, charge in self.kinds:
            atom = Chem.Atom(number)
            atom.SetFormalCharge(charge)
            editable.AddAtom(atom)
        for a, b, order in self.bonds:
            editable.AddBond(a, b, _ORDERS[order])
        mol = editable.GetMol()
        Chem.SanitizeMol(mol)
        return mol


def assemble(tree: JunctionTree) -> Chem.Mol:
    """The molecule of a tree."""
    assembly = Assembly(tree.labels[0])
    for number in range(1, len(tree)):
        assembly.join(tree.parents[number], tree.labels[number], tree.places[number], tree.entries[number])
    return assembly.mol()


def choices(tree: JunctionTree) -> list[list[Choice]]:
    """For each cluster but the root, all ways in which it could have been joined when it was."""
    assembly = Assembly(tree.labels[0])
    found: list[list[Choice]] = [[]]
    for number in range(1, len(tree)):
        found.append(assembly.choices(tree.parents[number], tree.labels[number]))
        assembly.join(tree.parents[number], tree.labels[number], tree.places[number], tree.entries[number])
    return found
