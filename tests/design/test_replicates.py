"""Measurements told again: each is kept, the search learns from it, and so how large the noise is."""

import sqlite3

import numpy as np
import pandas as pd
import pytest

from molvae.design.campaign import Campaign
from molvae.design.store import CampaignStore, Evaluation, Replicate
from molvae.run.progress import silent

from .digits import DigitModel

SETTINGS = {"oracle": "laboratory", "budget": 10_000, "start_size": 40, "seed": 1, "progress": silent}
NOISE = 3.0


def truth(text: str) -> float:
    return float(sum(map(int, text)))


@pytest.fixture
def begun(tmp_path):
    """A laboratory that has measured the start once."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"digits": [f"{n:06d}" for n in rng.integers(0, 10**6, 40)]}).drop_duplicates()
    table["score"] = table["digits"].map(truth) + NOISE * rng.normal(size=len(table))
    with Campaign(DigitModel(), start=table, folder=tmp_path / "run", **SETTINGS) as campaign:
        campaign.tell(table)
        yield campaign, table, rng


def test_the_search_learns_the_noise(begun):
    campaign, table, rng = begun
    for _ in range(3):
        again = table.assign(score=table["digits"].map(truth) + NOISE * rng.normal(size=len(table)))
        told = campaign.tell(again)
        assert (told["status"] == "replicate").all()
    campaign.ask(3)
    campaign.tell(pd.DataFrame({"digits": campaign.pending, "score": 20.0}))
    campaign.ask(3)
    search = campaign.strategy.search
    assert len(search.y) >= 4 * campaign.oracle.calls - 12  # every measurement, not their means
    assert np.sqrt(search.surrogate.noise) == pytest.approx(NOISE, rel=0.3)


def test_results_are_means_with_their_scatter(begun):
    campaign, table, _ = begun
    text, score = table["digits"].iloc[0], table["score"].iloc[0]
    told = campaign.tell(pd.DataFrame({"digits": [text, text, text], "score": [score + 1, score + 2, score + 2]}))
    assert told["status"].tolist() == [
        "replicate",
        "replicate",
        "repeated",
    ]  # the same value twice is the same row twice
    assert told["score"].tolist() == pytest.approx([score + 0.5, score + 1, score + 1])
    row = campaign.results().set_index("digits").loc[text]
    assert row["score"] == pytest.approx(score + 1) and row["measurements"] == 3
    assert row["score_sd"] == pytest.approx(1.0)


def test_what_failed_first_may_be_measured_later(begun):
    campaign, _, _ = begun
    failed = campaign.ask(2)["digits"].tolist()
    campaign.tell(pd.DataFrame({"digits": failed, "score": [None, None]}))
    assert campaign.tell(pd.DataFrame({"digits": failed[:1], "score": [31.5]}))["status"].tolist() == ["replicate"]
    results = campaign.results().set_index("digits")
    assert results.loc[failed, "status"].tolist() == ["ok", "failed"]
    assert results.loc[failed[0], "score"] == 31.5 and results.loc[failed[0], "error"] is None


def test_a_laboratory_that_was_interrupted_asks_for_the_same(begun):
    campaign, table, _ = begun
    campaign.tell(table.assign(score=table["score"] + 1))  # while the start is open: of step 0
    plate = campaign.ask(3)
    campaign.tell(table.head(5).assign(score=0.0))  # late, while a plate is out
    campaign.tell(plate.assign(score=25.0))
    following = campaign.ask(4)
    campaign.close()
    with Campaign.resume(campaign.folder, DigitModel(), progress=silent) as again:
        assert again.ask(4)["digits"].tolist() == following["digits"].tolist()
        again.tell(following.assign(score=26.0))
        after = again.ask(4)["digits"].tolist()
    with Campaign.resume(campaign.folder, DigitModel(), progress=silent) as again:
        assert again.ask(4)["digits"].tolist() == after


def test_a_store_of_before_is_read_and_written(tmp_path):
    path = tmp_path / "campaign.sqlite"
    with CampaignStore(path) as store:
        store.record_evaluation(Evaluation(1, "C", 1.0, {}, None, 0.0, "start", 0))
    connection = sqlite3.connect(path)
    connection.executescript("DROP TABLE replicates; DROP TABLE requests; PRAGMA user_version = 1;")
    connection.close()
    with CampaignStore(path, read_only=True) as store:
        assert store.replicates() == [] and len(store.evaluations()) == 1
    with CampaignStore(path) as store:
        store.record_replicate(Replicate("C", 2.0, 0))
        assert store.replicates() == [Replicate("C", 2.0, 0)]
    with CampaignStore(path, read_only=True) as store:
        assert store.evaluations()["score"].tolist() == [1.5]
