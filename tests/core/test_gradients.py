"""Estimators of one gradient: the same mean, very different noise."""

import torch
from torch import nn

from molvae.core.distributions import Bernoulli, DiagonalGaussian
from molvae.core.gradients import gradient_moments, reparameterised, score
from molvae.core.priors import StandardNormal
from molvae.core.vae import VAE


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 4)

    def forward(self, x: torch.Tensor) -> DiagonalGaussian:
        mu, log_var = self.layer(x).chunk(2, -1)
        return DiagonalGaussian(mu, log_var)


class Decoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 6)

    def forward(self, z: torch.Tensor) -> Bernoulli:
        return Bernoulli(self.layer(z))


def toy() -> tuple[VAE, torch.Tensor]:
    torch.manual_seed(0)
    return VAE(Encoder(), StandardNormal(2), Decoder()), (torch.rand(8, 6) > 0.5).float()


def test_every_estimator_has_the_same_mean_within_its_standard_error():
    model, x = toy()
    parameters = list(model.encoder.parameters())
    first = gradient_moments(model, x, reparameterised(2), parameters, 800, seed=1)
    others = {
        "sampled KL": reparameterised(2, closed_form=False),
        "score": score(2),
        "score with baseline": score(2, baseline=True),
    }
    for name, estimator in others.items():
        found = gradient_moments(model, x, estimator, parameters, 800, seed=2)
        error = (first.variance / first.draws + found.variance / found.draws).sqrt()
        distance = ((found.mean - first.mean) / error).abs()
        assert distance.max() < 4.5, name  # 28 parameters, so 4.5 standard errors are one in ten thousand
        assert float(distance.square().mean().sqrt()) < 1.6, name


def test_the_score_function_is_far_noisier_and_a_baseline_helps():
    model, x = toy()
    parameters = list(model.encoder.parameters())
    noise = {
        name: gradient_moments(model, x, estimator, parameters, 400).total_variance
        for name, estimator in (
            ("reparameterised", reparameterised(2)),
            ("score", score(2)),
            ("baseline", score(2, baseline=True)),
        )
    }
    assert noise["reparameterised"] < noise["baseline"] < noise["score"]
    assert noise["score"] > 10 * noise["reparameterised"]


def test_measuring_leaves_the_model_as_it_was():
    model, x = toy()
    before = [parameter.clone() for parameter in model.parameters()]
    gradient_moments(model, x, score(1), list(model.encoder.parameters()), 3)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert all(parameter.grad is None for parameter in model.parameters())
