"""Bayesian optimisation on similarities whose acquisition is optimised by evolution before anything is paid.

The surrogate is a Gaussian process with the similarity of the domain as its kernel and hyperparameters that are never
fitted; the acquisition an upper confidence bound with a weight drawn anew at each step (Tripp & Hernandez-Lobato 2024).
What its bound is computed of comes from an inner evolution, whose members are texts with their features until one of
them is wanted: a library of candidates, all that is known, the offspring of both, and what earlier steps found best and
did not choose. So a step does not begin anew.

``gpbo`` has the process and the bound of the publication, whose evolution makes 1,000 offspring a step where this one
makes 100 and 30 for each candidate: an offspring takes the best part of a millisecond. ``evolved`` lets mean and
amplitude of the process follow the scores in half of the steps: where all scores are alike, as late in a search,
amplitude 1 explores too much; early, it finds what nothing known is like. In ``hybrid``, which takes turns with the
latent search, the autoencoder has offspring in the evolution as well: the best are encoded, moved and mixed in latent
space, and what they decode to joins.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import torch

from molvae.core.candidates import Candidate
from molvae.core.sampling import slerp
from molvae.design.strategies.base import Judge, Outcome, Pending, Setup, Suggestion
from molvae.run.seeds import step_seed
from molvae.search.growing import GrowingProcess
from molvae.search.similarity import choose_batch
from molvae.search.surrogate import Posterior

_LIBRARY_LOOK = 100  # of the library, those whose bound is computed exactly
_KNOWN_LOOK = 1000  # of what was scored, those that are parents
_REMEMBERED = 40_000  # texts that need not be read again
_AT_ONCE = 64  # latent points
_LOOK = 50  # best candidates that the batch is chosen from, for each place in it
_NOISE = (0.15, 0.7)  # standard deviation of a move in latent space, drawn log-uniformly between these


@dataclass(frozen=True)
class Evolution:
    """What the inner evolution does.

    Attributes:
        edited: offspring by edits of graphs in a step.
        more_edited: and so many more for each candidate that is scored.
        decoded: latent points that are decoded for each candidate that is scored.
        rounds: generations of a step.
        carried: how many of the best are kept for the next step.
        scaled: share of the steps in which mean and amplitude of the process follow the scores; in the others they are
            0 and 1.
        weights: the root of beta is 10 to the power of a number between these.
    """

    edited: int = 100
    more_edited: int = 30
    decoded: int = 0
    rounds: int = 3
    carried: int = 200
    scaled: float = 0.0
    weights: tuple[float, float] = (-1.0, 0.0)


class _Population:
    """Texts with features and moments, ranked by the bound of one step."""

    def __init__(self, weight: float) -> None:
        self.weight = weight
        self.features: dict[str, np.ndarray] = {}
        self.mean, self.std = np.empty(0), np.empty(0)
        self._texts = np.empty(0, dtype=object)
        self._ranked = np.empty(0, dtype=int)

    def add(self, members: dict[str, np.ndarray], mean: np.ndarray, std: np.ndarray) -> None:
        """Take in members that are not there yet, with their moments."""
        self.features |= members
        self._texts = np.array(list(self.features), dtype=object)
        self.mean, self.std = np.concatenate([self.mean, mean]), np.concatenate([self.std, std])
        self._ranked = self._order(self.weight)

    def _order(self, weight: float) -> np.ndarray:
        # what came first stands first among equals
        return np.argsort(-(self.mean + weight * self.std), kind="stable")

    def best(self, weight: float) -> Iterator[tuple[str, float, float]]:
        """All with mean and standard deviation, by mean + weight x standard deviation."""
        for row in self._order(weight):
            yield self._texts[row], float(self.mean[row]), float(self.std[row])

    def draw(self, rng: random.Random) -> str:
        """One of the best 10^U(-3, 0) of all, each as often as any other of them."""
        share = max(1.0, len(self._ranked) * 10 ** rng.uniform(-3, 0))
        return str(self._texts[self._ranked[int(share * rng.random())]])


class EvolvedAcquisition:
    """The ``gpbo`` strategy.

    Args:
        setup: of the campaign.
        evolution: other settings of the inner evolution than those of the class.
    """

    settings = Evolution()
    pool_size = 10_000  # the library

    def __init__(self, setup: Setup, evolution: Evolution | None = None) -> None:
        # one greedy decoding of each point: more points serve the evolution better than more decodings of one
        self.space = replace(setup.space, n_decodings=1, fitting=None)
        self.around = setup.space  # knows what candidates are made to fit, and on what
        self.made_to_fit: set[str] = set()
        self.domain, self.seed, self.pool = setup.domain, setup.seed, setup.pool
        self.evolution = evolution or self.settings
        self.breeder = self.domain.breeder()
        self.process: GrowingProcess | None = None
        self.known: dict[Any, float] = {}  # NaN where scoring failed
        self.names: set[str] = set()  # of those
        self.scored: dict[str, tuple[np.ndarray, float]] = {}  # features and utility on the scale of the process
        self.carried: dict[str, np.ndarray] = {}
        self.pending: dict[str, np.ndarray] = {}  # features of what is being scored
        self.scale = (0.0, 1.0)
        self._items: dict[str, Any] = {}

    def begin(self, items: Sequence[Any], utility: np.ndarray) -> None:
        finite = utility[np.isfinite(utility)]
        if len(finite) and not (finite.min() >= 0 and finite.max() <= 1):
            # the process expects scores between 0 and 1: others are moved there by what the campaign begins with
            self.scale = (float(finite.min()), float(np.ptp(finite)) or 1.0)
        known = set(items)
        library = [item for item in self.pool[: self.pool_size] if item not in known]
        self.library = [(item.identity, self.domain.features(item)) for item in library]
        self._items |= {item.identity: item for item in library}
        self.process = GrowingProcess([features for _, features in self.library])
        self._learn(items, utility)

    def propose(self, count: int, step: int, judge: Judge) -> list[Suggestion]:
        if self.process is None or not len(self.process):
            return []
        rng = random.Random(step_seed(self.seed, step))
        weight = 10 ** rng.uniform(*self.evolution.weights)
        self.process.scaled = rng.random() < self.evolution.scaled
        population = self._evolve(self.process, weight, count, step, rng)
        # what varies less is known already, under another name
        floor = self.process.scale()[1] * math.sqrt(2 * self.process.noise)
        named = self.names | set(self.pending)
        fresh = (row for row in population.best(weight) if row[0] not in named and row[2] > floor)
        chosen = self._batch(self.process, population, list(islice(fresh, _LOOK * count)), count, judge)
        taken = named | {row.candidates[0].item.identity for row in chosen}
        self.carried = {}
        for other in (0.1, 0.5):  # for later steps, whose weights will be other ones
            texts = (text for text, _, _ in population.best(other) if text not in taken)
            best = islice((text for text in texts if self._item(text) is not None), self.evolution.carried // 2)
            self.carried |= {text: population.features[text] for text in best}
        return chosen

    def _evolve(self, process: GrowingProcess, weight: float, count: int, step: int, rng: random.Random) -> _Population:
        """Everything that the inner evolution has seen."""
        population = _Population(weight)
        mean, bound = process.mean_of_library()
        near = np.argsort(-(mean + weight * bound), kind="stable")[:_LIBRARY_LOOK]
        first = {text: features for text, features in map(self.library.__getitem__, near) if text not in self.scored}
        first |= {text: features for text, features in self.carried.items() if text not in self.scored}
        if first:
            population.add(first, *process.posterior(list(first.values())))
        best = sorted(self.scored, key=lambda text: (-self.scored[text][1], text))[:_KNOWN_LOOK]
        scores = np.array([self.scored[text][1] for text in best])
        population.add({text: self.scored[text][0] for text in best}, scores, np.full(len(best), process.noise**0.5))
        settings = self.evolution
        for turn in range(settings.rounds):
            number = (settings.edited + settings.more_edited * count) // settings.rounds
            new = dict(self.breeder.offspring(lambda: self._parent(population, rng), number, rng, population.features))
            if turn == 0:
                new |= self._decoded(population, self._due(count, step), step, rng)
            new = self._fitted(new, population, rng)
            if new:
                population.add(new, *process.posterior(list(new.values())))
        return population

    def _fitted(self, new: dict[str, np.ndarray], population: _Population, rng: random.Random) -> dict[str, np.ndarray]:
        """Offspring that does not fit what the campaign looks for is made to."""
        fitting = self.around.fitting
        if fitting is None:
            return new
        fitted: dict[str, np.ndarray] = {}
        for text, features in new.items():
            item = self._item(text)
            if item is None or fitting.fits(item):
                fitted |= {} if item is None else {text: features}
                continue
            made = fitting.fit(item, self.around.parents, rng.getrandbits(32))
            if made is not None and made.identity not in population.features:
                fitted[made.identity] = self.domain.features(made)
                self._items[made.identity] = made
                self.made_to_fit.add(made.identity)
        return fitted

    def _parent(self, population: _Population, rng: random.Random) -> Any:
        while (item := self._item(population.draw(rng))) is None:  # a text that does not read back is very rare
            pass
        return item

    def _due(self, count: int, step: int) -> int:
        """Latent points to decode in a step: some 64 at once in every so many steps, since one alone costs twice as
        much as one of many.
        """
        wanted = self.evolution.decoded * count
        interval = max(1, _AT_ONCE // wanted) if wanted else 1
        return wanted * interval if step % interval == 0 else 0

    def _decoded(self, population: _Population, number: int, step: int, rng: random.Random) -> dict[str, np.ndarray]:
        """What ``number`` points near the best, or between two of them, decode to."""
        if not number:
            return {}
        drawn = list(dict.fromkeys(self._parent(population, rng) for _ in range(number // 3 + 2)))
        parents, _ = self.space.encode(drawn)
        if not len(parents):
            return {}
        generator = torch.Generator().manual_seed(rng.getrandbits(60))
        first, second = (torch.randint(len(parents), (number,), generator=generator) for _ in range(2))
        t = torch.rand(number, 1, generator=generator)
        between = torch.cat([slerp(parents[a], parents[b], at) for a, b, at in zip(first, second, t, strict=True)])
        mixed = torch.rand(number, 1, generator=generator) < 0.5
        low, high = _NOISE
        width = low * (high / low) ** torch.rand(number, 1, generator=generator)
        z = torch.where(mixed, between, parents[first])
        z = z + torch.where(mixed, torch.full_like(width, low), width) * torch.randn(z.shape, generator=generator)
        new: dict[str, np.ndarray] = {}
        for point in self.space.decode(z, step):
            for candidate in point.candidates:
                text = candidate.item.identity
                if text not in population.features and text not in new:
                    new[text] = self.domain.features(candidate.item)
                    self._items[text] = candidate.item
        return new

    def _batch(
        self,
        process: GrowingProcess,
        population: _Population,
        ranked: Sequence[tuple[str, float, float]],
        count: int,
        judge: Judge,
    ) -> list[Suggestion]:
        """One after another by the bound, see :func:`~molvae.search.similarity.choose_batch`."""
        if not ranked:
            return []
        weight = population.weight
        texts = [text for text, _, _ in ranked]
        features = [population.features[text] for text in texts]
        mean, std = (np.array([row[column] for row in ranked]) for column in (1, 2))
        if self.pending:
            features += self.pending.values()
            mean = np.concatenate([mean, process.posterior(list(self.pending.values()))[0]])
        covariance = process.covariance(features) if count > 1 or self.pending else np.diag(std**2)
        posterior = Posterior(torch.from_numpy(mean), torch.from_numpy(covariance))

        def accept(row: int) -> bool:  # validation is slow: only what would be chosen is judged
            item = self._item(texts[row])
            return item is not None and item not in self.known and judge(item)

        pending = range(len(texts), len(features))
        chosen = choose_batch(posterior, 0.0, count, accept, lambda m, s, _: m + weight * s, pending)
        low, width = self.scale
        return [
            Suggestion(
                (Candidate(self._item(texts[row]), fitted=texts[row] in self.made_to_fit),),
                mean=float(low + width * mean[row]),
                std=float(width * std[row]),
                acquisition=low + width * bound,
            )
            for row, bound in chosen
        ]

    def _item(self, text: str) -> Any:
        if text not in self._items:
            if len(self._items) >= _REMEMBERED:
                del self._items[next(iter(self._items))]  # the oldest: read again if it is wanted again
            self._items[text] = self.domain.parse(text)[0]
        return self._items[text]

    def keep_away(self, pending: Sequence[Pending]) -> None:
        """What is pending counts as known to be at its mean, as within a batch (Desautels et al. 2014, GP-BUCB)."""
        self.pending = {each.item.identity: self.domain.features(each.item) for each in pending}

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        told = [outcome for outcome in outcomes if outcome.item is not None]
        self._learn([outcome.item for outcome in told], np.array([outcome.utility for outcome in told]))

    def _learn(self, items: Sequence[Any], utility: np.ndarray) -> None:
        assert self.process is not None, "begin first"
        low, width = self.scale
        for item, value in zip(items, utility.tolist(), strict=True):
            if np.isfinite(self.known.get(item, np.nan)):
                continue
            self.known[item] = value
            self.names.add(item.identity)
            self._items[item.identity] = item
            if np.isfinite(value):
                features, score = self.domain.features(item), (value - low) / width
                self.scored[item.identity] = features, score
                self.process.tell(features, score)

    def state(self) -> dict[str, Any]:
        return {"carried": list(self.carried), "made_to_fit": sorted(self.made_to_fit & set(self.carried))}

    def load_state(self, state: dict[str, Any]) -> None:
        self.carried = {text: self.domain.features(self._item(text)) for text in state["carried"]}
        self.made_to_fit = set(state["made_to_fit"])


class ScaledEvolution(EvolvedAcquisition):
    """The ``evolved`` strategy: less effort, and in half of the steps the process follows the scores."""

    settings = Evolution(edited=25, more_edited=15, rounds=2, scaled=0.5)


class LatentEvolution(ScaledEvolution):
    """The evolution in ``hybrid``: some offspring come from latent space."""

    settings = replace(ScaledEvolution.settings, decoded=2)
