"""What holds for every strategy of the registry, in the domain of molecules and in one of digits."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from molvae.core.candidates import Candidate
from molvae.design.campaign import Campaign
from molvae.design.latent_space import LatentSpace
from molvae.design.settings import CampaignConfig
from molvae.design.strategies.base import Outcome, Setup
from molvae.design.strategies.registry import STRATEGIES
from molvae.errors import ConfigError
from molvae.molecules.vae import MoleculeVAE
from molvae.run.progress import silent

from ..digits import DigitModel

SMALL_SEARCH = {"search": {"candidates": 50}, "n_decodings": 4}
SMALL = {"budget": 26, "start_size": 12, "batch": 7, "progress": silent, "num_workers": 0, **SMALL_SEARCH}
TRAINING = ("weighted", "lolbo", "metric", "reinvent")  # need a network
FORMULAS = {"molecules": ("QED", "-SAS"), "digits": ("sum", "ones")}


@pytest.fixture(scope="module", params=["molecules", "digits"])
def model(request: pytest.FixtureRequest) -> Iterator[Any]:
    yield MoleculeVAE.from_pretrained("zinc250k-small", "cpu") if request.param == "molecules" else DigitModel()


def settings_of(model: Any, strategy: str) -> dict[str, Any]:
    """What a strategy cannot do without; skips what needs a model that can be trained."""
    if strategy in TRAINING and isinstance(model, DigitModel):
        pytest.skip("the digits have no network to train")
    return {"strategy": strategy} | ({"pareto": FORMULAS[model.domain.name]} if strategy == "pareto" else {})


def answers(campaign: Campaign) -> pd.DataFrame:
    return campaign.store.evaluations()[["call", campaign.domain.column, "score"]]


def interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_it_spends_the_budget_and_goes_on_after_a_stop_as_if_there_had_been_none(model, tmp_path, strategy):
    settings = SMALL | settings_of(model, strategy)
    with Campaign(model, folder=tmp_path / "whole", **settings) as whole:
        table = whole.run()
        expected = answers(whole)
    assert len(table) == whole.oracle.calls == 26
    assert set(table["origin"]) == {"start", strategy}
    assert table[model.domain.column].is_unique and table["score"].is_monotonic_decreasing
    with Campaign(model, folder=tmp_path / "stopped", **settings) as stopped:
        for _ in range(2):
            stopped.advance()
        stopped.oracle.evaluate = interrupt  # proposed and stored, but the process ends before they are scored
        with pytest.raises(KeyboardInterrupt):
            stopped.advance()
    with Campaign.resume(tmp_path / "stopped", model, progress=silent) as resumed:
        resumed.run()
        pd.testing.assert_frame_equal(answers(resumed), expected)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_start_of_which_nothing_could_be_scored_is_no_end(model, strategy):
    config = CampaignConfig.create(SMALL_SEARCH | settings_of(model, strategy)).for_domain(model.domain)
    domain = model.domain
    items = [domain.parse(text)[0] for text in domain.default_start()[domain.column].astype(str)[:30]]
    items = [item for item in items if item is not None and model.accepts(item) is None]
    space = LatentSpace(model, config.parsed_objective(domain), config.n_decodings)
    tried = STRATEGIES[strategy](Setup(space, items[10:], config))
    tried.begin(items[:10], np.full(10, np.nan))
    state = tried.state()
    suggestions = tried.propose(3, 1, lambda item: True)
    assert all(isinstance(candidate, Candidate) for row in suggestions for candidate in row.candidates)
    tried.tell([Outcome(row.z, row.candidates[0].item if row.candidates else None, np.nan) for row in suggestions])
    tried.load_state(state)


@pytest.mark.parametrize("strategy", TRAINING)
def test_what_trains_the_model_refuses_one_that_cannot_be_trained(tmp_path, strategy):
    reason = "needs a model of SMILES" if strategy == "reinvent" else "trains the model .* cannot be trained"
    with pytest.raises(ConfigError, match=f"the strategy '{strategy}' {reason}"):
        Campaign(DigitModel(), folder=tmp_path / "run", strategy=strategy, **SMALL)
    assert not (tmp_path / "run").exists()


def test_every_strategy_has_a_line_that_describes_it():
    assert all(STRATEGIES.descriptions[name] for name in STRATEGIES)
