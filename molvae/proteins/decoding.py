"""What a latent point stands for: many decodings, counted."""

from collections import Counter
from typing import Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from molvae.core.candidates import Candidate, PointCandidates
from molvae.proteins.sequence import Protein


class Writer(Protocol):
    """A model whose points decode to sequences."""

    def points(self, z: Tensor | np.ndarray) -> Tensor:
        """Latent points (n, D) on the model's device."""

    def generate(
        self, z: Tensor | np.ndarray, temperature: float = 0.0, generator: torch.Generator | None = None
    ) -> tuple[list[str], np.ndarray]:
        """One sequence for each point, and its log p(x|z) (n,) in nats."""


def candidates_of(
    model: Writer, z: Tensor | np.ndarray, n: int, seed: int, temperature: float = 1.0
) -> list[PointCandidates]:
    """The proteins that each point (n, D) decodes to in ``n`` decodings, of which the first is greedy.

    They are ordered by votes, then by log p(x|z). With sequences of many residues hardly two samples agree: the greedy
    decoding then comes first among those with one vote. The row of a point that is not finite has no candidate.
    """
    points = model.points(z)
    finite = torch.isfinite(points).all(-1).cpu().numpy()
    rows = np.flatnonzero(finite)
    good = points[torch.from_numpy(rows)]
    written: list[list[tuple[str, float]]] = [[] for _ in range(len(points))]
    generator = torch.Generator().manual_seed(seed)
    for number in range(min(2, n)):
        # the greedy ones, then all that are sampled in one go
        repeats = 1 if number == 0 else n - 1
        sequences, log_prob = model.generate(
            good.repeat_interleave(repeats, 0), 0.0 if number == 0 else temperature, generator
        )
        for index, (sequence, value) in enumerate(zip(sequences, log_prob.tolist(), strict=True)):
            written[rows[index // repeats]].append((sequence, value))
    return [_of_point(texts, bool(known)) for texts, known in zip(written, finite, strict=True)]


def _of_point(decodings: list[tuple[str, float]], finite: bool) -> PointCandidates:
    if not finite:
        return PointCandidates((), "the latent point is not finite")
    votes: Counter[Protein] = Counter()
    best: dict[Protein, float] = {}
    reason = ""
    for sequence, value in decodings:
        item, problem = Protein.parse(sequence)
        if item is None:
            reason = reason or problem
            continue
        votes[item] += 1
        best[item] = max(value, best.get(item, -np.inf))
    first = Protein.parse(decodings[0][0])[0]
    order = sorted(votes, key=lambda item: (-votes[item], item != first, -best[item], item.sequence))
    candidates = tuple(Candidate(item, votes[item], best[item]) for item in order)
    return PointCandidates(candidates, "" if candidates else reason, decodings[0][0])


def first_of_each(points: list[PointCandidates]) -> pd.DataFrame:
    """The first candidate of each point: ``sequence, valid, votes, log_prob, error``."""
    rows: list[tuple[str | None, bool, int, float, str]] = []
    for point in points:
        if point.candidates:
            best = point.candidates[0]
            rows.append((best.item.identity, True, best.votes, best.log_prob, ""))
        else:
            rows.append((None, False, 0, np.nan, point.error or "no sequence"))
    return pd.DataFrame(rows, columns=["sequence", "valid", "votes", "log_prob", "error"])
