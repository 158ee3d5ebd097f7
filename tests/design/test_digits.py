"""A campaign knows no molecules: another domain, made in a few lines, runs whole, is killed, resumed and reported."""

import numpy as np
import pandas as pd
import pytest

from molvae.design.campaign import Campaign
from molvae.design.objective import Objective
from molvae.design.outputs import write_outputs
from molvae.errors import CheckpointError, ConfigError, RunFolderError
from molvae.report import build
from molvae.run.progress import silent

from .digits import DigitDomain, DigitModel

SMALL = {"budget": 60, "start_size": 20, "batch": 8, "num_workers": 0, "seed": 1, "progress": silent}


class Meter:
    """An oracle that is asked so often before the process ends: 3 times the sum less 2 for each step between digits."""

    def __init__(self, lasts: int = 1000) -> None:
        self.lasts, self.asked = lasts, []

    def __call__(self, text: str) -> float:
        if len(self.asked) == self.lasts:
            raise KeyboardInterrupt
        self.asked.append(text)
        digits = np.array([int(digit) for digit in text])
        return float(3 * digits.sum() - 2 * np.abs(np.diff(digits)).sum())


def answers(campaign: Campaign) -> pd.DataFrame:
    return campaign.store.evaluations()[["call", "digits", "score", "origin", "step"]]


@pytest.mark.parametrize("strategy", ["latent", "genetic", "random", "gpbo", "evolved", "hybrid"])
def test_a_campaign_killed_in_the_middle_of_steps_ends_as_if_it_had_not_been(tmp_path, strategy):
    with Campaign(DigitModel(), oracle=Meter(), folder=tmp_path / "whole", strategy=strategy, **SMALL) as whole:
        whole.run()
        expected = answers(whole)
    meters = [Meter(lasts) for lasts in (7, 18, 1, 12, 1000)]  # in the start, between steps, within steps
    for meter in meters[:-1]:
        campaign = Campaign(DigitModel(), oracle=meter, folder=tmp_path / "killed", strategy=strategy, **SMALL)
        with campaign, pytest.raises(KeyboardInterrupt):
            campaign.run()
    with Campaign.resume(tmp_path / "killed", DigitModel(), oracle=meters[-1], progress=silent) as campaign:
        campaign.run()
        pd.testing.assert_frame_equal(answers(campaign), expected)
    paid = [text for meter in meters for text in meter.asked]
    assert sorted(paid) == sorted(expected["digits"])  # every answer once


def plates(folder, strategy, anew: bool) -> list[list[str]]:
    """What a laboratory is asked to measure, four plates of the start and three of the search, told in halves.

    ``anew``: by a process for each half.
    """
    meter, asked = Meter(), []

    def opened():
        return Campaign(DigitModel(), oracle="laboratory", folder=folder, strategy=strategy, **SMALL)

    campaign = opened()
    for _ in range(7):
        plate = campaign.ask(5)["digits"].tolist()
        asked.append(plate)
        for half in (plate[:3], plate[3:]):
            if anew:
                campaign.close()
                campaign = opened()
            campaign.tell(pd.DataFrame({"digits": half, "score": [meter(text) for text in half]}))
    campaign.close()
    return asked


@pytest.mark.parametrize("strategy", ["latent", "genetic", "evolved"])
def test_a_laboratory_gets_the_same_plates_from_one_process_and_from_many(tmp_path, strategy):
    assert plates(tmp_path / "many", strategy, anew=True) == plates(tmp_path / "one", strategy, anew=False)


@pytest.mark.parametrize("strategy", ["latent", "genetic"])
def test_the_search_finds_better_digits_than_chance(tmp_path, strategy):
    best = {}
    for name in (strategy, "random"):
        with Campaign(DigitModel(), oracle=Meter(), folder=tmp_path / name, strategy=name, **SMALL) as campaign:
            campaign.run()
            best[name] = campaign.best.score
    assert best[strategy] > best["random"]


def test_the_report_draws_through_the_domain_and_does_without_it(tmp_path):
    settings = SMALL | {"objective": "two_ones", "filters": {"forbid": "7"}, "require_novel": True}
    with Campaign(DigitModel(), folder=tmp_path / "run", **settings) as campaign:
        with campaign.baseline("screening") as other:
            other.run()
        campaign.run()
        table = write_outputs(campaign)
    assert table.columns.tolist()[:6] == ["call", "id", "digits", "score", "ones", "sum"]
    assert not table["digits"].str.contains("7").any() and "444444" not in set(table["digits"])
    assert (tmp_path / "run" / "start.txt").read_text().count("\n") == 20
    written = pd.read_csv(tmp_path / "run" / "digits.csv", dtype={"digits": str})
    assert written["digits"].tolist() == table["digits"].tolist()
    drawn = build(tmp_path / "run", DigitDomain()).read_text()
    assert "Best digits" in drawn and "<rect width='" in drawn and f">{table['digits'][0]}<" in drawn
    assert all(f">{text}<" in drawn for text in table["digits"][:24])  # also those that begin with a zero
    plain = build(tmp_path / "run").read_text()  # the name of this domain is not known to anyone
    assert "Best candidates" in plain and "<rect width='" not in plain and f">{table['digits'][0]}<" in plain


def test_ask_and_tell_speak_of_digits(tmp_path):
    with Campaign(DigitModel(), start=["123 456", "222222"], folder=tmp_path / "run", **SMALL) as campaign:
        asked = campaign.ask()
        assert sorted(asked["digits"]) == ["123456", "222222"] and list(asked)[-1] == "score"
        told = campaign.tell(pd.DataFrame({"digits": ["1234 56", "222222", "9", "333333"], "score": [1, 2, 3, 4]}))
        assert told["status"].tolist() == ["ok", "ok", "refused", "ok"]
        assert told["asked"].tolist() == [True, True, False, False]
        assert told["error"][2] == "not six digits"
        assert len(campaign.ask(3)) == 3


def test_names_are_those_of_the_domain():
    assert str(Objective.parse("two_ones", domain=DigitDomain())) == "sum - 3 * abs(ones - 2)"
    with pytest.raises(ConfigError, match="unknown property 'QED'; known: sum, ones"):
        Objective.parse("QED", domain=DigitDomain())


def test_a_model_that_is_not_found_by_its_name_must_be_given(tmp_path):
    with Campaign(DigitModel(), folder=tmp_path / "run", **SMALL) as campaign:
        campaign.advance()
    with pytest.raises(CheckpointError, match="no model 'rounding'"):
        Campaign.resume(tmp_path / "run")
    (tmp_path / "run" / "start.txt").write_text("12\n")
    with pytest.raises(RunFolderError, match="damaged"):
        Campaign.resume(tmp_path / "run", DigitModel())
