"""The search whose acquisition is optimised by evolution: what it proposes, and what it takes in."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from molvae.chemistry.domain import MOLECULES
from molvae.design.strategies.base import Outcome
from molvae.design.strategies.evolved import Evolution, EvolvedAcquisition
from tests.design.strategies.conftest import setup_of

LIBRARY = ("CCO", "CCOC(=O)c1ccccc1CC", "c1ccccc1CCNC", "CC(=O)Nc1ccc(OC)cc1")


def begun(model, start, utility=None, **evolution: Any) -> EvolvedAcquisition:
    library = [MOLECULES.parse(text)[0] for text in LIBRARY]
    setup = dataclasses.replace(setup_of(model), pool=library)
    search = EvolvedAcquisition(setup, Evolution(**{"edited": 40, "more_edited": 10, **evolution}))
    items, scores = start
    search.begin(items, scores if utility is None else utility)
    return search


def accept(item) -> bool:
    return True


def items_of(rows) -> list[Any]:
    return [row.candidates[0].item for row in rows]


@pytest.mark.parametrize("source", [{}, {"edited": 0, "more_edited": 0, "decoded": 16}])
def test_proposals_are_new_accepted_and_not_only_from_the_library(model, start, source):
    search = begun(model, start, **source)

    def judge(item):
        return "S" not in item.smiles

    rows = search.propose(4, 1, judge)
    items = items_of(rows)
    assert len(set(items)) == 4 and not set(items) & set(start[0]) and all(map(judge, items))
    assert set(items) - set(search.pool)
    assert all(row.std > 0 and row.acquisition > row.mean for row in rows)
    again = begun(model, start, **source)
    assert rows == again.propose(4, 1, judge)  # a step is a function of what is known


def test_evolution_finds_larger_bounds_than_are_known(model, start):
    search = begun(model, start, edited=200, weights=(-1.0, -1.0))
    (row,) = search.propose(1, 1, accept)
    weight = (row.acquisition - row.mean) / row.std
    mean, std = search.process.posterior([MOLECULES.features(item) for item in (*start[0], *search.pool)])
    assert row.acquisition > max(mean + weight * std)


def test_what_was_found_and_not_chosen_is_there_in_the_next_step(model, start):
    search = begun(model, start, carried=60)
    search.propose(1, 1, accept)
    carried = set(search.carried)
    assert 30 <= len(carried) <= 60 and not carried & {item.smiles for item in start[0]}
    search.evolution = Evolution(edited=0, more_edited=0)
    assert {item.smiles for item in items_of(search.propose(3, 2, accept))} <= carried | set(LIBRARY)


def test_a_state_restored_proposes_the_same(model, start):
    search, resumed = begun(model, start, decoded=8), begun(model, start, decoded=8)
    chosen = search.propose(2, 1, accept)
    told = [Outcome(None, item, 0.9) for item in items_of(chosen)]
    for each in (search, resumed):
        each.tell(told)
    resumed.load_state(search.state())
    assert search.propose(2, 8, accept) == resumed.propose(2, 8, accept)


def test_a_batch_spreads(model, start):
    """With each choice its twins become certain: the ten of a batch are less alike than the ten largest bounds."""
    search = begun(model, start)

    def likeness(items) -> float:
        return (MOLECULES.similarity(items, items).sum() - len(items)) / (len(items) * (len(items) - 1))

    batch = search.propose(10, 1, accept)
    weight = (batch[0].acquisition - batch[0].mean) / batch[0].std
    texts = [*search.carried, *(item.smiles for item in items_of(batch))]
    items = [MOLECULES.parse(text)[0] for text in texts]
    mean, std = search.process.posterior([MOLECULES.features(item) for item in items])
    largest = [items[row] for row in np.argsort(mean + weight * std)[-10:]]
    assert likeness(items_of(batch)) < likeness(largest)


def test_what_looks_the_same_to_the_surrogate_is_not_paid_for(model, start):
    """A stereoisomer has the fingerprint of what is known already."""
    twin = MOLECULES.parse("C[C@H](N)C(=O)Nc1ccccc1")[0]
    flat = MOLECULES.parse("CC(N)C(=O)Nc1ccccc1")[0]
    search = begun(model, start, edited=0, more_edited=0)
    search.tell([Outcome(None, flat, 0.99)])
    search.carried = {twin.smiles: MOLECULES.features(twin)}
    assert twin not in items_of(search.propose(3, 1, accept))


@pytest.mark.parametrize("factor, shift", [(1.0, 0.0), (10.0, -20.0), (0.001, 5.0)])
def test_scores_of_any_range_are_moved_into_that_of_the_process(model, start, factor, shift):
    search = begun(model, start, factor * start[1] + shift)
    mean, _ = search.process.posterior([MOLECULES.features(item) for item in start[0]])
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
