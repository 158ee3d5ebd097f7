"""Our greedy batch by log expected improvement, beside botorch's."""

import numpy as np
import pytest
import torch
from botorch.acquisition import qLogExpectedImprovement
from botorch.models import SingleTaskGP
from botorch.sampling.normal import SobolQMCNormalSampler

from molvae.search.acquisition import ACQUISITIONS, log_expected_improvement
from molvae.search.surrogate import Posterior


@pytest.fixture
def world() -> tuple[SingleTaskGP, torch.Tensor, float]:
    """A process of 6 observations in the plane, 30 candidates, and the best observation."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(6, 2, generator=generator, dtype=torch.double)
    y = torch.sin(4 * x[:, :1]) + x[:, 1:] ** 2
    y = (y - y.mean()) / y.std()
    model = SingleTaskGP(x, y, outcome_transform=None).eval()
    return model, torch.rand(30, 2, generator=generator, dtype=torch.double), float(y.max())


def posterior_of(model: SingleTaskGP, candidates: torch.Tensor) -> Posterior:
    with torch.no_grad():
        exact = model.posterior(candidates)
        return Posterior(exact.mean.squeeze(-1), exact.distribution.covariance_matrix)


def test_single_points_have_the_values_and_the_ranking_of_botorch(world):
    model, candidates, best = world
    posterior = posterior_of(model, candidates)
    sampler = SobolQMCNormalSampler(torch.Size([4096]), seed=0)
    theirs = qLogExpectedImprovement(model, best, sampler=sampler)(candidates.unsqueeze(1)).detach()
    ours = torch.stack(
        [
            # each candidate by itself is the first of a batch of one
            log_expected_improvement(
                Posterior(posterior.mean[[row]], posterior.covariance[[row]][:, [row]]),
                torch.ones(1, dtype=torch.double),
                best,
                1,
                torch.Generator().manual_seed(0),
            )[1][0]
            for row in range(len(candidates))
        ]
    )
    promising = theirs > theirs.max() - 3  # elsewhere 256 draws hardly ever improve
    assert int(promising.sum()) >= 5
    torch.testing.assert_close(ours[promising], theirs[promising], rtol=0, atol=0.35)
    ranks = [values.argsort().argsort().double() for values in (ours[promising], theirs[promising])]
    assert torch.corrcoef(torch.stack(ranks))[0, 1] > 0.95


def test_the_second_of_a_batch_is_as_good_as_the_best_pair_of_botorch(world):
    model, candidates, best = world
    ones = torch.ones(len(candidates), dtype=torch.double)
    chosen, _ = log_expected_improvement(
        posterior_of(model, candidates), ones, best, 2, torch.Generator().manual_seed(0)
    )
    sampler = SobolQMCNormalSampler(torch.Size([1024]), seed=0)
    pairs = torch.stack([candidates[[chosen[0], row]] for row in range(len(candidates)) if row != chosen[0]])
    joint = qLogExpectedImprovement(model, best, sampler=sampler)
    ours = float(joint(candidates[chosen].unsqueeze(0)).detach())
    assert ours > float(joint(pairs).detach().max()) - 0.1


def test_of_equal_points_the_feasible_one_is_chosen(world):
    model, candidates, best = world
    feasibility = torch.where(torch.arange(len(candidates)) % 2 == 0, 0.9, 0.01).double()
    chosen, values = log_expected_improvement(
        posterior_of(model, candidates), feasibility, best, 3, torch.Generator().manual_seed(0)
    )
    assert all(row % 2 == 0 for row in chosen) and values.tolist() == sorted(values.tolist(), reverse=True)


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_every_acquisition_prefers_the_better_the_uncertain_and_the_feasible(name):
    def first(mean, std, probability):
        posterior = Posterior(torch.tensor(mean).double(), torch.diag(torch.tensor(std).double() ** 2))
        votes = [
            ACQUISITIONS[name](posterior, torch.tensor(probability).double(), 0.0, 1, torch.Generator().manual_seed(s))[
                0
            ][0]
            for s in range(30)
        ]
        return np.bincount(votes, minlength=2).argmax()

    assert first([0.0, 2.0], [0.3, 0.3], [0.9, 0.9]) == 1
    assert first([0.0, 0.0], [0.1, 1.0], [0.9, 0.9]) == 1 or name == "thompson"
    assert first([1.0, 1.0], [0.3, 0.3], [0.1, 0.99]) == 1
