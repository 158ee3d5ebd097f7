"""At most so many of a kind: in a selection, in the batches of a campaign, and what a formula puts first."""

import numpy as np
import pandas as pd
import pytest

from molvae.chemistry.domain import MOLECULES
from molvae.design.campaign import Campaign
from molvae.design.diversity import DiversityConfig, diverse_rows
from molvae.run.progress import silent

from .digits import DigitDomain, DigitModel, Digits

SETTINGS = {"start_size": 20, "batch": 6, "seed": 1, "progress": silent, "num_workers": 0}


def molecules(*smiles: str) -> list:
    return [MOLECULES.parse(text)[0] for text in smiles]


def test_scaffolds_have_so_much_room():
    items = molecules("CCc1ccccc1", "CCCc1ccccc1", "Cc1ccncc1", "CCCc1ccccc1O", "CCO", "CCCO")
    assert diverse_rows(items, MOLECULES, DiversityConfig(per_scaffold=1)) == [0, 2, 4]  # without rings: one kind
    assert diverse_rows(items, MOLECULES, DiversityConfig(per_scaffold=2)) == [0, 1, 2, 4, 5]
    assert diverse_rows(items, MOLECULES, DiversityConfig(per_scaffold=1), count=2) == [0, 2]
    assert diverse_rows(items, MOLECULES, DiversityConfig()) == list(range(6))


def test_clusters_are_what_is_like_their_first():
    items = [Digits(text) for text in ("111111", "111222", "999999", "111999", "222222")]
    half = DiversityConfig(per_cluster=1, similarity=0.5)
    assert diverse_rows(items, DigitDomain(), half) == [0, 2, 4]  # 111222 is half like the first, 111999 too
    assert diverse_rows(items, DigitDomain(), DiversityConfig(per_cluster=1, similarity=0.6)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("strategy", ["latent", "random", "genetic", "tanimoto"])
def test_no_batch_holds_more_of_a_kind_than_was_asked_for(strategy, tmp_path):
    limits = {"per_scaffold": 1}
    settings = SETTINGS | {"strategy": strategy, "budget": 32, "objective": "sum"}
    with Campaign(DigitModel(), folder=tmp_path / "run", diversity=limits, **settings) as campaign:
        table = campaign.run()
        steps = campaign.store.candidates().query("status == 'valid'")
    batches = [part["digits"].str[:2] for _, part in steps.groupby("step")]
    assert batches and all(kinds.is_unique for kinds in batches)
    assert table.query("origin == 'start'")["digits"].str[:2].is_unique


def test_a_limited_campaign_that_was_killed_ends_the_same(tmp_path):
    settings = SETTINGS | {"budget": 36, "objective": "sum", "diversity": {"per_cluster": 2, "similarity": 0.5}}
    with Campaign(DigitModel(), folder=tmp_path / "whole", **settings) as campaign:
        whole = campaign.run()
    with Campaign(DigitModel(), folder=tmp_path / "cut", **settings) as campaign:
        campaign.advance()
        campaign.advance()
    with Campaign.resume(tmp_path / "cut", DigitModel(), progress=silent) as campaign:
        resumed = campaign.run()
    pd.testing.assert_frame_equal(whole.drop(columns="seconds"), resumed.drop(columns="seconds"))


def test_a_formula_puts_first_what_a_laboratory_measures(tmp_path):
    library = pd.DataFrame({"digits": [f"{n:06d}" for n in np.random.default_rng(0).integers(0, 10**6, 300)]})
    settings = SETTINGS | {"oracle": "laboratory", "budget": 1000, "start_size": 8}
    with Campaign(DigitModel(), start=library, folder=tmp_path / "run", preselect="sum", **settings) as campaign:
        plate = campaign.ask(8)
        best = library["digits"].map(lambda text: sum(map(int, text))).nlargest(8)
        assert sorted(plate["sum"]) == sorted(best)
        campaign.tell(plate.assign(score=1.0))
        assert campaign.ask(5)["sum"].mean() > 30  # of 54; 27 is what chance gives
    with Campaign(DigitModel(), start=library, folder=tmp_path / "plain", **settings) as campaign:
        assert "sum" not in campaign.ask(8)


def test_a_start_that_was_measured_is_taken_as_it_is(tmp_path):
    measured = pd.DataFrame({"digits": ["111111", "111112", "111113"], "score": [1.0, 2.0, 3.0]})
    settings = SETTINGS | {"oracle": "laboratory", "budget": 1000, "diversity": {"per_scaffold": 1}}
    with Campaign(DigitModel(), start=measured, folder=tmp_path / "run", **settings) as campaign:
        assert len(campaign.start.items) == 3
