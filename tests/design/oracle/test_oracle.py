"""The oracle: each molecule is paid for once, stored before it is used, and remembered for good."""

import math
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from molvae.design.oracle.oracle import Oracle
from molvae.design.oracle.scorers import Answer, CallableScorer, FunctionScorer, Scorer
from molvae.design.store import CampaignStore
from molvae.errors import BudgetExhausted, ConfigError, OracleError


class Counting(Scorer):
    """Scores a molecule by its length, answers last things first, and notes what it was paid for."""

    def __init__(self, store: CampaignStore | None = None) -> None:
        self.paid: list[str] = []
        self.stored_before: list[int] = []
        self._store = store

    def stream(self, smiles: Sequence[str]) -> Iterator[tuple[int, Answer]]:
        for index in reversed(range(len(smiles))):
            if self._store is not None:
                self.stored_before.append(len(self._store.answers()))
            self.paid.append(smiles[index])
            molecule = smiles[index]
            yield (
                index,
                Answer(error="no nitrogen, please")
                if "N" in molecule
                else Answer(float(len(molecule)), {"half": len(molecule) / 2}),
            )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CampaignStore]:
    with CampaignStore(tmp_path / "campaign.sqlite") as store:
        yield store


def test_answers_come_in_the_order_of_the_questions(store: CampaignStore) -> None:
    oracle = Oracle(Counting(), store, budget=10)
    table = oracle.evaluate(["CCO", "C", "CN", "not a molecule"], "start", 0)
    assert list(table) == ["smiles", "score", "utility", "half", "status", "error", "call", "cached"]
    assert table["smiles"].tolist() == ["CCO", "C", "CN", "not a molecule"]
    assert table["status"].tolist() == ["ok", "ok", "failed", "invalid"]
    assert table["call"].tolist() == [1, 2, 3, 0]
    np.testing.assert_equal(table["score"].tolist(), [3.0, 1.0, math.nan, math.nan])
    assert table["error"][2] == "no nitrogen, please"
    assert table["error"][3]
    assert (oracle.calls, oracle.calls_left) == (3, 7)


def test_a_repeat_costs_nothing_however_it_is_written(store: CampaignStore) -> None:
    scorer = Counting()
    oracle = Oracle(scorer, store, budget=10)
    table = oracle.evaluate(["OCC", "CCO", "C(O)C"], "start", 0)
    assert table["smiles"].tolist() == ["CCO"] * 3
    assert table["cached"].tolist() == [False, True, True]
    again = oracle.evaluate(["C(C)O", "CN", "NC"], "latent", 1)
    assert again["cached"].tolist() == [True, False, True]
    assert oracle.evaluate(["CN"], "latent", 2)["status"].tolist() == ["failed"]  # remembered, not asked again
    assert scorer.paid == ["CCO", "CN"]
    assert oracle.calls == 2
    assert "CCO" in oracle
    assert "CCC" not in oracle


def test_utility_is_to_be_maximised_and_the_store_keeps_the_users_sign(store: CampaignStore) -> None:
    oracle = Oracle(Counting(), store, budget=10, sign=-1)
    table = oracle.evaluate(["CCO", "C"], "start", 0)
    assert table["score"].tolist() == [3.0, 1.0]
    assert table["utility"].tolist() == [-3.0, -1.0]
    assert store.evaluations()["score"].tolist() == [3.0, 1.0]


def test_the_end_of_the_budget(store: CampaignStore) -> None:
    oracle = Oracle(Counting(), store, budget=3)
    table = oracle.evaluate(["C", "CC", "C", "CN", "CCCC", "CCCCC"], "start", 0)
    assert table["status"].tolist() == ["ok", "ok", "ok", "failed", "unpaid", "unpaid"]
    assert table["call"].tolist() == [1, 2, 1, 3, 0, 0]
    assert oracle.calls_left == 0
    with pytest.raises(BudgetExhausted, match="all 3 oracle calls are spent; 1 more molecules were asked for"):
        oracle.evaluate(["C", "CCCC"], "latent", 1)
    assert oracle.evaluate(["C", "nonsense"], "latent", 1)["status"].tolist() == ["ok", "invalid"]  # costs nothing
    assert Oracle(Counting(), store, budget=2).calls_left == 0
    assert Oracle(Counting(), store, budget=4).calls_left == 1


def test_each_answer_is_on_disk_before_the_next_one_is_asked_for(store: CampaignStore) -> None:
    scorer = Counting(store)
    Oracle(scorer, store, budget=10).evaluate(["C", "CC", "CN", "CCC"], "start", 0)
    assert scorer.stored_before == [0, 1, 2, 3]


def test_memory_survives_in_the_store(store: CampaignStore, tmp_path: Path) -> None:
    Oracle(Counting(), store, budget=10).evaluate(["CCO", "CN"], "start", 0)
    store.close()
    scorer = Counting()
    with CampaignStore(tmp_path / "campaign.sqlite") as reopened:
        oracle = Oracle(scorer, reopened, budget=10)
        table = oracle.evaluate(["CN", "CCO", "C"], "latent", 1)
    assert scorer.paid == ["C"]
    assert table["call"].tolist() == [2, 1, 3]
    assert table["half"].tolist()[1:] == [1.5, 0.5]


def test_a_scorer_that_breaks_off_loses_nothing_that_it_had_answered(store: CampaignStore) -> None:
    class Broken(Counting):
        def stream(self, smiles: Sequence[str]) -> Iterator[tuple[int, Answer]]:
            for count, item in enumerate(super().stream(smiles)):
                if count == 2:
                    raise OracleError("the licence server is gone")
                yield item

    with pytest.raises(OracleError, match="licence"):
        Oracle(Broken(), store, budget=10).evaluate(["C", "CC", "CCC", "CCCC"], "start", 0)
    assert {e.call: e.smiles for e in store.answers()} == {3: "CCC", 4: "CCCC"}  # the last were answered first
    # the molecules of the batch keep the numbers that they would have had
    scorer = Counting()
    table = Oracle(scorer, store, budget=10).evaluate(["C", "CC", "CCC", "CCCC", "CCCCC"], "start", 0)
    assert table["call"].tolist() == [1, 2, 3, 4, 5]
    assert sorted(scorer.paid) == ["C", "CC", "CCCCC"]


def test_a_scorer_that_breaks_its_contract(store: CampaignStore) -> None:
    class Lazy(Scorer):
        def stream(self, smiles: Sequence[str]) -> Iterator[tuple[int, Answer]]:
            yield 0, Answer(math.inf)

    with pytest.raises(OracleError, match="no answer for 1 of 2 molecules"):
        Oracle(Lazy(), store, budget=10).evaluate(["C", "CC"], "start", 0)
    assert [e.error for e in store.answers()] == ["the score is inf"]


def test_a_property_named_like_a_column_stays_in_the_store(store: CampaignStore) -> None:
    scorer = CallableScorer(lambda smiles: {"score": 1.0, "status": 7.0, "dock": 3.0})
    table = Oracle(scorer, store, budget=10).evaluate(["C"], "start", 0)
    assert table["status"].tolist() == ["ok"]
    assert table["dock"].tolist() == [3.0]
    assert store.answers()[0].properties == {"status": 7.0, "dock": 3.0}


def test_an_empty_batch(store: CampaignStore) -> None:
    table = Oracle(Counting(), store, budget=0).evaluate([], "start", 0)
    assert table.empty
    assert "score" in table


def test_settings_that_make_no_sense(store: CampaignStore) -> None:
    with pytest.raises(ConfigError, match="cannot be -1"):
        Oracle(Counting(), store, budget=-1)
    with pytest.raises(ConfigError, match="sign"):
        Oracle(Counting(), store, budget=1, sign=0)


def test_scores_from_a_laboratory(store: CampaignStore) -> None:
    oracle = Oracle(Counting(), store, budget=2)
    table = oracle.tell(["OCC", "CN", "CCO", "nonsense"], [7.5, None, 8.0, 1.0], "latent", 1)
    assert table["status"].tolist() == ["ok", "failed", "ok", "invalid"]
    assert table["score"].tolist()[:3:2] == [7.5, 7.5]  # the first word stands
    assert table["cached"].tolist() == [False, False, True, False]
    assert oracle.calls_left == 0
    assert oracle.tell(["CC"], [1.0], "latent", 1)["call"].tolist() == [3]  # measured is measured
    assert oracle.tell(["CO", "CS"], [1e300, -math.inf], "latent", 1)["status"].tolist() == ["failed", "failed"]
    assert oracle.tell(["CF"], [math.nan], "latent", 1, errors=["dropped the vial"])["error"].tolist() == [
        "dropped the vial"
    ]


RUN = """
import sys
from molvae.design.oracle.oracle import Oracle
from molvae.design.oracle.scorers import FunctionScorer
from molvae.design.store import CampaignStore
if __name__ == "__main__":
    with CampaignStore("campaign.sqlite") as store, FunctionScorer("paid_oracle:score") as scorer:
        oracle = Oracle(scorer, store, budget=8)
        oracle.evaluate(["C" * n for n in range(1, 13)], "start", 0)
"""
PAID = """
import os, signal

def score(smiles):
    with open("paid.txt", "a") as file:
        file.write(smiles + "\\n")
    if smiles in ("CC", "CCCCC") and not os.path.exists("killed-" + smiles):
        open("killed-" + smiles, "w").close()
        os.kill(os.getppid(), signal.SIGKILL)
    if smiles == "CCC":
        os._exit(1)
    return len(smiles)
"""


def test_a_campaign_killed_between_answers_pays_for_none_of_them_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("run.py").write_text(RUN)
    Path("paid_oracle.py").write_text(PAID)
    statuses = []
    while not statuses or statuses[-1] != 0:
        statuses.append(subprocess.run([sys.executable, "run.py"], timeout=60, check=False).returncode)
    assert statuses == [-signal.SIGKILL, -signal.SIGKILL, 0]
    with CampaignStore("campaign.sqlite") as store:
        answers = store.answers()
    assert [(e.call, e.smiles) for e in answers] == [(n, "C" * n) for n in range(1, 9)]
    assert [e.call for e in answers if e.status == "failed"] == [3]
    paid = Path("paid.txt").read_text().split()
    # only the molecule whose answer was cut off by the kill was asked for again
    assert sorted(paid, key=len) == ["C" * n for n in (1, 2, 2, 3, 4, 5, 5, 6, 7, 8)]


def test_the_processes_of_a_scorer_do_not_hold_the_lock_of_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("paid_oracle.py").write_text("def score(smiles): return 1.0\n")
    with FunctionScorer("paid_oracle:score") as scorer:
        with CampaignStore("campaign.sqlite") as store:
            Oracle(scorer, store, budget=1).evaluate(["C"], "start", 0)
        with CampaignStore("campaign.sqlite") as store:
            assert len(store.answers()) == 1
