"""The Gaussian process over similarities: against textbook formulas and botorch, and a batch that is not ten twins."""

import numpy as np
import pytest
import torch
from botorch.acquisition import LogExpectedImprovement

from molvae.search.similarity import SimilarityKernel, SimilaritySurrogate, choose_batch, expected_improvement
from molvae.search.surrogate import Posterior


def similarity(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.exp(-0.5 * ((a[:, None] - b[None]) / 0.7) ** 2)


@pytest.fixture
def data() -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.linspace(-3, 3, 25, dtype=torch.double)
    return x, 5 + 2 * torch.sin(2 * x) + 0.05 * torch.from_numpy(np.random.default_rng(0).normal(size=25))


def fitted(x: torch.Tensor, y: torch.Tensor) -> SimilaritySurrogate:
    surrogate = SimilaritySurrogate()
    surrogate.fit(similarity(x, x), y)
    return surrogate


def test_the_kernel_is_the_matrix():
    matrix = torch.tensor([[1.0, 0.2, 0.3], [0.2, 1.0, 0.4], [0.3, 0.4, 1.0]], dtype=torch.double)
    kernel = SimilarityKernel(matrix)
    rows = torch.tensor([[2.0], [0.0]], dtype=torch.double)
    assert torch.equal(kernel(rows).to_dense(), matrix[[2, 0]][:, [2, 0]])
    assert torch.equal(kernel(rows, diag=True), torch.ones(2, dtype=torch.double))


def test_the_posterior_is_that_of_the_textbook(data):
    """Rasmussen & Williams 2006, eq. 2.23 and 2.24, for the amplitude, noise and mean that were fitted."""
    x, y = data
    surrogate = fitted(x, y)
    new = torch.tensor([-1.3, 0.2, 9.0], dtype=torch.double)
    posterior = surrogate.predict_among(similarity(new, x), similarity(new, new))
    signal = surrogate.scale**2 * float(surrogate.model.covar_module.outputscale.detach())
    mean = y.mean() + surrogate.scale * float(surrogate.model.mean_module.constant.detach())
    gram = signal * similarity(x, x) + surrogate.noise * torch.eye(25, dtype=torch.double)
    cross = signal * similarity(new, x)
    torch.testing.assert_close(posterior.mean, mean + cross @ torch.linalg.solve(gram, y - mean))
    covariance = signal * similarity(new, new) - cross @ torch.linalg.solve(gram, cross.t())
    torch.testing.assert_close(posterior.covariance, covariance, rtol=1e-5, atol=1e-5 * signal)
    assert posterior.mean[2] == pytest.approx(float(mean), abs=1e-3)  # far from all data: the prior


def test_noise_is_found_where_there_is_noise(data):
    x, y = data
    noisy = y + torch.from_numpy(np.random.default_rng(1).normal(size=len(y)))
    assert fitted(x, noisy).noise > fitted(x, y).noise


@pytest.mark.parametrize("number", [1, 2, 4])
def test_values_that_are_few_or_all_the_same_do_no_harm(number):
    x = torch.arange(float(number), dtype=torch.double)
    posterior = fitted(x, torch.full((number,), 3.0, dtype=torch.double)).predict_among(
        similarity(x, x), similarity(x, x)
    )
    torch.testing.assert_close(posterior.mean, torch.full_like(x, 3.0))
    assert torch.isfinite(posterior.covariance).all()


def test_hyperparameters_move_on_from_where_they_were(data):
    x, y = data
    first = fitted(x, y)
    second = SimilaritySurrogate()
    second.hyperparameters = first.hyperparameters
    second.fit(similarity(x, x), y, optimise=False)
    assert second.hyperparameters == first.hyperparameters
    new = torch.tensor([0.3], dtype=torch.double)
    a, b = (s.predict_among(similarity(new, x), similarity(new, new)) for s in (first, second))
    assert torch.equal(a.mean, b.mean) and torch.equal(a.covariance, b.covariance)


def test_expected_improvement_is_that_of_botorch(data):
    x, y = data
    surrogate = fitted(x, y)
    new = torch.tensor([-1.3, 0.2, 9.0], dtype=torch.double)
    posterior = surrogate.predict_among(similarity(new, x), similarity(new, new))
    best = float(y.max())
    exact = LogExpectedImprovement(surrogate.model, (best - surrogate.intercept) / surrogate.scale)
    rows = torch.arange(25, 28, dtype=torch.double).reshape(3, 1, 1)
    ours = expected_improvement(posterior.mean, posterior.std, best)
    torch.testing.assert_close(ours, surrogate.scale * exact(rows).exp().detach(), rtol=1e-6, atol=1e-12)
    sure = expected_improvement(torch.tensor([2.0, 0.5]), torch.tensor([0.0, 0.0]), 1.0)
    assert sure.tolist() == pytest.approx([1.0, 0.0])


def test_a_believer_conditions_as_botorch_does(data):
    """The second of a batch is chosen by the posterior that botorch has once the first is known to be at its mean."""
    x, y = data
    surrogate = fitted(x, y)
    new = torch.tensor([-2.9, -2.8, 0.2, 4.0], dtype=torch.double)
    posterior = surrogate.predict_among(similarity(new, x), similarity(new, new))
    best = float(y.max())
    (first, _), (second, gain) = choose_batch(posterior, best, 2, lambda index: True)
    model = surrogate.model
    model.likelihood.noise = 1e-4  # what is believed is believed without noise
    known = torch.tensor([[25.0 + first]], dtype=torch.double)
    believer = model.condition_on_observations(known, model.posterior(known).mean.detach())
    after = believer.posterior(torch.tensor([[25.0 + second]], dtype=torch.double))
    std = surrogate.scale * after.variance.sqrt().detach()[0]
    expected = expected_improvement(posterior.mean[[second]], std, max(best, float(posterior.mean[first])))
    assert gain == pytest.approx(float(expected), rel=0.02, abs=1e-6)


def test_a_batch_has_no_twins_and_passes_over_what_is_refused():
    covariance = torch.eye(4, dtype=torch.double)
    covariance[0, 1] = covariance[1, 0] = 0.999  # the first two are nearly the same thing
    posterior = Posterior(torch.tensor([1.0, 1.0, 0.9, 0.0], dtype=torch.double), covariance)
    assert [index for index, _ in choose_batch(posterior, 1.0, 2, lambda index: True)] == [0, 2]
    assert [index for index, _ in choose_batch(posterior, 1.0, 4, lambda index: index != 0)] == [1, 2, 3]
    gains = [gain for _, gain in choose_batch(posterior, 1.0, 9, lambda index: True)]
    assert len(gains) == 4 and gains == sorted(gains, reverse=True)
