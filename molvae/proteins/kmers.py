"""What a sequence has, without an alignment: residues, pairs of residues at small distances, and triplets, counted."""

import functools
from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix

from molvae.proteins.sequence import indices

GAPS = (1, 2, 3, 4)
"""Distances of the residues of a pair; 3 and 4 are neighbours on a helix, 2 on a strand."""
_LEVELS = 64  # occurrences of a kind that are told apart
_PAIRS = 20
_TRIPLETS = _PAIRS + len(GAPS) * 400
KINDS = _TRIPLETS + 8000
"""Kinds of features: 20 residues, 400 pairs at each distance, 8,000 triplets."""


def kinds(sequence: str) -> np.ndarray:
    """The kind of every feature of a sequence, as often as it occurs; (k,) below :data:`KINDS`."""
    x = indices(sequence)
    parts = [x]
    for number, gap in enumerate(GAPS):
        parts.append(_PAIRS + 400 * number + 20 * x[:-gap] + x[gap:])
    parts.append(_TRIPLETS + 400 * x[:-2] + 20 * x[1:-1] + x[2:])
    return np.concatenate(parts)


def counts(sequence: str) -> np.ndarray:
    """Occurrences of each kind, (:data:`KINDS`,) float32."""
    return np.bincount(kinds(sequence), minlength=KINDS).astype(np.float32)


@functools.lru_cache(maxsize=20_000)
def features(sequence: str) -> np.ndarray:
    """The counts as a set of whole numbers: k occurrences of a kind give k elements, so that the Jaccard index of two
    sets is the sum of the minima of the counts over the sum of their maxima (MinMax kernel, Ralaivola et al. 2005).
    """
    found, number = np.unique(kinds(sequence), return_counts=True)
    number = np.minimum(number, _LEVELS)
    first = np.repeat(np.cumsum(number) - number, number)
    return np.repeat(found * _LEVELS, number) + np.arange(len(first)) - first


def membership(sequences: Sequence[str]) -> csr_matrix:
    """Which elements each sequence has, as a sparse matrix of zeros and ones (n, :data:`KINDS` * 64)."""
    parts = [features(text) for text in sequences]
    ends = np.cumsum([0, *(len(part) for part in parts)])
    elements = np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
    return csr_matrix((np.ones(ends[-1], dtype=np.float32), elements, ends), shape=(len(parts), KINDS * _LEVELS))


def jaccard(rows: csr_matrix, columns: csr_matrix) -> np.ndarray:
    """Jaccard indices of the sets of two matrices of :func:`membership`, (n, m) in double."""
    common = (columns @ rows.T).toarray().T.astype(float)
    sizes = np.diff(rows.indptr)[:, None] + np.diff(columns.indptr)
    return np.asarray(common / (sizes - common))


def similarity(rows: Sequence[str], columns: Sequence[str]) -> np.ndarray:
    """MinMax similarity of the counts, (n, m) in double; ones for sequences with the same features."""
    return jaccard(membership(rows), membership(columns))
