"""Where to look: candidates near good points, in a region that grows with success and shrinks with failure."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass
class TrustRegion:
    """Half length of the region around each centre, adapted as in TuRBO (Eriksson et al. 2019).

    Unlike there, the region has several centres, the best points so far: molecules of the same score lie in several
    places of latent space. Lengths are in units of the prior's standard deviation.

    Attributes:
        length: standard deviation of a move along the coordinates that are moved.
        successes, failures: steps in a row with and without a new best.
        told, improved: results of a step that comes in parts, so far, and whether a new best was among them.
    """

    length: float = 0.4
    smallest: float = 0.1
    largest: float = 0.8
    patience: int = 3
    successes: int = 0
    failures: int = 0
    restarts: int = 0
    told: int = 0
    improved: bool = False

    def add(self, improved: bool, told: int, together: int) -> None:
        """Take in a part of a step; ``together`` results are one step."""
        self.told, self.improved = self.told + told, self.improved or improved
        if self.told >= together:
            self.update(self.improved)
            self.told, self.improved = 0, False

    def update(self, improved: bool) -> None:
        """Take in whether the last batch held a new best."""
        self.successes, self.failures = (self.successes + 1, 0) if improved else (0, self.failures + 1)
        if self.successes >= 2:
            self.length, self.successes = min(self.largest, 1.5 * self.length), 0
        elif self.failures >= self.patience:
            self.length, self.failures = self.length / 1.5, 0
            if self.length < self.smallest:
                # nothing near is better: look wider again, from the same centres
                self.length, self.restarts = self.largest, self.restarts + 1

    def state(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "TrustRegion":
        return cls(**state)


def near_centres(
    centres: Tensor, weights: Tensor, length: float, number: int, max_norm: float, generator: torch.Generator
) -> Tensor:
    """Candidates (number, d) around centres (k, d), drawn with ``weights`` (k,).

    Half are moves along a random fifth to all of the coordinates (Regis & Shoemaker 2013), half start from a point on
    the line between two centres. What leaves the ball of radius ``max_norm`` is drawn back to its surface.
    """
    d = centres.shape[1]
    first = centres[torch.multinomial(weights, number, replacement=True, generator=generator)]
    second = centres[torch.multinomial(weights, number, replacement=True, generator=generator)]
    t = torch.rand(number, 1, generator=generator, dtype=centres.dtype)
    mixes = torch.rand(number, 1, generator=generator) < 0.5
    start = torch.where(mixes, first + t * (second - first), first)
    share = torch.rand(number, 1, generator=generator) * 0.8 + 0.2
    moved = torch.rand(number, d, generator=generator) < share
    noise = torch.randn(number, d, generator=generator, dtype=centres.dtype)
    z = start + length * noise * moved
    return z * (max_norm / z.norm(dim=1, keepdim=True)).clamp(max=1.0)


def anywhere(dimension: int, number: int, generator: torch.Generator) -> Tensor:
    """Candidates (number, d) from N(0, I)."""
    return torch.randn(number, dimension, generator=generator, dtype=torch.double)


def typical_norm(dimension: int) -> float:
    """sqrt(d): where nearly all of N(0, I) lies."""
    return math.sqrt(dimension)
