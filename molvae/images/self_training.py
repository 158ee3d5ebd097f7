"""Self-training: a classifier that learns from its own confident guesses (pseudo-labels, Lee 2013).

    J = mean log q(y|x) of labelled images + w(t) mean 1[q(c|x) > threshold] log q(c|x) of unlabelled ones,
    c = argmax_y q(y|x), w rising from 0: at first the guesses are worth nothing

What semi-supervised learning reaches with no model of the images.
"""

import torch
from pydantic import Field
from torch import Tensor, nn

from molvae.core.fit import FitConfig, Objective
from molvae.core.schedules import Schedule
from molvae.images.batches import Binarisation
from molvae.images.networks import NetworkConfig
from molvae.images.semi_supervised import M2, M2Config, SemiBatch
from molvae.run.config import Config


class SelfTrainingConfig(Config):
    """The classifier, and how much its guesses count."""

    classifier: NetworkConfig = NetworkConfig(hidden_size=500, depth=2, activation="relu")
    weight: Schedule = Schedule(kind="shares", shares=((0.1, 0.0), (0.6, 1.0)))
    """Of the guesses, in shares of the run."""
    threshold: float = Field(0.9, ge=0, lt=1)
    """Probability that a guess has to exceed to be learned from; 0: all of them, as in the paper."""
    batch_size: int = Field(200, ge=1, le=100_000)
    labelled_batch_size: int = Field(100, ge=1, le=100_000)
    binarisation: Binarisation = "none"
    fit: FitConfig = FitConfig(epochs=10)

    def as_m2(self) -> M2Config:
        """The same classifier and batches in the frame of M2, whose generative model is then left alone."""
        names = ("classifier", "batch_size", "labelled_batch_size", "binarisation", "fit")
        return M2Config(**{name: getattr(self, name) for name in names})


def self_training_objective(config: SelfTrainingConfig) -> Objective:
    """J above, of each unlabelled image; the schedule of the weight is in steps."""

    def objective(
        model: nn.Module, batch: SemiBatch, step: int, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        assert isinstance(model, M2) and batch.labelled.labels is not None
        known = model.log_q_y(batch.labelled.pixels).gather(-1, batch.labelled.labels.unsqueeze(-1)).squeeze(-1)
        unknown = model.log_q_y(batch.unlabelled.pixels)
        # the guess is a constant: only the log probability of it is learned
        guessed, guess = unknown.max(-1)
        sure = (guessed.detach().exp() > config.threshold).float()
        pseudo = sure * unknown.gather(-1, guess.unsqueeze(-1)).squeeze(-1)
        return known.mean() + config.weight.at(step) * pseudo, {"log_q_y": known, "sure": sure}

    return objective
