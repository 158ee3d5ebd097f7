"""Where each item of a list stands first."""

import random

from molvae.core import seen
from molvae.core.seen import FirstRows


def test_the_answers_are_those_of_a_dictionary(monkeypatch):
    monkeypatch.setattr(seen, "_RECENT", 50)
    chance, first, known = random.Random(0), FirstRows(), {}
    for row in range(5000):
        item = str(chance.randrange(2000))
        assert first.first(item, row) == known.setdefault(item, row)
    assert len(first) == len(known)
    sizes = [run.shape[1] for run in first._runs]
    assert sizes == sorted(sizes, reverse=True) and len(sizes) < 8  # a look-up stays short
