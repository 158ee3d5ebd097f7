"""Gradient estimators have one mean; what differs is their noise."""

import pytest
import torch

from molvae.core.gradients import GradientMoments
from molvae.experiments.studies.gradients import disagreement

from .small import run


def test_gradients_agree_in_their_mean_and_differ_in_their_noise():
    table = run("gradient_variance")["gradient-table"].frame
    others = table[table["estimator"] != "reparameterised, closed KL"]
    assert others["disagreement"].between(0.5, 1.6).all()
    plain = table[table["estimator"] == "score function"]
    assert (plain["ratio"] > 20).all()


def test_two_means_of_the_same_distribution_disagree_by_one():
    generator = torch.Generator().manual_seed(0)
    spread = torch.rand(5000, generator=generator) + 0.5

    def moments(shift: float) -> GradientMoments:
        draws = shift + spread * torch.randn(50, 5000, generator=generator)
        return GradientMoments(draws.mean(0), draws.var(0), 50)

    assert disagreement(moments(0), moments(0)) == pytest.approx(1, abs=0.1)
    assert disagreement(moments(0), moments(1)) > 4
