"""The oracle: each item is paid for once, stored before it is used, and remembered for good."""

import math
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from molvae.chemistry.domain import MOLECULES
from molvae.chemistry.molecule import Molecule
from molvae.design.oracle.oracle import Oracle
from molvae.design.oracle.scorers import Answer, FunctionScorer, Scorer
from molvae.design.store import CampaignStore
from molvae.errors import BudgetExhausted, ConfigError, OracleError


def items(*texts: str) -> list[Molecule]:
    parsed = [MOLECULES.parse(text)[0] for text in texts]
    assert None not in parsed
    return parsed


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
    answers = oracle.evaluate(items("CCO", "C", "CN"), "start", 0)
    assert [answer.identity for answer in answers] == ["CCO", "C", "CN"]
    assert [answer.status for answer in answers] == ["ok", "ok", "failed"]
    assert [answer.call for answer in answers] == [1, 2, 3]
    assert [answer.score for answer in answers] == [3.0, 1.0, None]
    assert answers[2].error == "no nitrogen, please" and answers[0].properties == {"half": 1.5}
    np.testing.assert_equal([oracle.utility(item) for item in items("CCO", "CN", "CCC")], [3.0, math.nan, math.nan])
    assert (oracle.calls, oracle.calls_left) == (3, 7)


def test_a_repeat_costs_nothing_however_it_was_written(store: CampaignStore) -> None:
    scorer = Counting()
    oracle = Oracle(scorer, store, budget=10)
    assert [answer.call for answer in oracle.evaluate(items("OCC", "CCO", "C(O)C"), "start", 0)] == [1, 1, 1]
    assert [answer.call for answer in oracle.evaluate(items("C(C)O", "CN", "NC"), "latent", 1)] == [1, 2, 2]
    assert oracle.evaluate(items("CN"), "latent", 2)[0].status == "failed"  # remembered, not asked again
    assert scorer.paid == ["CCO", "CN"] and oracle.calls == 2
    assert items("OCC")[0] in oracle and items("CCC")[0] not in oracle


def test_utility_is_to_be_maximised_and_the_store_keeps_the_users_sign(store: CampaignStore) -> None:
    oracle = Oracle(Counting(), store, budget=10, sign=-1)
    oracle.evaluate(items("CCO", "C"), "start", 0)
    assert [oracle.utility(item) for item in items("CCO", "C")] == [-3.0, -1.0]
    assert store.evaluations()["score"].tolist() == [3.0, 1.0]
    assert oracle.best.identity == "C"


def test_the_best_answer_and_those_of_a_step_are_known_without_reading_the_store(store: CampaignStore) -> None:
    oracle = Oracle(Counting(), store, budget=10)
    assert oracle.best is None and oracle.answers_of(0) == []
    oracle.evaluate(items("CCO", "C"), "start", 0)
    oracle.evaluate(items("CCC", "CC"), "latent", 1)
    assert oracle.best.identity == "CCO"  # of equal ones, the earlier call; answers come in any order
    assert [answer.identity for answer in oracle.answers_of(1)] == ["CCC", "CC"]
    again = Oracle(Counting(), store, budget=10)
    assert again.best == oracle.best and again.answers_of(1) == oracle.answers_of(1)


def test_the_end_of_the_budget(store: CampaignStore) -> None:
    oracle = Oracle(Counting(), store, budget=3)
    answers = oracle.evaluate(items("C", "CC", "C", "CN", "CCCC", "CCCCC"), "start", 0)
    assert [answer and answer.call for answer in answers] == [1, 2, 1, 3, None, None]
    assert oracle.calls_left == 0
    with pytest.raises(BudgetExhausted, match="all 3 oracle calls are spent; 1 more were asked for"):
        oracle.evaluate(items("C", "CCCC"), "latent", 1)
    assert oracle.evaluate(items("C"), "latent", 1)[0].status == "ok"  # costs nothing
    assert Oracle(Counting(), store, budget=2).calls_left == 0
    assert Oracle(Counting(), store, budget=4).calls_left == 1


def test_each_answer_is_on_disk_before_the_next_one_is_asked_for(store: CampaignStore) -> None:
    scorer = Counting(store)
    Oracle(scorer, store, budget=10).evaluate(items("C", "CC", "CN", "CCC"), "start", 0)
    assert scorer.stored_before == [0, 1, 2, 3]


def test_memory_survives_in_the_store(store: CampaignStore, tmp_path: Path) -> None:
    Oracle(Counting(), store, budget=10).evaluate(items("CCO", "CN"), "start", 0)
    store.close()
    scorer = Counting()
    with CampaignStore(tmp_path / "campaign.sqlite") as reopened:
        answers = Oracle(scorer, reopened, budget=10).evaluate(items("CN", "CCO", "C"), "latent", 1)
    assert scorer.paid == ["C"]
    assert [answer.call for answer in answers] == [2, 1, 3]
    assert answers[1].properties == {"half": 1.5}


def test_a_scorer_that_breaks_off_loses_nothing_that_it_had_answered(store: CampaignStore) -> None:
    class Broken(Counting):
        def stream(self, smiles: Sequence[str]) -> Iterator[tuple[int, Answer]]:
            for count, item in enumerate(super().stream(smiles)):
                if count == 2:
                    raise OracleError("the licence server is gone")
                yield item

    with pytest.raises(OracleError, match="licence"):
        Oracle(Broken(), store, budget=10).evaluate(items("C", "CC", "CCC", "CCCC"), "start", 0)
    assert {e.call: e.identity for e in store.answers()} == {3: "CCC", 4: "CCCC"}  # the last were answered first
    # the items of the batch keep the numbers that they would have had
    scorer = Counting()
    answers = Oracle(scorer, store, budget=10).evaluate(items("C", "CC", "CCC", "CCCC", "CCCCC"), "start", 0)
    assert [answer.call for answer in answers] == [1, 2, 3, 4, 5]
    assert sorted(scorer.paid) == ["C", "CC", "CCCCC"]


def test_a_scorer_that_breaks_its_contract(store: CampaignStore) -> None:
    class Lazy(Scorer):
        def stream(self, smiles: Sequence[str]) -> Iterator[tuple[int, Answer]]:
            yield 0, Answer(math.inf)
            yield 1, Answer(-1e300)

    with pytest.raises(OracleError, match="no answer for 1 of 3 candidates"):
        Oracle(Lazy(), store, budget=10).evaluate(items("C", "CC", "CCC"), "start", 0)
    assert [e.error for e in store.answers()] == ["the score is inf", "the score is -1e+300"]


def test_an_empty_batch(store: CampaignStore) -> None:
    assert Oracle(Counting(), store, budget=0).evaluate([], "start", 0) == []


def test_settings_that_make_no_sense(store: CampaignStore) -> None:
    with pytest.raises(ConfigError, match="cannot be -1"):
        Oracle(Counting(), store, budget=-1)
    with pytest.raises(ConfigError, match="sign"):
        Oracle(Counting(), store, budget=1, sign=0)


def test_scores_from_a_laboratory(store: CampaignStore) -> None:
    oracle = Oracle(Counting(), store, budget=2)
    ethanol, methylamine = items("OCC", "CN")
    assert oracle.tell(ethanol, 7.5, "latent", 1).score == 7.5
    assert oracle.tell(methylamine, None, "latent", 1).error == "no score was given"
    assert oracle.tell(ethanol, 8.0, "latent", 1).score == 7.5  # the first word stands
    assert oracle.calls_left == 0
    assert oracle.tell(items("CC")[0], 1.0, "latent", 1).call == 3  # measured is measured
    assert [oracle.tell(item, 1e300, "latent", 1).status for item in items("CO")] == ["failed"]
    assert [oracle.tell(item, -math.inf, "latent", 1).status for item in items("CS")] == ["failed"]


RUN = """
import sys
from molvae.chemistry.domain import MOLECULES
from molvae.design.oracle.oracle import Oracle
from molvae.design.oracle.scorers import FunctionScorer
from molvae.design.store import CampaignStore
if __name__ == "__main__":
    with CampaignStore("campaign.sqlite") as store, FunctionScorer("paid_oracle:score") as scorer:
        oracle = Oracle(scorer, store, budget=8)
        oracle.evaluate([MOLECULES.parse("C" * n)[0] for n in range(1, 13)], "start", 0)
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
    assert [(e.call, e.identity) for e in answers] == [(n, "C" * n) for n in range(1, 9)]
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
            Oracle(scorer, store, budget=1).evaluate(items("C"), "start", 0)
        with CampaignStore("campaign.sqlite") as store:
            assert len(store.answers()) == 1
