"""Searches by points: what they ask for, and what infeasible points teach them."""

import numpy as np
import pytest

from molvae.design.strategies.base import Outcome
from molvae.design.strategies.points import PointSearch, constrained_search, global_search, published, turbo

from .conftest import setup_of


def test_without_feasibility_every_point_is_as_good(model, start):
    bad = [Outcome(np.full(64, 0.1 * n), None, np.nan) for n in range(30)]
    asked = {}
    for make in (global_search, constrained_search):
        search = make(setup_of(model))
        search.begin(*start)
        search.tell(bad)
        asked[make] = [row.feasibility for row in search.propose(3, 1, lambda item: True)]
    assert asked[global_search] == [1.0] * 3
    assert max(asked[constrained_search]) < 1


def test_proposals_are_the_points_that_were_asked_for_with_what_is_believed_of_them(model, start):
    search = PointSearch(setup_of(model))
    search.begin(*start)
    rows = search.propose(4, 1, lambda item: True)
    asked = search.search.ask(4, 1)
    np.testing.assert_array_equal(np.stack([row.z for row in rows]), asked.z.numpy())
    assert [row.mean for row in rows] == asked.mean.tolist() and [row.std for row in rows] == asked.std.tolist()


@pytest.mark.parametrize("make", [global_search, constrained_search, turbo])
def test_published_methods_get_no_guess_of_the_predictor(model, make):
    assert make(setup_of(model)).search.surrogate.prior_mean is None


def test_published_settings_leave_the_campaign_as_it_is(model):
    setup = setup_of(model)
    assert published(setup, region="global").config.search.region == "global"
    assert setup.config.search.region == "trust" and setup.config.use_predictor
