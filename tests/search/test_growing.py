"""The Gaussian process that grows: after every observation it is the one that would have been computed at once."""

import numpy as np
import pytest
import torch
from botorch.models import SingleTaskGP
from gpytorch.kernels import RBFKernel
from gpytorch.means import ZeroMean

from molvae.search.growing import GrowingProcess

WIDTH = 0.7


def similarity(a, b) -> np.ndarray:
    return np.exp(-0.5 * ((np.array(a)[:, None] - np.array(b)[None]) / WIDTH) ** 2)


@pytest.fixture
def observed() -> list[tuple[float, float]]:
    rng = np.random.default_rng(0)
    return [(float(x), float(np.sin(2 * x))) for x in rng.uniform(-3, 3, size=40)]


def test_the_posterior_is_that_of_botorch(observed):
    """With the same kernel, noise and mean, none of them fitted."""
    library, new = [-1.0, 0.5, 9.0], [0.1, 2.2]
    process = GrowingProcess(similarity, library, noise=1e-2)
    for x, y in observed:
        process.tell(x, y)
    kernel = RBFKernel()
    kernel.lengthscale = WIDTH
    x, y = (torch.tensor(column, dtype=torch.double)[:, None] for column in zip(*observed, strict=True))
    exact = SingleTaskGP(
        x, y, torch.full_like(y, 1e-2), covar_module=kernel, mean_module=ZeroMean(), outcome_transform=None
    ).eval()
    for things, (mean, std) in ((library, process.posterior_of_library()), (new, process.posterior(new))):
        expected = exact.posterior(torch.tensor(things, dtype=torch.double)[:, None])
        np.testing.assert_allclose(mean, expected.mean[:, 0].detach(), atol=1e-6)
        np.testing.assert_allclose(std**2, expected.variance[:, 0].detach(), atol=1e-6)
    joint = exact.posterior(torch.tensor(new, dtype=torch.double)[:, None]).mvn.covariance_matrix
    np.testing.assert_allclose(process.covariance(new), joint.detach(), atol=1e-6)


def test_one_more_row_is_what_solving_anew_would_give(observed):
    process = GrowingProcess(similarity, [0.0, 1.0])
    for number, (x, y) in enumerate(observed, 1):
        process.tell(x, y)
        xs, ys = (np.array(column) for column in zip(*observed[:number], strict=True))
        gram, cross = similarity(xs, xs) + 1e-4 * np.eye(number), similarity([0.0, 1.0], xs)
        np.testing.assert_allclose(process.posterior_of_library()[0], cross @ np.linalg.solve(gram, ys), atol=1e-6)


def test_without_observations_it_is_the_prior():
    process = GrowingProcess(similarity, [0.0, 1.0])
    for mean, std in (process.posterior_of_library(), process.posterior([3.0, 4.0])):
        assert mean.tolist() == [0, 0] and std.tolist() == [1, 1]
    np.testing.assert_array_equal(process.covariance([0.0, 9.0]), similarity([0.0, 9.0], [0.0, 9.0]))


def test_the_same_thing_twice_is_the_mean_of_both():
    process = GrowingProcess(similarity)
    for y in (0.2, 0.4, 0.4, 0.2):
        process.tell(1.0, y)
    mean, std = process.posterior([1.0])
    assert mean[0] == pytest.approx(0.3, abs=1e-4) and std[0] == pytest.approx(np.sqrt(1e-4 / 4), rel=1e-3)
