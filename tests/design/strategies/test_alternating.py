"""Two searches in turn: both learn everything, and the one that finds more has more turns."""

import numpy as np
import pytest

from molvae.design.strategies.alternating import Alternating
from molvae.design.strategies.base import Outcome
from tests.design.strategies.conftest import setup_of


class Find:
    """Something new, as far as the credit is concerned."""

    def __init__(self, identity: str) -> None:
        self.identity = identity


@pytest.fixture
def begun(model, start) -> Alternating:
    search = Alternating(setup_of(model))
    search.begin(*start)
    return search


def test_both_are_told_what_either_finds(begun, start):
    begun.turn = "evolved"
    (row,) = begun.propose(1, 1, lambda item: True)
    item = row.candidates[0].item
    begun.tell([Outcome(row.z, item, 0.99)])
    assert item in begun.evolved.known
    assert begun.latent.search.best in (0.99, start[1].max())  # the model may not be able to hold it


def test_the_one_that_finds_the_better_ones_has_more_turns(begun, start, monkeypatch):
    for part in begun.parts.values():
        monkeypatch.setattr(part, "tell", lambda outcomes: None)

    def turns_of(winner: str) -> int:
        begun.credit = {name: (1.0, 1.0) for name in begun.parts}
        for _ in range(6):
            for name in begun.parts:
                begun.turn = name
                utility = 10.0 + begun.step if begun.turn == winner else -1.0
                begun.step += 1
                begun.best = [0.0] * 10
                begun.tell([Outcome(None, Find(f"{winner}{begun.step}"), utility)])
        count = 0
        for step in range(40):
            begun.step = step
            count += begun.state()["turn"] == winner
        return count

    assert turns_of("latent") > 25 and turns_of("evolved") > 25


def test_only_what_is_new_and_comes_among_the_ten_best_counts(begun, start, monkeypatch):
    for part in begun.parts.values():
        monkeypatch.setattr(part, "tell", lambda outcomes: None)
    tenth = np.sort(start[1])[-10]
    assert begun.best[0] == tenth
    begun.turn = "evolved"
    finds = [Outcome(None, Find(str(value)), value) for value in (tenth + 0.01, tenth - 0.01, np.nan)]
    begun.tell(finds)
    won, lost = begun.credit["evolved"]
    assert won == pytest.approx(0.8 + 1 / 3) and lost == pytest.approx(0.8 + 2 / 3)
    assert begun.credit["latent"] == (1.0, 1.0)
    begun.tell(finds[:1])  # a duplicate, whose utility is known
    assert begun.credit["evolved"] == pytest.approx((0.8 * won, 0.8 * lost + 1))
