"""The genetic baseline: point mutations, insertions, deletions, and crossover at matching places of two parents."""

import random
from collections.abc import Callable, Container, Sequence
from typing import Any

import numpy as np

from molvae.proteins.kmers import features
from molvae.proteins.sequence import LONGEST, RESIDUES, SHORTEST, Protein

_INDELS = 0.1  # share of the mutations that change the length


def mutate(sequence: str, rng: random.Random) -> str:
    """A neighbour: one residue replaced, or, one time in ten, inserted or left out."""
    place = rng.randrange(len(sequence))
    if rng.random() >= _INDELS:
        return sequence[:place] + rng.choice(RESIDUES.replace(sequence[place], "")) + sequence[place + 1 :]
    if rng.random() < 0.5 and len(sequence) > SHORTEST:
        return sequence[:place] + sequence[place + 1 :]
    return (sequence[:place] + rng.choice(RESIDUES) + sequence[place:])[:LONGEST]


def crossover(first: str, second: str, rng: random.Random) -> str:
    """The beginning of one parent and the end of another, cut at the same distance from the nearer end."""
    cut = rng.randrange(1, min(len(first), len(second)))
    if rng.random() < 0.5:
        return first[:cut] + second[cut:]
    child = first[:-cut] + second[-cut:]
    return child[:LONGEST]


class SequenceEvolution:
    """A genetic algorithm over proteins, as ask and tell; see :class:`molvae.design.protocols.Evolution`.

    Parents are chosen by rank among the best so far; each child is a crossover of two of them, perhaps mutated.

    Args:
        population_size: how many of the best may be parents.
        rng: all randomness.
        mutation_rate: probability that a child is mutated too; one that is like a parent always is.
    """

    def __init__(self, population_size: int, rng: random.Random, mutation_rate: float = 0.7) -> None:
        self.population_size, self.mutation_rate, self.rng = population_size, mutation_rate, rng
        self.made_to_fit: frozenset[Protein] = frozenset()
        self.population: list[tuple[float, str]] = []
        self.seen: set[str] = set()
        self.untold: set[str] = set()  # of those, what was proposed and has not been told

    def tell(self, items: Sequence[Protein], scores: Sequence[float]) -> None:
        """Take in proteins with scores to be maximised; those without a finite score are only remembered."""
        told = {item.sequence for item in items}
        self.seen |= told
        self.untold -= told
        scored = {(float(y), item.sequence) for item, y in zip(items, scores, strict=True) if np.isfinite(y)}
        ranked = sorted(scored.union(self.population), key=lambda pair: (-pair[0], pair[1]))
        self.population = ranked[: self.population_size]

    def ask(self, count: int) -> list[Protein]:
        """Up to ``count`` new proteins."""
        children: list[Protein] = []
        for _ in range(50 * count):
            if len(children) == count or not self.population:
                break
            first, second = self._parent(), self._parent()
            child = crossover(first, second, self.rng)
            if child in (first, second) or self.rng.random() < self.mutation_rate:
                child = mutate(child, self.rng)
            if child not in self.seen:
                self.seen.add(child)
                self.untold.add(child)
                children.append(Protein(child))
        return children

    def _parent(self) -> str:
        """By rank: the best is chosen most often, the last of the population hardly ever."""
        return self.population[int(len(self.population) * self.rng.random() ** 2)][1]

    def state(self) -> dict[str, Any]:
        """The random state and what was proposed for nothing, as JSON; all else comes from telling again."""
        version, internal, gauss = self.rng.getstate()
        return {"random": [version, list(internal), gauss], "untold": sorted(self.untold)}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`, after the same proteins have been told."""
        version, internal, gauss = state["random"]
        self.rng.setstate((version, tuple(internal), gauss))
        self.untold = set(state["untold"])
        self.seen |= self.untold


class SequenceBreeder:
    """Offspring by the thousand, for the inner loop of a search; see :class:`molvae.design.protocols.Breeder`."""

    def offspring(
        self, draw: Callable[[], Protein], count: int, rng: random.Random, known: Container[str]
    ) -> list[tuple[str, np.ndarray]]:
        """Up to ``count`` children, two in three of them mutants, each with its features."""
        children: dict[str, np.ndarray] = {}
        for _ in range(3 * count):
            if len(children) == count:
                break
            parent = draw().sequence
            child = mutate(parent, rng) if rng.random() < 2 / 3 else crossover(parent, draw().sequence, rng)
            if child not in children and child not in known:
                children[child] = features(child)
        return list(children.items())
