"""Not too many of one kind: at most so many items of one scaffold, or of one cluster of similar ones.

A batch of near twins teaches little, and ten best molecules of one scaffold are one idea. What is limited is a
selection in order, best first: each item is taken if its scaffold and its cluster have room. A cluster is what
resembles its first member (sphere exclusion; Butina 1999 with the order of the items in place of the number of
neighbours).
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
from pydantic import Field

from molvae.design.protocols import Domain
from molvae.run.config import Config

BENCHMARKED = 0.4
"""Similarity from which two molecules count as one in the benchmark's mean of the ten best diverse molecules."""


class DiversityConfig(Config):
    """Limits of a selection; none by default."""

    per_scaffold: int | None = Field(None, ge=1, le=10_000)
    """Items of one scaffold (Murcko, of molecules; those without rings are one kind), at most."""
    per_cluster: int | None = Field(None, ge=1, le=10_000)
    """Items of one cluster, at most."""
    similarity: float = Field(0.5, gt=0, le=1)
    """To the first item of a cluster, from which another belongs to it (MinMax of ECFP4 counts, of molecules)."""

    @property
    def limited(self) -> bool:
        """Whether there is a limit at all."""
        return self.per_scaffold is not None or self.per_cluster is not None


class Selection:
    """What has been taken so far, and what may still be.

    Args:
        domain: of the items.
        limits: of the selection.
    """

    def __init__(self, domain: Domain, limits: DiversityConfig) -> None:
        self.domain, self.limits = domain, limits
        self._scaffolds: Counter[str] = Counter()
        self._first: list[Any] = []  # of each cluster
        self._sizes: list[int] = []

    def admits(self, item: Any) -> bool:
        """Whether there is room for an item."""
        if self.limits.per_scaffold is not None:
            scaffold = self.domain.scaffold(item)
            if self._scaffolds[scaffold] >= self.limits.per_scaffold:
                return False
        if self.limits.per_cluster is None:
            return True
        cluster = self._cluster(item)
        return cluster is None or self._sizes[cluster] < self.limits.per_cluster

    def take(self, item: Any) -> None:
        """Count an item in."""
        if self.limits.per_scaffold is not None:
            self._scaffolds[self.domain.scaffold(item)] += 1
        if self.limits.per_cluster is not None:
            cluster = self._cluster(item)
            if cluster is None:
                self._first.append(item)
                self._sizes.append(1)
            else:
                self._sizes[cluster] += 1

    def _cluster(self, item: Any) -> int | None:
        """The first cluster that an item belongs to."""
        if not self._first:
            return None
        alike = np.flatnonzero(self.domain.similarity([item], self._first)[0] >= self.limits.similarity)
        return int(alike[0]) if len(alike) else None


def diverse_rows(items: Iterable[Any], domain: Domain, limits: DiversityConfig, count: int | None = None) -> list[int]:
    """Rows of the items, in their order, that a selection takes; at most ``count``."""
    selection = Selection(domain, limits)
    rows: list[int] = []
    for row, item in enumerate(items):
        if count is not None and len(rows) >= count:
            break
        if selection.admits(item):
            selection.take(item)
            rows.append(row)
    return rows
