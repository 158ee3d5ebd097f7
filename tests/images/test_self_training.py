"""A classifier that learns from its own guesses."""

import pytest
import torch

from molvae.images.batches import ImageBatch
from molvae.images.self_training import SelfTrainingConfig, self_training_objective
from molvae.images.semi_supervised import M2, SemiBatch


@pytest.fixture
def model():
    torch.manual_seed(0)
    return M2(SelfTrainingConfig().as_m2(), (1, 4, 4), 3)


def batch_of(number: int) -> SemiBatch:
    generator = torch.Generator().manual_seed(1)
    pixels, rows = torch.rand(number, 1, 4, 4, generator=generator), torch.arange(number)
    return SemiBatch(ImageBatch(pixels, rows % 3, rows), ImageBatch(pixels.flip(0), None, rows))


def test_only_sure_guesses_count_and_those_as_much_as_the_weight_says(model):
    batch, generator = batch_of(12), torch.Generator()
    log_q_y = model.log_q_y(batch.unlabelled.pixels).detach()
    known = model.log_q_y(batch.labelled.pixels).gather(-1, batch.labelled.labels.unsqueeze(-1)).mean()
    threshold = float(log_q_y.exp().amax(-1).median())
    config = SelfTrainingConfig(weight=[[0, 0.0], [10, 1.0]], threshold=threshold)
    objective = self_training_objective(config)
    torch.testing.assert_close(objective(model, batch, 0, generator)[0], known.expand(12))
    value, logged = objective(model, batch, 5, generator)
    best = log_q_y.amax(-1)
    torch.testing.assert_close(value, known + 0.5 * torch.where(best.exp() > threshold, best, 0.0))
    assert 0 < logged["sure"].mean() < 1


def test_guesses_reach_the_classifier_and_nothing_else(model):
    objective = self_training_objective(SelfTrainingConfig(weight=1.0, threshold=0.0))
    objective(model, batch_of(6), 0, torch.Generator())[0].mean().backward()
    assert all(weight.grad is not None for weight in model.classifier.parameters())
    assert all(weight.grad is None for weight in model.vae.parameters())
