"""Global alignment of two sequences (Needleman & Wunsch 1970) with BLOSUM62 (Henikoff & Henikoff 1992)."""

import functools

import numpy as np

from molvae.proteins.sequence import RESIDUES, indices

GAP = -8
"""Cost of a residue that stands against none. Of gaps at the ends, half of that."""
_ORDER = "ARNDCQEGHILKMFPSTWYV"
_BLOSUM62 = """
4
-1 5
-2 0 6
-2 -2 1 6
0 -3 -3 -3 9
-1 1 0 0 -3 5
-1 0 0 2 -4 2 5
0 -2 0 -1 -3 -2 -2 6
-2 0 1 -1 -3 0 0 -2 8
-1 -3 -3 -3 -1 -3 -3 -4 -3 4
-1 -2 -3 -4 -1 -2 -3 -4 -3 2 4
-1 2 0 -1 -3 1 1 -2 -1 -3 -2 5
-1 -1 -2 -3 -1 0 -2 -3 -2 1 2 -1 5
-2 -3 -3 -3 -2 -3 -3 -3 -1 0 0 -3 0 6
-1 -2 -2 -1 -3 -1 -1 -2 -2 -3 -3 -1 -2 -4 7
1 -1 1 0 -1 0 0 0 -1 -2 -2 0 -1 -2 -1 4
0 -1 0 -1 -1 -1 -1 -2 -2 -1 -1 -1 -1 -2 -1 1 5
-3 -3 -4 -4 -2 -2 -3 -2 -2 -3 -2 -3 -1 1 -4 -3 -2 11
-2 -2 -2 -3 -2 -1 -2 -3 2 -1 -1 -2 -1 3 -3 -2 -2 2 7
0 -3 -3 -3 -1 -2 -2 -3 -3 3 1 -2 1 -1 -2 -2 0 -3 -1 4
"""


@functools.lru_cache(maxsize=1)
def blosum62() -> np.ndarray:
    """Scores of pairs of residues in the order of :data:`~molvae.proteins.sequence.RESIDUES`, (20, 20)."""
    matrix = np.zeros((20, 20))
    for row, line in enumerate(_BLOSUM62.split("\n")[1:-1]):
        for column, value in enumerate(line.split()):
            matrix[row, column] = matrix[column, row] = float(value)
    place = [_ORDER.index(residue) for residue in RESIDUES]
    return matrix[np.ix_(place, place)]


def align(first: str, second: str) -> tuple[str, str]:
    """Two sequences with gaps, of equal length, so that their score is the largest."""
    pairs = blosum62()[np.ix_(indices(first), indices(second))]
    rows, columns = pairs.shape
    gap, end = float(GAP), GAP / 2
    score = np.empty((rows + 1, columns + 1))
    score[0] = end * np.arange(columns + 1)
    # one row at a time: along a row the best run of gaps is a running maximum
    along = gap * np.arange(columns + 1)
    for row in range(1, rows + 1):
        above = score[row - 1] + gap
        above[columns] = score[row - 1, columns] + end
        best = above.copy()
        best[1:] = np.maximum(above[1:], score[row - 1, :-1] + pairs[row - 1])
        best[0] = end * row
        step = end if row == rows else gap
        slope = along if row < rows else end * np.arange(columns + 1)
        score[row] = np.maximum.accumulate(best - slope) + slope if step else best
    return _traced(first, second, score, pairs, gap, end)


def _traced(first: str, second: str, score: np.ndarray, pairs: np.ndarray, gap: float, end: float) -> tuple[str, str]:
    row, column = pairs.shape
    columns = column
    above, below = [], []
    while row or column:
        here = score[row, column]
        if row and column and np.isclose(here, score[row - 1, column - 1] + pairs[row - 1, column - 1]):
            row, column = row - 1, column - 1
            above.append(first[row])
            below.append(second[column])
        elif row and np.isclose(here, score[row - 1, column] + (end if column in (0, columns) else gap)):
            row -= 1
            above.append(first[row])
            below.append("-")
        else:
            column -= 1
            above.append("-")
            below.append(second[column])
    return "".join(reversed(above)), "".join(reversed(below))


def identity(first: str, second: str) -> float:
    """Share of equal residues in the alignment, of the length of the longer sequence: 1 for equal ones."""
    if first == second:
        return 1.0
    pairs = zip(*align(first, second), strict=True)
    return sum(a == b != "-" for a, b in pairs) / max(len(first), len(second))


def against(reference: str, others: list[str]) -> list[str]:
    """Sequences in the columns of a reference: what they have between its residues is left out, so that they align.

    Returns:
        The others, each as long as the reference, gaps where they have no residue for one of its.
    """
    rows = []
    for other in others:
        above, below = align(reference, other)
        rows.append("".join(b for a, b in zip(above, below, strict=True) if a != "-"))
    return rows
