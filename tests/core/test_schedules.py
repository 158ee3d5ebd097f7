"""Schedules are functions of the step."""

import pytest

from molvae.core.schedules import KLSchedule, cyclical, piecewise_linear, warmup_cosine


def test_piecewise_linear_waits_rises_and_stays():
    knots = [(10, 0.0), (20, 2.0), (30, 1.0)]
    assert [piecewise_linear(step, knots) for step in (0, 10, 15, 20, 25, 99)] == [0.0, 0.0, 1.0, 2.0, 1.5, 1.0]
    assert piecewise_linear(7, [(0, 0.5)]) == 0.5


def test_cyclical_returns_to_zero_in_each_period():
    assert [cyclical(step, 1.0, period=10) for step in (0, 5, 9, 10, 12)] == [0.0, 1.0, 1.0, 0.0, 0.4]


def test_learning_rate_rises_then_falls_to_its_floor():
    rates = [warmup_cosine(step, 1.0, warmup=10, total=110, floor=0.1) for step in range(111)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == pytest.approx(1.0)
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[110] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("kind", "values"), [("constant", [2.0, 2.0, 2.0]), ("linear", [0.0, 1.0, 2.0]), ("cyclical", [0.0, 2.0, 0.0])]
)
def test_kl_schedules_by_name(kind, values):
    schedule = KLSchedule(kind=kind, weight=2.0, steps=10)
    assert [schedule.at(step) for step in (0, 5, 10)] == values
