"""Baselines that every result is held against: under the same oracle, budget, starting molecules and validation."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from molvae.chemistry.genetic import GraphGA
from molvae.design.latent_space import LatentSpace
from molvae.design.strategies.base import Judge, Option, Outcome, Suggestion
from molvae.errors import ConfigError


@dataclass
class PriorSampling:
    """Baseline: decode points drawn from the prior N(0, I)."""

    space: LatentSpace
    seed: int

    def begin(self, smiles: Sequence[str], utility: np.ndarray) -> None: ...

    def propose(self, count: int, step: int, judge: Judge) -> list[Suggestion]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        return suggestions(self.space, self.space.model.prior.sample((count,), generator), step)

    def tell(self, outcomes: Sequence[Outcome]) -> None: ...

    def state(self) -> dict[str, Any]:
        return {}

    def load_state(self, state: dict[str, Any]) -> None: ...


@dataclass
class Screening:
    """Baseline: score further molecules of the start file, in random order."""

    pool: Sequence[str]
    seed: int
    position: int = 0
    order: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.order = np.random.default_rng(self.seed).permutation(len(self.pool)).tolist()

    def begin(self, smiles: Sequence[str], utility: np.ndarray) -> None: ...

    def propose(self, count: int, step: int, judge: Judge) -> list[Suggestion]:
        rows = self.order[self.position : self.position + count]
        self.position += len(rows)
        return [Suggestion((Option(self.pool[row]),)) for row in rows]

    def tell(self, outcomes: Sequence[Outcome]) -> None: ...

    def state(self) -> dict[str, Any]:
        return {"position": self.position}

    def load_state(self, state: dict[str, Any]) -> None:
        self.position = int(state["position"])


@dataclass
class GradientAscent:
    """Baseline: follow the gradient of the predicted utility from the best molecules so far, then decode.

    Gomez-Bombarelli et al. 2018 smooth the same landscape with a GP; here the property predictor is climbed as it is.
    A step ends where the norm of z leaves what the encoder produces, since the predictor knows nothing out there.
    """

    space: LatentSpace
    seed: int
    steps: int = 40
    rate: float = 0.1
    noise: float = 0.3
    known: dict[str, float] = field(default_factory=dict)

    def begin(self, smiles: Sequence[str], utility: np.ndarray) -> None:
        if self.space.predicted_utility is None:
            raise ConfigError("gradient ascent needs an objective made of properties that the model predicts")
        self._remember(smiles, utility)

    def propose(self, count: int, step: int, judge: Judge) -> list[Suggestion]:
        predict = self.space.predicted_utility
        assert predict is not None
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        best = sorted(self.known, key=lambda smiles: (-self.known[smiles], smiles))[: 2 * count]
        if not best:
            return []
        z, _ = self.space.encode(best)
        rows = torch.randint(len(z), (count,), generator=generator)
        z = z[rows] + self.noise * torch.randn(count, z.shape[1], generator=generator, dtype=z.dtype)
        longest = self.space.typical_norm
        for _ in range(self.steps):
            z.requires_grad_(True)
            (gradient,) = torch.autograd.grad(predict(z).sum(), z)
            z = z.detach() + self.rate * gradient / gradient.norm(dim=1, keepdim=True).clamp(min=1e-9)
            z = z * (longest / z.norm(dim=1, keepdim=True)).clamp(max=1.0)
        return suggestions(self.space, z, step, mean=predict(z).detach())

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        self._remember([outcome.smiles for outcome in outcomes], np.array([outcome.utility for outcome in outcomes]))

    def state(self) -> dict[str, Any]:
        return {}

    def load_state(self, state: dict[str, Any]) -> None: ...

    def _remember(self, smiles: Sequence[str | None], utility: np.ndarray) -> None:
        self.known |= {s: float(u) for s, u in zip(smiles, utility, strict=True) if s is not None and np.isfinite(u)}


@dataclass
class GeneticAlgorithm:
    """Baseline: graph genetic algorithm on molecules (Jensen 2019), no latent space."""

    seed: int
    population: int = 100
    search: GraphGA = field(init=False)

    def __post_init__(self) -> None:
        self.search = GraphGA(population_size=self.population, rng=random.Random(self.seed))

    def begin(self, smiles: Sequence[str], utility: np.ndarray) -> None:
        self.search.tell(list(smiles), utility.tolist())

    def propose(self, count: int, step: int, judge: Judge) -> list[Suggestion]:
        return [Suggestion((Option(smiles),)) for smiles in self.search.ask(count)]

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        scored = [outcome for outcome in outcomes if outcome.smiles is not None]
        self.search.tell([str(outcome.smiles) for outcome in scored], [outcome.utility for outcome in scored])

    def state(self) -> dict[str, Any]:
        return dict(self.search.state())

    def load_state(self, state: dict[str, Any]) -> None:
        self.search.load_state(state)


def suggestions(
    space: LatentSpace,
    z: Tensor,
    step: int,
    mean: Tensor | None = None,
) -> list[Suggestion]:
    """Decode latent points into proposals; the decoding is seeded by the step."""
    decoded = space.decode(z, step)
    rows = []
    for row, point in enumerate(decoded):
        rows.append(
            Suggestion(
                options=tuple(Option(option.smiles, option.votes) for option in point.molecules),
                z=z[row].double().numpy(),
                text=point.text,
                error=point.error,
                mean=None if mean is None else float(mean[row]),
            )
        )
    return rows
