"""Published searches that ask for latent points and are told the scores at the points themselves.

None is given the property predictor's guess (``use_predictor`` is off). Published settings are kept where they are
stated; what differs is said with each.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from molvae.design.strategies.base import Judge, Setup, Suggestion, decode_suggestions
from molvae.design.strategies.latent import LatentSearch
from molvae.search import SearchConfig


def published(setup: Setup, **search: Any) -> Setup:
    """The settings of a published method: other settings of the search, and no guess of the predictor."""
    settings = SearchConfig.create(setup.config.search.model_dump(), **search).model_dump()
    return replace(setup, config=setup.config.replace(search=settings, use_predictor=False))


class PointSearch(LatentSearch):
    """Ask for points, decode each, tell its score at the point that was asked for."""

    def propose(self, count: int, step: int, judge: Judge) -> list[Suggestion]:
        asked = self.search.ask(count, step)
        decoded = decode_suggestions(self.space, self.from_search_space(asked.z), step, mean=asked.mean)
        predictions: Sequence[list[float]] = [b.tolist() for b in (asked.std, asked.acquisition, asked.feasibility)]
        return [
            replace(suggestion, std=std, acquisition=acquisition, feasibility=feasibility)
            for suggestion, std, acquisition, feasibility in zip(decoded, *predictions, strict=True)
        ]

    def from_search_space(self, points: Tensor) -> Tensor:
        """Points of the search (n, d) -> latent points (n, D)."""
        return points


def global_search(setup: Setup) -> PointSearch:
    """Gaussian process with expected improvement over all of the prior (Gomez-Bombarelli et al. 2018).

    There it is sparse, and maximised by gradient; here exact over a finite set of candidates.
    """
    return PointSearch(published(setup, region="global", feasibility=False))


def constrained_search(setup: Setup) -> PointSearch:
    """The same, weighted with the learned probability that a point decodes to something valid.

    Griffiths & Hernandez-Lobato 2020; there by a Bayesian neural network.
    """
    return PointSearch(published(setup, region="global", feasibility=True))


def turbo(setup: Setup) -> PointSearch:
    """Thompson sampling in one trust region around the best point (Eriksson et al. 2019)."""
    return PointSearch(published(setup, centres=1, acquisition="thompson"))
