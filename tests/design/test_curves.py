"""Curves of a campaign: the published area, and what failed answers and early ends do to it."""

import numpy as np
import pytest

from molvae.design.curves import area_under_curve, best_so_far, mean_of_best


def pmo(scores: list[float], budget: int, every: int = 100) -> float:
    """The area as the code of the PMO benchmark computes it (Gao et al. 2022, ``top_auc`` with ``finish=True``)."""
    total, previous, called = 0.0, 0.0, 0
    for calls in range(every, min(len(scores), budget), every):
        now = np.mean(sorted(scores[:calls], reverse=True)[:10])
        total, previous, called = total + every * (now + previous) / 2, now, calls
    now = np.mean(sorted(scores, reverse=True)[:10])
    total += (len(scores) - called) * (now + previous) / 2 + (budget - len(scores)) * now
    return float(total / budget)


@pytest.mark.parametrize(("calls", "budget"), [(5, 5), (40, 90), (90, 90), (100, 100), (250, 1000), (1000, 1000)])
def test_the_area_is_that_of_the_benchmark(calls, budget):
    scores = np.random.default_rng(calls).random(calls)
    assert area_under_curve(scores, budget) == pytest.approx(pmo(scores.tolist(), budget))


def test_a_constant_curve_loses_only_its_first_triangle():
    assert area_under_curve(np.ones(1000), 1000) == pytest.approx(1 - 100 / 2 / 1000)
    assert area_under_curve(np.ones(50), 50) == 0.5


def test_calls_beyond_the_budget_do_not_count():
    assert area_under_curve(np.array([1.0] * 50 + [9.0] * 50), 50) == 0.5


def test_failed_answers_are_calls_but_never_among_the_best():
    utility = np.array([np.nan, -5.0, np.nan, -3.0])
    np.testing.assert_array_equal(best_so_far(utility), [np.nan, -5.0, -5.0, -3.0])
    np.testing.assert_array_equal(mean_of_best(utility), [np.nan, -5.0, -5.0, -4.0])
    assert area_under_curve(utility, 4) == -2.0
    assert np.isnan(area_under_curve(np.full(3, np.nan), 10)) and np.isnan(area_under_curve(np.array([]), 10))


def test_the_mean_is_of_the_ten_best():
    utility = np.random.default_rng(0).normal(size=200)
    expected = [np.sort(utility[:n])[-10:].mean() for n in range(1, 201)]
    np.testing.assert_allclose(mean_of_best(utility), expected)
