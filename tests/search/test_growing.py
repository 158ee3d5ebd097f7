"""The Gaussian process that grows: after every observation it is the one that would have been computed at once."""

import numpy as np
import pytest
import torch
from botorch.models import SingleTaskGP
from gpytorch.means import ZeroMean

from molvae.search.growing import GrowingProcess, SetIndex
from molvae.search.similarity import SimilarityKernel


def sets(number: int, seed: int) -> list[np.ndarray]:
    """Random sets of up to 30 of 60 features."""
    rng = np.random.default_rng(seed)
    return [rng.choice(60, rng.integers(5, 30), replace=False) for _ in range(number)]


def similarity(a, b) -> np.ndarray:
    return np.array([[len({*x} & {*y}) / len({*x} | {*y}) for y in b] for x in a])


@pytest.fixture
def observed() -> list[tuple[np.ndarray, float]]:
    return list(zip(sets(40, 0), np.random.default_rng(1).uniform(size=40).tolist(), strict=True))


def grown(observed, library=(), **settings) -> GrowingProcess:
    process = GrowingProcess(library, **settings)
    for features, y in observed:
        process.tell(features, y)
    return process


def test_similarities_are_jaccard_indices_whenever_a_set_comes():
    known, others = sets(30, 2), [*sets(10, 3), np.array([7]), np.array([10_000]), np.empty(0, dtype=int)]
    index = SetIndex()
    for number, features in enumerate(known, 1):
        index.add(features)
        np.testing.assert_allclose(index.similarity(others), similarity(others, known[:number]), atol=1e-12)
    assert np.diag(index.similarity(known)).tolist() == [1.0] * len(known)


def test_counts_as_sets_give_the_minmax_kernel():
    """k occurrences of a feature are k elements."""
    rng = np.random.default_rng(4)
    counts = rng.integers(0, 4, (2, 20))
    a, b = (np.array([bin * 8 + level for bin, k in enumerate(row) for level in range(k)]) for row in counts)
    index = SetIndex()
    index.add(a)
    expected = counts.min(0).sum() / counts.max(0).sum()
    assert index.similarity([b])[0, 0] == pytest.approx(expected)


def test_the_posterior_is_that_of_botorch(observed):
    """With the same kernel, noise and mean, none of them fitted."""
    new = sets(5, 5)
    process = grown(observed, noise=1e-2)
    everything = [features for features, _ in observed] + new
    kernel = SimilarityKernel(torch.from_numpy(similarity(everything, everything)))
    rows = torch.arange(len(everything), dtype=torch.double)[:, None]
    y = torch.tensor([[value] for _, value in observed], dtype=torch.double)
    exact = SingleTaskGP(
        rows[:40], y, torch.full_like(y, 1e-2), covar_module=kernel, mean_module=ZeroMean(), outcome_transform=None
    ).eval()
    expected = exact.posterior(rows[40:]).mvn
    mean, std = process.posterior(new)
    np.testing.assert_allclose(mean, expected.mean.detach(), atol=1e-6)
    np.testing.assert_allclose(std**2, expected.variance.detach(), atol=1e-6)
    np.testing.assert_allclose(process.covariance(new), expected.covariance_matrix.detach(), atol=1e-6)


def test_the_library_has_the_same_mean_and_never_more_variance_than_said(observed):
    library = [*sets(50, 6), observed[3][0]]
    process = GrowingProcess(library)
    for features, y in observed:
        process.tell(features, y)
        mean, bound = process.mean_of_library()
        exact, std = process.posterior(library)
        np.testing.assert_allclose(mean, exact, atol=1e-3)  # in single precision
        assert (bound >= std - 1e-6).all() and bound[-1] <= 1


def test_when_it_is_full_the_best_and_the_latest_stay(observed):
    library = sets(5, 7)
    process = grown(observed, library, max_points=20)
    assert len(process) <= 20
    kept = {tuple(features): y for features, y in zip(process.features, process.y, strict=True)}
    assert {tuple(features) for features, _ in observed[-5:]} <= set(kept)
    assert {tuple(f) for f, _ in sorted(observed[:20], key=lambda row: -row[1])[:5]} <= set(kept)
    pairs = list(zip(process.features, process.y, strict=True))
    anew = grown(pairs, library)  # the same as if it had never seen the others
    for one, other in zip(process.posterior(library), anew.posterior(library), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)
    np.testing.assert_allclose(process.mean_of_library()[0], anew.mean_of_library()[0], atol=1e-5)


def test_without_observations_it_is_the_prior():
    process, (one, other) = GrowingProcess(sets(2, 8)), sets(2, 9)
    for mean, std in (process.mean_of_library(), process.posterior([one, other])):
        assert mean.tolist() == [0, 0] and std.tolist() == [1, 1]
    np.testing.assert_array_equal(process.covariance([one, other]), similarity([one, other], [one, other]))


def test_the_same_thing_twice_is_the_mean_of_both():
    process, thing = GrowingProcess(), np.array([3, 1, 4])
    for y in (0.2, 0.4, 0.4, 0.2):
        process.tell(thing, y)
    mean, std = process.posterior([thing])
    assert mean[0] == pytest.approx(0.3, abs=1e-4) and std[0] == pytest.approx(np.sqrt(1e-4 / 4), rel=1e-3)


def test_a_scaled_process_follows_the_units_of_the_scores(observed):
    """c and s of the largest likelihood, computed the plain way; other units give the same process in them."""
    new = sets(5, 10)
    process = grown(observed, new, scaled=True)
    features, y = [f for f, _ in observed], np.array([y for _, y in observed])
    inverse = np.linalg.inv(similarity(features, features) + 1e-4 * np.eye(len(y)))
    centre = inverse.sum(0) @ y / inverse.sum()
    scale = np.sqrt((y - centre) @ inverse @ (y - centre) / len(y))
    np.testing.assert_allclose(process.scale(), (centre, scale), rtol=1e-6)
    cross = similarity(new, features)
    mean, std = process.posterior(new)
    np.testing.assert_allclose(mean, centre + cross @ inverse @ (y - centre), atol=1e-6)
    np.testing.assert_allclose(process.mean_of_library()[0], mean, atol=1e-3)
    other = grown([(features, 50 * y - 7) for features, y in observed], scaled=True)
    np.testing.assert_allclose(other.posterior(new)[0], 50 * mean - 7, rtol=1e-6)
    np.testing.assert_allclose(other.posterior(new)[1], 50 * std, rtol=1e-6)
    np.testing.assert_allclose(other.covariance(new), 2500 * process.covariance(new), rtol=1e-4, atol=1e-6)
