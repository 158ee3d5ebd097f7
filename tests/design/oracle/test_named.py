"""Oracles that come with the package, by name."""

import pytest

from molvae.design.objective import Objective
from molvae.design.oracle.named import ORACLES, check_names, named_oracle
from molvae.errors import ConfigError

from ..digits import DigitDomain


class Sum:
    """The sum of the digits, with a fuller one that knows fractions."""

    names, facts = ("total",), {"base": 10}

    def __init__(self, base, settings):
        self.base, self.settings = base, settings

    @classmethod
    def create(cls, argument, settings):
        return cls(int(argument), settings)


@pytest.fixture(autouse=True)
def sums(monkeypatch):
    for attribute in ("_targets", "descriptions"):
        monkeypatch.setattr(ORACLES, attribute, dict(getattr(ORACLES, attribute)))
    ORACLES.add("sum", Sum, "sum of the digits")


def test_an_oracle_is_made_of_its_argument_and_the_settings():
    oracle = named_oracle("sum: 10 ", {"carry": True})
    assert (oracle.base, oracle.settings) == (10, {"carry": True})


@pytest.mark.parametrize("text", ["", "laboratory", "my_module:function", "command: sum:10", "sum"])
def test_other_oracles_are_not_meant(text):
    assert named_oracle(text, None) is None
    with pytest.raises(ConfigError, match=r"oracle_settings are for dock:\.\.\., sum:\.\.\., not for"):
        named_oracle(text, {"carry": True})


def test_a_name_in_the_objective_that_nobody_knows_is_refused():
    oracle = named_oracle("sum:10", None)
    for formula in ("total + ones", "score", "2*total"):
        check_names(oracle, Objective.parse(formula, domain=DigitDomain(), other_names=True))
    check_names(oracle, None)
    with pytest.raises(ConfigError, match=r"'totl' is neither .* \(score, total\); did you mean 'total'"):
        check_names(oracle, Objective.parse("totl", domain=DigitDomain(), other_names=True))
