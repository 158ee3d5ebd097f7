"""Campaigns whose steps overlap: what is proposed follows from the order of the answers; a killed one loses nothing."""

import functools
import random
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pandas as pd
import pytest
import torch

from molvae.design.campaign import Campaign
from molvae.design.oracle.scorers import Answer, CallableScorer, Scorer
from molvae.design.oracle.simulated import SimulatedScorer
from molvae.design.store import CampaignStore
from molvae.design.strategies.base import Pending
from molvae.errors import ConfigError, OracleError
from molvae.run.progress import silent
from molvae.search.similarity import choose_batch
from molvae.search.surrogate import Posterior

from .digits import DigitModel

SEARCH = {"candidates": 40, "max_iterations": 2}
SMALL = {"budget": 24, "start_size": 10, "in_flight": 5, "n_decodings": 2, "oversample": 2, "search": SEARCH}
SMALL |= {"progress": silent}


def total(text):
    return float(sum(map(int, text)))


def heavy_tailed(text, seed=0, scale=1.0):
    """Seconds of a call: log-normal, its own for each text."""
    return scale * random.Random(f"{seed} {text}").lognormvariate(0, 1.2)


def simulated(workers=5, **seconds):
    return SimulatedScorer(CallableScorer(total), workers, functools.partial(heavy_tailed, **seconds))


class Killed(BaseException):
    """What ends a driver at once."""


class InOrder(Scorer):
    """Answers in a given order, whatever is asked for when; ends the driver after so many answers."""

    def __init__(self, order, answers=10**9):
        self.rank = {text: rank for rank, text in enumerate(order)}
        self.left, self.waiting = answers, {}

    def submit(self, smiles):
        future = Future()
        self.waiting[future] = smiles
        return future

    def done(self, futures, block):
        if block:
            if not self.left:
                raise Killed
            self.left -= 1
            first = min(self.waiting, key=lambda future: self.rank.get(self.waiting[future], 0))
            first.set_result(Answer(total(self.waiting.pop(first))))
        return [future for future in futures if future.done()]

    def stream(self, smiles):
        raise NotImplementedError


def finish(folder, oracle, **settings):
    """Run a campaign to its end: its answers by call, and all its candidates."""
    with Campaign(DigitModel(), oracle=oracle, folder=folder, **SMALL | settings) as campaign:
        campaign.run()
    with CampaignStore(folder / "campaign.sqlite", read_only=True) as store:
        return store.answers(), store.candidates(), [store.request(step) for step in range(1, 1 + store.last_step())]


@pytest.mark.parametrize("strategy", ["evolved", "genetic", "screening", "hybrid"])
def test_a_killed_driver_goes_on_as_if_the_answers_had_come_in_one_go(tmp_path, strategy):
    answers, candidates, requests = finish(tmp_path / "one", simulated(), strategy=strategy)
    order = [answer.identity for answer in answers]
    assert len(order) == len(set(order)) == 24
    for kill in (3, 9):  # while the start is scored, and later, twice
        with (
            pytest.raises(Killed),
            Campaign.resume(tmp_path / "two", DigitModel(), InOrder(order, kill), silent)
            if (tmp_path / "two").exists()
            else Campaign(
                DigitModel(), oracle=InOrder(order, kill), folder=tmp_path / "two", strategy=strategy, **SMALL
            ) as campaign,
        ):
            campaign.run()
    with Campaign.resume(tmp_path / "two", DigitModel(), InOrder(order), silent) as campaign:
        assert 0 < campaign.oracle.calls < 24  # what was answered is not asked for again
        campaign.run()
        again = campaign.store.answers()
        assert [answer.identity for answer in again] == order
        pd.testing.assert_frame_equal(campaign.store.candidates().drop(columns="z"), candidates.drop(columns="z"))
        assert [campaign.store.request(step) for step in range(1, len(requests) + 1)] == requests


def test_times_do_not_matter_only_the_order_does(tmp_path):
    fast, slow = (finish(tmp_path / str(scale), simulated(scale=scale), strategy="evolved") for scale in (1.0, 1e6))
    other = finish(tmp_path / "other", simulated(seed=1), strategy="evolved")
    assert [(each.call, each.identity, each.step) for each in fast[0]] == [
        (each.call, each.identity, each.step) for each in slow[0]
    ]
    assert [answer.identity for answer in fast[0]] != [answer.identity for answer in other[0]]


@pytest.mark.parametrize("refill", [1, 3])
def test_workers_are_kept_busy_and_no_more_is_in_flight_than_was_said(tmp_path, refill):
    scorer = simulated()
    answers, candidates, requests = finish(tmp_path / "run", scorer, strategy="genetic", budget=50, refill=refill)
    assert scorer.most == 5 and len(answers) == 50
    assert scorer.used(scorer.last_begun) > (0.95 if refill == 1 else 0.6)
    # each step but the first asks for what there is room for, when that many answers have come
    assert all(asked >= refill for asked, _ in requests[1:-5])
    assert {answer.step for answer in answers} <= {0, *candidates["step"]}


def test_steps_leave_workers_idle_that_overlapping_steps_use(tmp_path):
    batches = simulated()
    with Campaign(
        DigitModel(),
        oracle=batches,
        folder=tmp_path / "run",
        strategy="genetic",
        **SMALL | {"in_flight": None},
        batch=5,
    ) as campaign:
        campaign.run()
    assert batches.used() < 0.75


@pytest.mark.parametrize(
    "settings",
    [
        {"budget": 7},  # less than the start
        {"in_flight": 50},  # more than the budget
        {"strategy": "screening", "start": [f"{n}" for n in range(200001, 200016)]},  # the pool runs dry
        {"in_flight": 1},
        {"diversity": {"per_scaffold": 1}},
        {"filters": {"first": "7"}, "start_size": 1},
    ],
)
def test_every_campaign_comes_to_an_end(tmp_path, settings):
    settings = {"strategy": "genetic", "budget": 20} | settings
    answers, _, _ = finish(tmp_path / "run", simulated(), **settings)
    assert len(answers) == (15 if "start" in settings else settings["budget"])
    assert len({answer.identity for answer in answers}) == len(answers)


def test_failed_answers_are_answers(tmp_path):
    def moody(text):
        if random.Random(text).random() < 0.4:
            raise ValueError("no")
        return total(text)

    scorer = SimulatedScorer(CallableScorer(moody), 5, heavy_tailed)
    answers, _, _ = finish(tmp_path / "run", scorer, strategy="genetic", budget=25)
    failed = [answer for answer in answers if answer.status == "failed"]
    assert len(answers) == 25 and failed and failed[0].error == "ValueError: no"


def test_what_comes_beside_an_error_of_the_oracle_is_kept(tmp_path):
    class Breaks(InOrder):
        def done(self, futures, block):
            if self.left == 5:
                self.left -= 1
                for future, text in list(self.waiting.items())[:3]:
                    future.set_result(Answer(total(text)))
                next(iter(reversed(self.waiting))).set_exception(OracleError("the scheduler is gone"))
            return super().done(futures, block and not any(future.done() for future in futures))

    with Campaign(
        DigitModel(), oracle=Breaks([], 12), folder=tmp_path / "run", strategy="genetic", **SMALL
    ) as campaign:
        with pytest.raises(OracleError, match="scheduler is gone"):
            campaign.run()
        assert campaign.oracle.calls == 7 + 3


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_any_executor_will_do(tmp_path, kind):
    with (
        kind(2) as executor,
        Campaign(
            DigitModel(), oracle=total, folder=tmp_path / "run", strategy="genetic", executor=executor, **SMALL
        ) as campaign,
    ):
        table = campaign.run()
    assert len(table) == 24 and (table["score"] == table["digits"].map(total)).all()


def test_an_executor_that_breaks_ends_the_campaign_with_its_reason(tmp_path):
    class Broken(ThreadPoolExecutor):
        def submit(self, *arguments):
            if self._work_queue.qsize() + len(self._threads) > 3:
                raise BrokenProcessPool("a child process terminated abruptly")
            return super().submit(*arguments)

    with (
        Broken(4) as executor,
        pytest.raises(OracleError, match="terminated abruptly"),
        Campaign(
            DigitModel(), oracle=total, folder=tmp_path / "run", strategy="genetic", executor=executor, **SMALL
        ) as campaign,
    ):
        campaign.run()


def test_settings_that_contradict_each_other():
    with pytest.raises(ConfigError, match="refill is 6, more than the 5 calls"):
        Campaign(DigitModel(), oracle=total, **SMALL, refill=6)
    with pytest.raises(ConfigError, match="refill is for a search with in_flight"):
        Campaign(DigitModel(), oracle=total, refill=2)


def test_a_laboratory_works_in_steps(tmp_path):
    with Campaign(DigitModel(), oracle=total, folder=tmp_path / "run", **SMALL) as campaign:
        with pytest.raises(ConfigError, match="leave it out, or run"):
            campaign.ask()
        with pytest.raises(ConfigError, match="in_flight"):
            campaign.tell(pd.DataFrame({"digits": ["111111"], "score": [1.0]}))
        assert campaign.pending == [item.identity for item in campaign.start.items]


# --- keeping away from what is pending ------------------------------------------------------------


def test_what_is_pending_counts_as_chosen():
    """A batch of two is the same as one, and another while the first is pending."""
    generator = np.random.default_rng(0)
    root = generator.normal(size=(6, 6))
    posterior = Posterior(torch.from_numpy(generator.normal(size=6)), torch.from_numpy(root @ root.T))
    (first, _), second = choose_batch(posterior, 0.5, 2, lambda row: True)
    assert choose_batch(posterior, 0.5, 1, lambda row: True, pending=[first]) == [second]


@pytest.mark.parametrize("strategy", ["latent", "tanimoto", "evolved", "hybrid"])
def test_strategies_propose_something_else_than_what_is_like_the_pending(tmp_path, strategy):
    """With and without a word about what is pending, from the same state: the acquisition of the best goes down."""
    with Campaign(
        DigitModel(), oracle=InOrder([]), folder=tmp_path / "run", strategy=strategy, **SMALL | {"in_flight": None}
    ) as campaign:
        items = campaign.start.items
        campaign.strategy.begin(items, np.array([total(item.identity) for item in items]))
        state = campaign.strategy.state()
        free = campaign.strategy.propose(1, 1, lambda item: True)[0]
        campaign.strategy.load_state(state)
        campaign.strategy.keep_away([Pending(free.candidates[0].item, free.z)])
        beside = campaign.strategy.propose(1, 1, lambda item: item != free.candidates[0].item)[0]
        assert beside.candidates[0].item != free.candidates[0].item
        assert beside.acquisition < free.acquisition


def test_an_answer_that_comes_twice_is_paid_once(tmp_path):
    with Campaign(DigitModel(), oracle=total, folder=tmp_path / "run", **SMALL) as campaign:
        item = campaign.start.items[0]
        first = campaign.oracle.take(item, Answer(1.0), "start", 0)
        assert campaign.oracle.take(item, Answer(2.0), "start", 0) == first
        assert campaign.oracle.calls == 1 and campaign.store.answers() == [first]
