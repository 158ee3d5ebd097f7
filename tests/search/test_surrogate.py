"""The two Gaussian processes: of the objective, and of feasibility."""

import math

import pytest
import torch

from molvae.search.surrogate import Feasibility, Posterior, Surrogate

from .hills import feasible, hill, start


def test_feasibility_is_learnt():
    model = Feasibility()
    z = start(1, 300)
    model.fit(z, feasible(z))
    probe = start(2, 400)
    probability = model.predict(probe)
    assert ((probability > 0) & (probability < 1)).all()
    assert probability[feasible(probe)].mean() > probability[~feasible(probe)].mean() + 0.1
    assert model.predict(z[feasible(z)]).mean() > 0.8


def test_surrogate_predicts_and_knows_what_it_does_not_know():
    z = start(0, 150)
    model = Surrogate()
    model.fit(z, hill(z))
    near, far = model.predict(z + 0.01), model.predict(z + 20)
    assert torch.corrcoef(torch.stack([near.mean, hill(z)]))[0, 1] > 0.9
    assert near.std.mean() < 0.7 * far.std.mean()


def test_a_posterior_draws_what_it_says():
    covariance = torch.tensor([[1.0, 0.8], [0.8, 2.0]], dtype=torch.double)
    posterior = Posterior(torch.tensor([3.0, -1.0], dtype=torch.double), covariance)
    draws = posterior.draw(20_000, torch.Generator().manual_seed(0))
    assert torch.allclose(draws.mean(0), posterior.mean, atol=0.05)
    assert torch.allclose(torch.cov(draws.t()), covariance, atol=0.05)
    assert posterior.std.tolist() == pytest.approx([1.0, math.sqrt(2)])


def test_far_away_it_believes_the_trend_and_a_useless_guess_has_no_slope():
    z = start(0, 60)
    guessed = Surrogate(prior_mean=lambda z: 3 * z[:, 0])
    guessed.fit(z, 6 * z[:, 0] + 1)
    far = z[:5] + 100
    assert torch.allclose(guessed.predict(far).mean, 6 * far[:, 0] + 1, rtol=0.05)
    useless = Surrogate(prior_mean=lambda z: torch.full((len(z),), 7.0))
    useless.fit(z, hill(z))
    assert useless.slope == 0 and useless.intercept == pytest.approx(float(hill(z).mean()))


def test_a_fit_in_stages_sees_all_points_and_keeps_its_settings():
    z, probe = start(0, 200), start(1, 100)
    model = Surrogate(max_iterations=20)
    model.fit_in_stages(z, hill(z), first=80)
    assert model.max_iterations == 20 and len(model.model.train_targets) == 200
    assert (model.predict(probe).mean - hill(probe)).std() < 0.1 * hill(probe).std()


def test_the_noise_that_was_added_is_the_noise_that_is_learnt():
    z = start(0, 150)
    model = Surrogate(max_iterations=100)
    model.fit(z[:, :1], torch.sin(z[:, 0]) + 0.3 * torch.randn(150, generator=torch.Generator().manual_seed(0)))
    assert math.sqrt(model.noise) == pytest.approx(0.3, rel=0.2)
