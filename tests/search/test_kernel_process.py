"""The Gaussian process over similarities: against textbook formulas, and a batch that is not ten twins."""

import numpy as np
import pytest

from molvae.search.kernel_process import KernelProcess, choose_batch, expected_improvement


def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * ((a[:, None] - b[None]) / 0.7) ** 2)


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray]:
    x = np.linspace(-3, 3, 25)
    return x, 5 + 2 * np.sin(2 * x) + 0.05 * np.random.default_rng(0).normal(size=25)


def test_the_posterior_is_that_of_the_textbook(data):
    """Rasmussen & Williams 2006, eq. 2.23 and 2.24, for the amplitude and noise that were fitted."""
    x, y = data
    process = KernelProcess(kernel(x, x), y)
    new = np.array([-1.3, 0.2, 9.0])
    mean, covariance = process.posterior(kernel(new, x), kernel(new, new))
    signal = process.scale**2 * process.amplitude
    gram = signal * (kernel(x, x) + process.noise * np.eye(25))
    cross = signal * kernel(new, x)
    np.testing.assert_allclose(mean, y.mean() + cross @ np.linalg.solve(gram, y - y.mean()), rtol=1e-6)
    np.testing.assert_allclose(
        covariance, signal * kernel(new, new) - cross @ np.linalg.solve(gram, cross.T), atol=1e-6 * signal
    )
    assert mean[2] == pytest.approx(y.mean(), abs=1e-3)  # far from all data: the prior


def test_noise_is_found_where_there_is_noise(data):
    x, y = data
    noisy = y + np.random.default_rng(1).normal(size=len(y))
    assert KernelProcess(kernel(x, x), noisy).noise > KernelProcess(kernel(x, x), y).noise


def test_values_that_are_all_the_same_do_no_harm():
    x = np.arange(4.0)
    mean, covariance = KernelProcess(kernel(x, x), np.full(4, 3.0)).posterior(kernel(x, x), kernel(x, x))
    np.testing.assert_allclose(mean, 3.0)
    assert np.isfinite(covariance).all()


def test_expected_improvement_against_samples():
    draws = np.random.default_rng(0).normal(1.0, 0.5, 400_000)
    exact = expected_improvement(np.array([1.0]), np.array([0.5]), 1.2)[0]
    assert exact == pytest.approx(np.maximum(draws - 1.2, 0).mean(), rel=0.02)
    assert expected_improvement(np.array([2.0, 0.5]), np.array([0.0, 0.0]), 1.0) == pytest.approx([1.0, 0.0])


def test_a_batch_has_no_twins_and_passes_over_what_is_refused():
    mean = np.array([1.0, 1.0, 0.9, 0.0])
    covariance = np.eye(4)
    covariance[0, 1] = covariance[1, 0] = 0.999  # the first two are nearly the same thing
    chosen = [place for place, _ in choose_batch(mean, covariance, 1.0, 2, lambda place: True)]
    assert chosen == [0, 2]
    assert [place for place, _ in choose_batch(mean, covariance, 1.0, 4, lambda place: place != 0)] == [1, 2, 3]
    gains = [gain for _, gain in choose_batch(mean, covariance, 1.0, 4, lambda place: True)]
    assert gains == sorted(gains, reverse=True)
