"""The cluster labels that a graph VAE knows, and the numbering of their sites."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from molvae.errors import CheckpointError, InputError
from molvae.molecules.clusters import Cluster, canonical_cluster, cluster
from molvae.molecules.tree_data import TreeArrays


class ClusterVocabulary:
    """V labels, the most frequent first, and all their sites in one numbering.

    Attributes:
        labels: as text.
        max_clusters: of one molecule.
        index: label -> its number.
        first_site: number of the first site of each label, (V + 1,); the last is their count.
        site_kind: of each site, the number of its kind.
        kinds: how many kinds of sites there are.

    Raises:
        CheckpointError: a label is not the SMILES of a fragment.
    """

    def __init__(self, labels: Sequence[str], max_clusters: int) -> None:
        try:
            self.clusters: list[Cluster] = [cluster(label) for label in labels]
        except ValueError as error:
            raise CheckpointError(f"the vocabulary cannot be used: {error}") from None
        self.labels, self.max_clusters = tuple(labels), max_clusters
        self.index = {label: number for number, label in enumerate(labels)}
        self.first_site = np.concatenate([[0], np.cumsum([len(kind.sites) for kind in self.clusters])]).astype(np.int64)
        numbers: dict[Any, int] = {}
        self.site_kind = np.array(
            [numbers.setdefault(kind, len(numbers)) for each in self.clusters for kind in each.kinds], dtype=np.int64
        )
        self.kinds = len(numbers)
        self._fitting: dict[Any, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def sites(self) -> int:
        """How many there are of all labels."""
        return int(self.first_site[-1])

    @classmethod
    def build(cls, arrays: TreeArrays, max_clusters: int | None = None) -> "ClusterVocabulary":
        """All labels of a data set; by default with room for a tenth more clusters than its largest molecule has.

        Raises:
            InputError: no molecule has a tree.
        """
        if len(arrays) == 0:
            reason = next(iter(arrays.refused.values()), "there is none")
            raise InputError(f"no molecule of the training data has a junction tree: {reason}")
        counts = np.bincount(arrays.columns["label"], minlength=len(arrays.labels))
        order = sorted(range(len(counts)), key=lambda number: (-counts[number], arrays.labels[number]))
        longest = int(np.diff(arrays.offsets["nodes"]).max())
        return cls(
            [arrays.labels[number] for number in order if counts[number]], max_clusters or longest * 11 // 10 + 1
        )

    def to_json(self) -> str:
        return json.dumps({"max_clusters": self.max_clusters, "labels": self.labels}, indent=0)

    @classmethod
    def from_json(cls, text: str) -> "ClusterVocabulary":
        """Read what :meth:`to_json` wrote.

        Raises:
            CheckpointError: it is something else.
        """
        try:
            values = json.loads(text)
            labels, longest = [str(label) for label in values["labels"]], int(values["max_clusters"])
        except (ValueError, KeyError, TypeError):
            raise CheckpointError("the vocabulary is damaged: get the model folder again") from None
        if not labels or len(set(labels)) < len(labels) or not 0 < longest < 10_000:
            raise CheckpointError("the vocabulary is damaged: get the model folder again")
        return cls(labels, longest)

    def fitting(self, kind: tuple[object, ...], free: tuple[int, ...]) -> np.ndarray:
        """Which labels can be joined at a site of this kind whose atoms have so much valence left, (V,) booleans."""
        if (kind, free) in self._fitting:
            return self._fitting[kind, free]
        fits = np.zeros(len(self), dtype=bool)
        for number, each in enumerate(self.clusters):
            for entry in each.entries:
                if each.kinds[entry] == kind:
                    site = each.sites[entry]
                    shared = 0 if len(site) == 1 else int(str(kind[2]))
                    if all(each.used[a] - shared <= room for a, room in zip(site, free, strict=True)):
                        fits[number] = True
        self._fitting[kind, free] = fits
        return fits


def canonical_label(smiles: str) -> str:
    """A label written by other software, as it is written here.

    Hydrogens that it names are those of charged atoms, which follow from the charge here.
    """
    given = cluster(smiles)
    return canonical_cluster(given.atoms, given.bonds)[0]
