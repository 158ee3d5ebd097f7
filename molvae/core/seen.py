"""Which items of a long list have been seen before, in little memory."""

import numpy as np

from molvae.core.training_set import identity_hash

DUPLICATE = "duplicate"
"""The verdict on what stands further up already."""
_RECENT = 65_536  # items that wait in a dictionary


def duplicate_of(row: int) -> str:
    """The reason of a duplicate of this row, from 0."""
    return f"the same as row {row + 1} of this list"


class FirstRows:
    """Where each item of a list stands first: 16 bytes for each distinct one, 160 MB for ten million.

    An item is known by 64 bits of its hash: among n distinct ones, a new one is taken for another with probability
    n / 2^64, so that in a list of ten million one is with 3e-6, in one of a thousand million with 3 %.
    """

    def __init__(self) -> None:
        self._recent: dict[int, int] = {}
        self._runs: list[
            np.ndarray
        ] = []  # (2, n) uint64, hashes in order and their rows; each run much longer than the next

    def __len__(self) -> int:
        return len(self._recent) + sum(run.shape[1] for run in self._runs)

    def first(self, identity: str, row: int) -> int:
        """The row where an item stands first: an earlier one or, if it is new, this one."""
        key = identity_hash(identity)
        if key in self._recent:
            return self._recent[key]
        wanted = np.uint64(key)
        for hashes, rows in self._runs:
            place = int(np.searchsorted(hashes, wanted))
            if place < len(hashes) and hashes[place] == wanted:
                return int(rows[place])
        self._recent[key] = row
        if len(self._recent) >= _RECENT:
            self._settle()
        return row

    def _settle(self) -> None:
        """Move what is recent to a sorted run; of two runs of like length one is made."""
        run = np.array([[*self._recent], [*self._recent.values()]], dtype=np.uint64)
        self._recent = {}
        self._runs.append(run[:, np.argsort(run[0])])
        while len(self._runs) > 1 and self._runs[-2].shape[1] < 2 * self._runs[-1].shape[1]:
            later, earlier = self._runs.pop(), self._runs.pop()
            joined = np.empty((2, earlier.shape[1] + later.shape[1]), dtype=np.uint64)
            places = np.searchsorted(earlier[0], later[0]) + np.arange(later.shape[1])
            of_later = np.zeros(joined.shape[1], dtype=bool)
            of_later[places] = True
            joined[:, of_later], joined[:, ~of_later] = later, earlier
            self._runs.append(joined)
