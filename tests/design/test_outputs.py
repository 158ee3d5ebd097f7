"""Candidates that must be like something: proposals are made to fit, and it is said what share does."""

import numpy as np
import pandas as pd
import pytest

from molvae.design.batch import MADE_TO_FIT
from molvae.design.campaign import Campaign
from molvae.design.outputs import fitting_sentence, fitting_share, write_outputs
from molvae.report import build
from molvae.run.progress import silent

from .digits import DigitDomain, DigitModel

SETTINGS = {"filters": {"first": "7"}, "start_size": 12, "budget": 60, "batch": 8, "num_workers": 0, "progress": silent}


def run(folder, strategy, **changes):
    with Campaign(DigitModel(), folder=folder, strategy=strategy, **{**SETTINGS, **changes}) as campaign:
        return campaign.run(), campaign.store.candidates(), fitting_share(campaign), fitting_sentence(campaign)


@pytest.mark.parametrize("strategy", ["latent", "genetic", "random", "tanimoto"])
def test_everything_that_is_scored_fits(tmp_path, strategy):
    table, candidates, share, sentence = run(tmp_path / "run", strategy)
    assert table["digits"].str.startswith("7").all() and len(table) == 60
    valid = candidates[candidates["status"] == "valid"]
    assert share["proposals"] == len(candidates) and share["fit"] >= share["scored"] == len(valid) == 48
    assert share["fit"] >= 0.8 * share["proposals"]
    assert share["made"] == (valid["reason"] == MADE_TO_FIT).sum() > 0
    assert sentence.startswith(f"{share['fit']} of {share['proposals']} proposals (") and "begin with 7" in sentence


def test_the_start_is_filled_up_with_what_is_made_to_fit(tmp_path):
    with Campaign(DigitModel(), folder=tmp_path / "run", start=["700001", "123456", "654321"], **SETTINGS) as campaign:
        begun = [item.identity for item in campaign.start.items]
    assert begun[:2] == ["700000", "700001"] and len(begun) > 2  # the seed, what fits, then what was made
    assert all(text.startswith("7") for text in begun)


@pytest.mark.parametrize("strategy", ["latent", "genetic"])
def test_a_campaign_killed_in_mid_step_makes_the_same_candidates(tmp_path, strategy):
    expected, *_ = run(tmp_path / "whole", strategy)
    calls = 0

    def dies(event):
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped", strategy, progress=dies)
    with Campaign.resume(tmp_path / "stopped", DigitModel(), progress=silent) as campaign:
        table = campaign.run()
    names = ["call", "digits", "score"]
    pd.testing.assert_frame_equal(table[names], expected[names])


def test_nothing_is_said_where_nothing_need_fit(tmp_path):
    *_, share, sentence = run(tmp_path / "run", "random", filters={})
    assert share is None and sentence == ""


def test_the_map_knows_what_an_oracle_of_the_user_has_answered(tmp_path):
    settings = {**SETTINGS, "oracle": lambda text: float(text[-1]), "strategy": "random", "filters": {}}
    with Campaign(DigitModel(), folder=tmp_path / "run", **settings) as campaign:
        campaign.run()
        write_outputs(campaign)
        begun = [float(item.identity[-1]) for item in campaign.start.items]
    with np.load(tmp_path / "run" / "latent.npz") as file:
        np.testing.assert_array_equal(file["score"][: len(begun)], begun)
        assert np.isnan(file["score"]).any()


def test_the_report_says_the_share(tmp_path):
    with Campaign(DigitModel(), folder=tmp_path / "run", strategy="latent", **SETTINGS) as campaign:
        campaign.run()
        write_outputs(campaign)
    page = build(tmp_path / "run", DigitDomain()).read_text()
    assert "Around what was given" in page and "that begin with 7" in page
