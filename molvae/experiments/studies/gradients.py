"""How noisy is the gradient of the bound? Reparameterised against score-function estimates, through training.

All estimators have the same mean (Kingma & Welling 2013, section 2.2 and 2.3); what differs is the variance of a draw.
"""

from typing import Any

import pandas as pd
import torch
from pydantic import Field

from molvae.core.gradients import GradientMoments, gradient_moments, reparameterised, score
from molvae.core.schedules import in_steps
from molvae.core.training import vae_objective
from molvae.experiments.studies.common import Study
from molvae.images.batches import ImageBatches
from molvae.images.datasets import ImageData
from molvae.images.networks import NetworkConfig
from molvae.images.training import ImageTrainConfig
from molvae.images.vae import ImageVAE, ImageVAEConfig
from molvae.run.config import Config, Step
from molvae.run.device import choose_device
from molvae.run.panels import Panel
from molvae.run.progress import Progress

ESTIMATORS = {
    "reparameterised, closed KL": reparameterised(2),
    "reparameterised, sampled KL": reparameterised(2, closed_form=False),
    "score function": score(2),
    "score function, leave-one-out baseline": score(2, baseline=True),
}


class GradientConfig(Config):
    """The study of gradient noise."""

    train: ImageTrainConfig = ImageTrainConfig(
        model=ImageVAEConfig(latent_size=10, network=NetworkConfig(hidden_size=100, depth=1))
    )
    marks: tuple[Step, ...] = (0, 20, 100, 400)
    """Steps of training after which the gradients are measured."""
    draws: int = Field(200, ge=2, le=1_000_000)
    """Repeated estimates on one batch."""
    batch: int = Field(50, ge=1, le=100_000)
    """Images in that batch."""


def run(config: GradientConfig, data: ImageData, seed: int, device: str, progress: Progress) -> list[Panel]:
    """Train with the usual estimator and stop at the marks to measure every one of them."""
    torch.manual_seed(seed)
    model = ImageVAE(config.train.model, data.shape, data.classes)
    model.set_mean(data.train.pixels)
    model.to(choose_device(device))
    batches = ImageBatches(data.train, config.train.batch_size, seed, config.train.binarisation)
    probe = next(ImageBatches(data.valid, config.batch, seed, config.train.binarisation).epoch(0)).to(model.device)
    objective = vae_objective(in_steps(config.train.objective, max(config.marks)))
    optimizer = torch.optim.Adam(model.parameters(), lr=config.train.fit.learning_rate)
    generator = torch.Generator().manual_seed(seed)
    rows: list[dict[str, Any]] = []
    step = epoch = 0
    while True:
        for batch in batches.epoch(epoch):
            if step in config.marks:
                rows += measure(model, probe, config.draws, step)
            if step >= max(config.marks):
                return _panels(pd.DataFrame(rows))
            loss = -objective(model, batch.to(model.device), step, generator)[0].mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
        epoch += 1


STUDY = Study(GradientConfig, run)


def measure(model: ImageVAE, probe: Any, draws: int, step: int) -> list[dict[str, Any]]:
    """Variance of every estimator for the encoder's weights, and how far its mean is from the first one's."""
    parameters = list(model.encoder.parameters())
    moments = {
        name: gradient_moments(model, probe, estimator, parameters, draws, seed=number)
        for number, (name, estimator) in enumerate(ESTIMATORS.items())
    }
    first = next(iter(moments.values()))
    return [
        {
            "step": step,
            "estimator": name,
            "variance": one.total_variance,
            "ratio": one.total_variance / first.total_variance,
            "disagreement": 0.0 if one is first else disagreement(first, one),
        }
        for name, one in moments.items()
    ]


def disagreement(a: GradientMoments, b: GradientMoments) -> float:
    """Root mean square over parameters of the difference of two means in its standard errors: about 1 if they agree."""
    error = (a.variance / a.draws + b.variance / b.draws).sqrt()
    used = error > 0  # weights of pixels that are never on have no gradient at all
    return float((((a.mean - b.mean)[used] / error[used]) ** 2).mean().sqrt())


def _panels(table: pd.DataFrame) -> list[Panel]:
    wide = table.pivot(index="step", columns="estimator", values="variance")[list(ESTIMATORS)].reset_index()
    wide["step"] += 1  # a logarithmic axis has no zero
    return [
        Panel(
            "gradient-variance",
            "lines",
            "Variance of one gradient estimate of the encoder's weights",
            "Two samples of z for every estimator, the same batch and weights; trace of the covariance over "
            "repeated draws. Kingma & Welling 2013, section 2.2 to 2.4; leave-one-out baseline: Mnih & Rezende "
            "2016.",
            frame=wide,
            options={"log_x": True, "log_y": True, "x": "step + 1", "y": "variance"},
        ),
        Panel(
            "gradient-table",
            "table",
            "The same in numbers",
            "Ratio: variance over that of the first estimator. Disagreement: distance of the mean from the first "
            "estimator's, root mean square in standard errors; about 1 means that both estimate the same "
            "gradient.",
            frame=table,
        ),
    ]
