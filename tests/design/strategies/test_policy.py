"""Policy gradient: what it proposes, and that it goes on as it would have."""

import numpy as np
import pytest

from molvae.design.latent_space import LatentSpace
from molvae.design.settings import CampaignConfig
from molvae.design.strategies.base import Outcome, Setup
from molvae.design.strategies.policy import PolicyGradient
from molvae.errors import ConfigError
from tests.design.digits import DigitModel
from tests.design.strategies.conftest import setup_of


def begun(model, start) -> PolicyGradient:
    search = PolicyGradient(setup_of(model))
    search.begin(*start)
    return search


def test_proposals_are_new_accepted_and_a_function_of_what_is_known(model, start):
    search, twin = begun(model, start), begun(model, start)
    for step in (1, 2):
        rows = search.propose(6, step, lambda item: "S" not in item.smiles)
        items = [row.candidates[0].item for row in rows]
        assert len(set(items)) == 6 and all("S" not in item.smiles for item in items)
        assert rows == twin.propose(6, step, lambda item: "S" not in item.smiles)
        for each in (search, twin):
            each.tell([Outcome(None, item, float(item.mol.GetNumAtoms()) / 50) for item in items])


def test_one_that_repeats_itself_ends_the_step(model, start):
    assert begun(model, start).propose(3, 1, lambda item: False) == []


def test_scores_beyond_zero_and_one_are_moved_there_by_the_start(model, start):
    items, scores = start
    search = PolicyGradient(setup_of(model))
    search.begin(items, 10 * scores - 20)
    assert min(search.policy.memory.values()) == pytest.approx(0) and max(
        search.policy.memory.values()
    ) == pytest.approx(1)
    search.tell([Outcome(None, None, np.nan)])  # nothing was proposed


def test_a_model_without_a_generator_is_an_error_that_says_so():
    with pytest.raises(ConfigError, match="needs a model of SMILES"):
        PolicyGradient(Setup(LatentSpace(DigitModel()), [], CampaignConfig(strategy="reinvent")))
