"""Alignments of two sequences."""

import random

import pytest

from molvae.proteins.alignment import GAP, against, align, blosum62, identity
from molvae.proteins.sequence import RESIDUES, indices


def score(first: str, second: str) -> float:
    """Of two aligned rows, by the definition."""
    matrix, total = blosum62(), 0.0
    pairs = list(zip(first, second, strict=True))
    begin = min((n for n, pair in enumerate(pairs) if "-" not in pair), default=len(pairs))
    end = max((n for n, pair in enumerate(pairs) if "-" not in pair), default=-1)
    for place, (a, b) in enumerate(pairs):
        if "-" in (a, b):
            total += GAP if begin < place < end else GAP / 2
        else:
            total += matrix[indices(a)[0], indices(b)[0]]
    return total


def every_alignment(first: str, second: str):
    if not first or not second:
        yield first + "-" * len(second), "-" * len(first) + second
        return
    for a, b, x, y in ((first[0], second[0], 1, 1), (first[0], "-", 1, 0), ("-", second[0], 0, 1)):
        for above, below in every_alignment(first[x:], second[y:]):
            yield a + above, b + below


def test_no_other_alignment_scores_higher():
    rng = random.Random(0)
    for _ in range(12):
        first, second = ("".join(rng.choices("ACDWY", k=rng.randrange(2, 6))) for _ in range(2))
        above, below = align(first, second)
        assert above.replace("-", "") == first and below.replace("-", "") == second
        assert score(above, below) >= max(score(*pair) for pair in every_alignment(first, second)) - 1e-9


def test_blosum62_is_symmetric_and_known():
    matrix = blosum62()
    assert (matrix == matrix.T).all() and matrix.trace() == 116
    assert (
        matrix[RESIDUES.index("W"), RESIDUES.index("W")] == 11 and matrix[RESIDUES.index("I"), RESIDUES.index("V")] == 3
    )


def test_identity_is_of_the_longer_sequence():
    assert identity("MKVA", "MKVA") == 1 and identity("MKVAYDLE", "MKVA") == 0.5
    assert identity("MKVAYDLE", "MKVYDLE") == pytest.approx(7 / 8)


def test_others_stand_in_the_columns_of_a_reference():
    assert against("MKVAYDLE", ["MKVYDLE", "MKVAWYDLE"]) == ["MKV-YDLE", "MKVAYDLE"]
