"""Batches of junction trees and molecular graphs as index tensors.

All clusters of a batch stand in one row of numbers, those of the same depth together: messages go from depth to depth,
and each pass over all trees takes as many steps as the deepest has levels.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from molvae.molecules.cluster_vocabulary import ClusterVocabulary
from molvae.molecules.tree_data import COLUMNS, TreeArrays


@dataclass(frozen=True)
class TreeBatch:
    """B molecules with N clusters, A atoms and E bonds in all.

    Attributes:
        size: B
        levels: where each depth begins among the clusters, and N.
        molecule: (N,) of each cluster.
        position: (N,) its place in the order in which its molecule is built.
        label: (N,)
        place, entry: (N,) sites by which it is joined to its parent, numbered by the vocabulary; of a root, one more
            than there are.
        parent: (N,) its parent's number; 0 of a root.
        children, child_of: (N - B,) every cluster but the roots, which come first, and its parent.
        later, earlier: (P,) pairs of siblings.
        after: (N,) how many clusters of the molecule there are when a cluster has got all its children.
        ways_of: (W,) the cluster whose way of being joined it is, of those that have a choice.
        way_place, way_entry, way_busy: (W,) its sites, and whether another cluster is there.
        chosen: (C,) of each cluster with a choice, the row of the true way.
        chosen_of: (C,) that cluster.
        atoms: (A, F) features.
        atom_molecule: (A,)
        bonds: (3, 2 E) from, to, kind; the second half is the first in the other direction.
        members: (2, M) pairs of an atom and a cluster that holds it.
        properties: (B, K) in the units of the data, NaN where unknown; or None.
    """

    size: int
    levels: tuple[int, ...]
    molecule: Tensor
    position: Tensor
    label: Tensor
    place: Tensor
    entry: Tensor
    parent: Tensor
    children: Tensor
    child_of: Tensor
    later: Tensor
    earlier: Tensor
    after: Tensor
    ways_of: Tensor
    way_place: Tensor
    way_entry: Tensor
    way_busy: Tensor
    chosen: Tensor
    chosen_of: Tensor
    atoms: Tensor
    atom_molecule: Tensor
    bonds: Tensor
    members: Tensor
    properties: Tensor | None = None

    def __len__(self) -> int:
        return self.size

    def to(self, device: torch.device) -> "TreeBatch":
        tensors: dict[str, Any] = {
            each.name: getattr(self, each.name).to(device)
            for each in fields(self)
            if isinstance(getattr(self, each.name), Tensor)
        }
        return replace(self, **tensors)


class TreeDataset:
    """Junction trees of n molecules in the numbering of a vocabulary.

    Args:
        arrays: the trees.
        vocabulary: the model's.
        properties: of the molecules that the arrays were made of, those without a tree included, or None.

    Attributes:
        rows: of the molecules that the arrays were made of, those that the vocabulary can hold, (n,).
        refused: why the others cannot be held.
    """

    def __init__(self, arrays: TreeArrays, vocabulary: ClusterVocabulary, properties: np.ndarray | None = None) -> None:
        self.arrays, self.vocabulary = arrays, vocabulary
        total = len(arrays) + len(arrays.refused)
        given = np.array([row for row in range(total) if row not in arrays.refused], dtype=np.int64)
        self._label = np.array([vocabulary.index.get(label, -1) for label in arrays.labels] or [0], dtype=np.int64)
        starts = arrays.offsets["nodes"]
        number = np.diff(starts)
        known = np.ones(len(arrays), dtype=bool)
        unknown = np.flatnonzero(self._label[arrays.columns["label"]] < 0)
        owner = np.searchsorted(starts, unknown, side="right") - 1
        known[owner] = False
        self.refused = dict(arrays.refused)
        for node, row in zip(unknown.tolist(), owner.tolist(), strict=True):
            text = arrays.labels[int(arrays.columns["label"][node])]
            self.refused[int(given[row])] = f"it has a part that the model does not know: {text}"
        for row in np.flatnonzero(known & (number > vocabulary.max_clusters)).tolist():
            self.refused[int(given[row])] = (
                f"it has {number[row]} clusters, more than the {vocabulary.max_clusters} of the model"
            )
        self._rows = np.flatnonzero(known & (number <= vocabulary.max_clusters))
        self.rows = given[self._rows]
        self.properties = None if properties is None else np.asarray(properties, dtype=np.float32)[self.rows]

    def __len__(self) -> int:
        return len(self._rows)

    def lengths(self) -> np.ndarray:
        """(n,) clusters of each molecule."""
        lengths: np.ndarray = np.diff(self.arrays.offsets["nodes"])[self._rows]
        return lengths

    def batches_by_length(self, size: int) -> Iterator[tuple[np.ndarray, TreeBatch]]:
        """All molecules once, those of similar length together: up to ``size`` row numbers, and their batch."""
        order = np.argsort(self.lengths(), kind="stable")
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            yield rows, self.batch(rows)

    def batch(self, rows: np.ndarray) -> TreeBatch:
        """Gather molecules."""
        where = self._rows[np.asarray(rows, dtype=np.int64)]
        parts: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for group, offsets in self.arrays.offsets.items():
            starts, lengths = np.asarray(offsets[where]), offsets[where + 1] - offsets[where]
            parts[group] = _ranges(starts, lengths), lengths
        get = {name: np.asarray(self.arrays.columns[name][parts[group][0]]) for name, (group, _, _) in COLUMNS.items()}
        numbers = {group: lengths for group, (_, lengths) in parts.items()}
        tensors = {**self._trees(get, numbers), **_graphs(get, numbers)}
        owners = tensors.pop("order")
        size = get["size"].astype(np.int64)
        first_atom = np.cumsum(numbers["atoms"]) - numbers["atoms"]
        of_node = np.repeat(np.arange(len(size)), size)
        atoms = get["member"] + first_atom[np.repeat(np.arange(len(where)), numbers["nodes"])][of_node]
        tensors["members"] = np.stack([atoms, owners[of_node]])
        levels = tuple(tensors.pop("levels").tolist())
        properties = None if self.properties is None else torch.from_numpy(self.properties[rows].copy())
        return TreeBatch(
            size=len(where),
            levels=levels,
            properties=properties,
            **{
                name: torch.from_numpy(np.ascontiguousarray(values, dtype=np.int64)) for name, values in tensors.items()
            },
        )

    def _trees(self, get: dict[str, np.ndarray], numbers: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Index arrays of the trees; ``order`` says where each cluster has gone."""
        lengths = numbers["nodes"]
        batch, total = len(lengths), int(lengths.sum())
        first = np.cumsum(lengths) - lengths
        molecule = np.repeat(np.arange(batch), lengths)
        parent = np.where(get["parent"] < 0, -1, get["parent"] + first[molecule])
        depth = np.zeros(total, dtype=np.int64)
        ancestor = parent
        while (ancestor >= 0).any():
            depth += ancestor >= 0
            ancestor = np.where(ancestor >= 0, parent[ancestor], -1)
        below = np.ones(total, dtype=np.int64)  # clusters of the subtree
        for level in range(int(depth.max(initial=0)), 0, -1):
            here = np.flatnonzero(depth == level)
            np.add.at(below, parent[here], below[here])
        sequence = np.argsort(depth, kind="stable")  # the old number of each new one
        order = np.empty(total, dtype=np.int64)
        order[sequence] = np.arange(total)
        levels = np.concatenate([[0], np.cumsum(np.bincount(depth, minlength=1))])
        above = np.where(parent < 0, 0, order[parent])[sequence]
        position = (np.arange(total) - first[molecule])[sequence]
        # siblings follow each other by age: a stable sort by parent keeps the order in which they are built
        children = np.arange(batch, total)
        family = children[np.argsort(above[batch:], kind="stable")]
        group_start = np.searchsorted(above[family], above[family], side="left")
        rank = np.arange(len(family)) - group_start
        vocabulary = self.vocabulary
        label = self._label[get["label"]]
        root = get["parent"] < 0
        place = np.where(root, vocabulary.sites, vocabulary.first_site[label[np.maximum(parent, 0)]] + get["place"])
        entry = np.where(root, vocabulary.sites, vocabulary.first_site[label] + get["entry"])
        ways = get["ways"].astype(np.int64)
        open_ways = np.repeat(ways > 1, ways)
        owner = np.repeat(np.arange(total), ways)[open_ways]
        option = get["option"].astype(np.int64)[open_ways]
        first_way = np.cumsum(np.where(ways > 1, ways, 0)) - np.where(ways > 1, ways, 0)
        chooser = np.flatnonzero(ways > 1)
        return {
            "order": order,
            "levels": levels,
            "molecule": molecule[sequence],
            "position": position,
            "label": label[sequence],
            "place": place[sequence],
            "entry": entry[sequence],
            "parent": above,
            "children": children,
            "child_of": above[batch:],
            "later": np.repeat(family, rank),
            "earlier": family[_ranges(group_start, rank)],
            "after": position + below[sequence],
            "ways_of": order[owner],
            "way_place": vocabulary.first_site[label[parent[owner]]] + option[:, 0],
            "way_entry": vocabulary.first_site[label[owner]] + option[:, 1],
            "way_busy": option[:, 2],
            "chosen": first_way[chooser] + get["chosen"][chooser],
            "chosen_of": order[chooser],
        }


def _graphs(get: dict[str, np.ndarray], numbers: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    first = np.cumsum(numbers["atoms"]) - numbers["atoms"]
    owners = np.repeat(np.arange(len(first)), numbers["bonds"])
    bond = get["bond"].astype(np.int64)
    ends = bond[:, :2] + first[owners][:, None]
    return {
        "atoms": get["atom"],
        "atom_molecule": np.repeat(np.arange(len(first)), numbers["atoms"]),
        "bonds": np.stack(
            [
                np.concatenate([ends[:, 0], ends[:, 1]]),
                np.concatenate([ends[:, 1], ends[:, 0]]),
                np.concatenate([bond[:, 2], bond[:, 2]]),
            ]
        ),
    }


def _ranges(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """start, start + 1, ..., start + length - 1 of each, one after another."""
    lengths = np.asarray(lengths, dtype=np.int64)
    shift = np.asarray(starts, dtype=np.int64) - (np.cumsum(lengths) - lengths)
    return np.arange(int(lengths.sum())) + np.repeat(shift, lengths)


class TreeBatches:
    """Shuffled batches; the order of an epoch depends on (seed, epoch) alone, so that a resumed run sees the same ones.

    Args:
        dataset: what to draw from.
        batch_size: B; the last, smaller batch of an epoch is kept.
        seed: of the order.
    """

    def __init__(self, dataset: TreeDataset, batch_size: int, seed: int) -> None:
        self.dataset, self.batch_size, self.seed = dataset, batch_size, seed

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.batch_size)

    def epoch(self, number: int, skip: int = 0) -> Iterator[TreeBatch]:
        """Batches of one epoch, from batch ``skip`` on."""
        order = np.random.default_rng([self.seed, number]).permutation(len(self.dataset))
        for start in range(skip * self.batch_size, len(order), self.batch_size):
            yield self.dataset.batch(order[start : start + self.batch_size])
