"""The process over similarities and coordinates: textbook formulas, and hyperparameters that were put in come out."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from molvae.search.mixed import FAR, ConditionedProcess, Hyperparameters, fit_hyperparameters, squared_distances


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(60, 3))


def drawn(points: np.ndarray, h: Hyperparameters, seed: int = 0) -> np.ndarray:
    """Observations of a function drawn from the process."""
    known = h.covariance(None, squared_distances(points, points, same=True))
    noisy = known + h.noise * np.eye(len(points))
    return np.random.default_rng(seed).multivariate_normal(np.full(len(points), h.mean), noisy)


def test_distances_to_what_has_no_place_are_infinite_but_to_itself():
    points = np.array([[0.0, 0.0], [3.0, 4.0], [np.nan, np.nan]])
    np.testing.assert_allclose(
        squared_distances(points, points, same=True), [[0, 25, FAR], [25, 0, FAR], [FAR, FAR, 0]]
    )
    assert squared_distances(points, points)[2, 2] == FAR  # two unknown places need not be the same


def test_covariance_is_the_formula():
    h = Hyperparameters(0.0, 2.0, 0.1, share=0.25, lengthscale=2.0)
    similarity, distance = np.array([[1.0, 0.5]]), np.array([[0.0, 4.0]])
    np.testing.assert_allclose(
        h.covariance(similarity, distance), 2 * (0.25 * similarity + 0.75 * np.exp(-distance / 8))
    )
    np.testing.assert_allclose(Hyperparameters(0.0, 2.0, 0.1).covariance(similarity, None), 2 * similarity)


def test_the_mean_of_replicates_says_what_they_say_one_by_one(points):
    h = Hyperparameters(1.0, 2.0, 0.3, share=0.0, lengthscale=1.5)
    once, twice = points[:10], np.repeat(points[:10], 2, axis=0)
    y = np.random.default_rng(1).normal(size=20)
    new = h.covariance(None, squared_distances(points[10:], once))
    merged = ConditionedProcess(
        h.covariance(None, squared_distances(once, once)), y.reshape(10, 2).mean(1), h, np.full(10, 2)
    ).predict(new)
    apart = ConditionedProcess(h.covariance(None, squared_distances(twice, twice)), y, h).predict(
        h.covariance(None, squared_distances(points[10:], twice))
    )
    np.testing.assert_allclose(merged, apart, atol=1e-6)


def test_leaving_out_in_closed_form_is_leaving_out(points):
    h = Hyperparameters(0.5, 1.0, 0.2, share=0.0, lengthscale=1.5)
    y, groups = drawn(points, h), [np.array([0, 1, 2]), *[np.array([row]) for row in range(3, 60)]]
    known = h.covariance(None, squared_distances(points, points, same=True))
    total = 0.0
    for out in groups:
        rest = np.setdiff1d(np.arange(60), out)
        inner = np.linalg.inv(known[np.ix_(rest, rest)] + h.noise * np.eye(len(rest)))
        cross = known[np.ix_(out, rest)]
        mean = h.mean + cross @ inner @ (y[rest] - h.mean)
        covariance = known[np.ix_(out, out)] + h.noise * np.eye(len(out)) - cross @ inner @ cross.T
        total += multivariate_normal(mean, covariance).logpdf(y[out])
    assert ConditionedProcess(known, y, h).left_out_log_density(groups) == pytest.approx(total / 60, abs=1e-6)


def test_noise_and_lengthscale_that_were_put_in_come_out(points):
    rng = np.random.default_rng(0)
    many = rng.normal(size=(300, 3))
    y = drawn(many, Hyperparameters(5.0, 4.0, 0.25, share=0.0, lengthscale=2.0))
    found = fit_hyperparameters(y, None, squared_distances(many, many, same=True), dimension=3)
    assert found.noise == pytest.approx(0.25, rel=0.25)
    assert found.lengthscale == pytest.approx(2.0, rel=0.3)
    assert found.share == 0.0


def test_the_share_of_the_sum_goes_to_what_explains_the_data(points):
    rng = np.random.default_rng(0)
    many, labels = rng.normal(size=(200, 3)), rng.integers(0, 8, 200)
    same = (labels[:, None] == labels).astype(float) * (1 - 1e-6) + 1e-6  # a kernel: equal labels
    effect = rng.normal(size=8)
    distance = squared_distances(many, many, same=True)
    by_label = fit_hyperparameters(effect[labels] + 0.1 * rng.normal(size=200), same, distance, dimension=3)
    smooth = Hyperparameters(0.0, 1.0, 0.01, share=0.0, lengthscale=2.0)
    by_place = fit_hyperparameters(drawn(many, smooth), same, distance, dimension=3)
    assert by_label.share > 0.9 and by_place.share < 0.2
