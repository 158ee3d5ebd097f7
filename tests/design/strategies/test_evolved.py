"""The search whose acquisition is optimised by evolution: what it proposes, and what it takes in."""

import dataclasses

import numpy as np
import pytest

from molvae.chemistry.domain import MOLECULES
from molvae.design.strategies.base import Outcome
from molvae.design.strategies.evolved import EvolvedAcquisition
from tests.design.strategies.conftest import setup_of

LIBRARY = ("CCO", "CCOC(=O)c1ccccc1CC", "c1ccccc1CCNC", "CC(=O)Nc1ccc(OC)cc1")


def begun(model, start, utility=None) -> EvolvedAcquisition:
    library = [MOLECULES.parse(text)[0] for text in LIBRARY]
    search = EvolvedAcquisition(dataclasses.replace(setup_of(model), pool=library))
    items, scores = start
    search.begin(items, scores if utility is None else utility)
    return search


def accept(item) -> bool:
    return True


def test_proposals_are_new_accepted_and_not_only_from_the_library(model, start):
    search = begun(model, start)

    def judge(item):
        return "S" not in item.smiles

    rows = search.propose(6, 1, judge)
    items = [row.candidates[0].item for row in rows]
    assert len(set(items)) == 6 and not set(items) & set(start[0]) and all(map(judge, items))
    assert set(items) - set(search.pool)
    assert all(row.std > 0 and row.acquisition > row.mean for row in rows)
    assert rows == search.propose(6, 1, judge)  # a step is a function of what is known


def test_evolution_finds_larger_bounds_than_are_known(model, start):
    search = begun(model, start)
    (row,) = search.propose(1, 1, accept)
    weight = (row.acquisition - row.mean) / row.std
    mean, std = search.process.posterior([*start[0], *search.pool])
    assert row.acquisition > max(mean + weight * std)


def test_a_batch_spreads(model, start):
    """With each choice its twins become certain: the ten of a batch are less alike than the ten largest bounds."""
    search = begun(model, start)

    def likeness(items) -> float:
        return (MOLECULES.similarity(items, items).sum() - len(items)) / (len(items) * (len(items) - 1))

    batch = search.propose(10, 1, accept)
    seed_weight = (batch[0].acquisition - batch[0].mean) / batch[0].std
    bound = {}
    for _ in range(3):
        evolution = search.domain.evolution(100, 0)
        evolution.tell(start[0], [0.0] * len(start[0]))
        offspring = list(evolution.ask(200))
        mean, std = search.process.posterior(offspring)
        bound |= dict(zip(offspring, mean + seed_weight * std, strict=True))
    largest = sorted(bound, key=bound.get)[-10:]
    chosen = search._batch(search.process, sorted(bound, key=bound.get)[::-1], seed_weight, 10, accept)
    assert likeness([row.candidates[0].item for row in chosen]) < likeness(largest)


@pytest.mark.parametrize("factor, shift", [(1.0, 0.0), (10.0, -20.0), (0.001, 5.0)])
def test_scores_of_any_range_are_moved_into_that_of_the_process(model, start, factor, shift):
    search = begun(model, start, factor * start[1] + shift)
    mean, _ = search.process.posterior(start[0])
    low, width = search.scale
    np.testing.assert_allclose(low + width * mean, factor * start[1] + shift, atol=0.05 * width)
    (row,) = search.propose(1, 1, accept)
    assert low - width <= row.mean <= low + 2 * width and row.acquisition > row.mean


def test_what_is_told_counts_once_and_failures_are_not_proposed_again(model, start):
    search = begun(model, start)
    first, second = (row.candidates[0].item for row in search.propose(2, 1, accept))
    before = len(search.process)
    search.tell([Outcome(None, first, 0.5), Outcome(None, first, 0.5), Outcome(None, second, np.nan)])
    assert len(search.process) == before + 1
    assert not {first, second} & {row.candidates[0].item for row in search.propose(5, 1, accept)}


def test_without_a_score_there_is_nothing_to_propose(model, start):
    assert begun(model, start, np.full(len(start[0]), np.nan)).propose(3, 1, accept) == []
