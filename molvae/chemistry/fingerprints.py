"""Morgan count fingerprints of many molecules as one sparse matrix, and their MinMax similarity.

The numbers are those of :meth:`molvae.chemistry.domain.MoleculeDomain.similarity`, for thousands of molecules at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from rdkit import Chem
from scipy.sparse import csr_matrix

from molvae.chemistry.morgan import morgan_generator

_LARGEST_COUNT = 4096  # a molecule of 1,000 characters has fewer atoms
_BLOCK = 1000  # rows of a similarity matrix that are computed at a time


@dataclass(frozen=True)
class CountFingerprints:
    """Counts of circular substructures (Rogers & Hahn 2010), of all lengths: nothing is folded into bits.

    A count c of the substructure f is written as c elements, (f, 0) to (f, c - 1). The sum of minima of two molecules
    is then the number of elements that they share, so that a whole matrix of them is one product of sparse matrices.

    Attributes:
        elements: of all molecules, one after another, int64.
        ends: where the elements of each of n molecules begin and end, (n + 1,).
    """

    elements: np.ndarray
    ends: np.ndarray

    @classmethod
    def of(cls, mols: Sequence[Chem.Mol]) -> "CountFingerprints":
        """The fingerprints of n molecules."""
        generator = morgan_generator()
        rows = []
        for mol in mols:
            counts = generator.GetSparseCountFingerprint(mol).GetNonzeroElements()
            elements = [
                f * _LARGEST_COUNT + c for f, count in counts.items() for c in range(min(count, _LARGEST_COUNT))
            ]
            rows.append(np.sort(np.array(elements, dtype=np.int64)))
        ends = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
        return cls(np.concatenate(rows) if rows else np.empty(0, dtype=np.int64), ends)

    def __len__(self) -> int:
        return len(self.ends) - 1

    @cached_property
    def sizes(self) -> np.ndarray:
        """Number of elements of each, (n,)."""
        return np.diff(self.ends)

    @cached_property
    def vocabulary(self) -> np.ndarray:
        """Every element that occurs, in order."""
        return np.unique(self.elements)

    @cached_property
    def matrix(self) -> csr_matrix:
        """(n, len(vocabulary)) zeros and ones."""
        return self._matrix_over(self.vocabulary)

    def take(self, rows: np.ndarray) -> "CountFingerprints":
        """Those of some molecules."""
        parts = [self.elements[self.ends[row] : self.ends[row + 1]] for row in rows]
        ends = np.concatenate([[0], np.cumsum(self.sizes[rows])]).astype(np.int64)
        return CountFingerprints(np.concatenate(parts) if parts else self.elements[:0], ends)

    def similarity(self, others: "CountFingerprints") -> np.ndarray:
        """Sum of minima over sum of maxima of the counts, (n, m) (Ralaivola et al. 2005); ones for equal counts."""
        columns = others.matrix.T.tocsr()
        result = np.empty((len(self), len(others)))
        left = self._matrix_over(others.vocabulary)
        for start in range(0, len(self), _BLOCK):
            rows = slice(start, start + _BLOCK)
            shared = (left[rows] @ columns).toarray()
            either = self.sizes[rows, None] + others.sizes - shared
            result[rows] = shared / np.maximum(either, 1)
        return result

    def _matrix_over(self, vocabulary: np.ndarray) -> csr_matrix:
        """Zeros and ones in the columns of a vocabulary; elements that it lacks are left out."""
        shape = (len(self), len(vocabulary))
        if not len(vocabulary):
            return csr_matrix(shape, dtype=np.float32)
        places = np.searchsorted(vocabulary, self.elements).clip(max=len(vocabulary) - 1)
        known = vocabulary[places] == self.elements
        ends = np.concatenate([[0], np.cumsum(known)])[self.ends]
        return csr_matrix((np.ones(int(known.sum()), dtype=np.float32), places[known], ends), shape=shape)
