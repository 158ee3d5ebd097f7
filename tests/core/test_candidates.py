"""What is predicted of a point, against what is observed."""

import math

import numpy as np
import pytest

from molvae.core.candidates import coverage


def test_coverage_of_a_calibrated_prediction():
    random = np.random.default_rng(0)
    mean, std = random.normal(size=20_000), np.full(20_000, 0.7)
    observed = mean + std * random.normal(size=20_000)
    assert coverage(mean, std, observed, 0.9) == pytest.approx(0.9, abs=0.01)


def test_what_is_not_known_does_not_count():
    unknown = np.array([0.0, np.nan])
    assert coverage(np.zeros(2), np.ones(2), unknown, 0.5) == 1
    assert math.isnan(coverage(np.zeros(2), np.ones(2), np.full(2, np.nan), 0.5))
