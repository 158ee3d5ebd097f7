"""Discrete codes: five estimators of one gradient, what they reach and how noisy they are (Jang et al. 2016, table 1).

Whatever the estimator, a model is judged by one-hot draws: what an objective makes of soft ones is no bound.
"""

import time
from typing import Annotated, Any

import pandas as pd
import torch
from pydantic import Field

from molvae.core.evaluate import evaluate_bounds
from molvae.core.fit import FitConfig
from molvae.core.gradients import Estimator, gradient_moments, score
from molvae.core.schedules import Schedule, in_steps
from molvae.core.training import ObjectiveConfig, vae_objective
from molvae.experiments.studies.common import Study, trained
from molvae.images.batches import ImageBatches, in_order
from molvae.images.datasets import ImageData
from molvae.images.networks import NetworkConfig
from molvae.images.pictures import grid
from molvae.images.training import ImageTrainConfig
from molvae.images.vae import ImageVAE, ImageVAEConfig
from molvae.run.config import Config, Count, one_of
from molvae.run.device import choose_device
from molvae.run.panels import Panel
from molvae.run.progress import Progress

TEMPERATURE = Schedule(kind="exponential", value=1.0, rate=3e-5, floor=0.5)

ESTIMATORS: dict[str, dict[str, Any]] = {
    "score function": {"name": "score_function"},
    "score function, leave-one-out": {"name": "score_function", "samples": 2},
    "straight-through": {"straight_through": True},
    "Gumbel-softmax": {"temperature": TEMPERATURE},
    "straight-through Gumbel": {"temperature": TEMPERATURE, "straight_through": True},
}
"""What each changes in the settings of the objective."""

PUBLISHED = {
    10: {
        "score function": 110.6,
        "straight-through": 110.9,
        "Gumbel-softmax": 101.5,
        "straight-through Gumbel": 107.8,
    },
    2: {
        "score function": 112.2,
        "straight-through": 116.0,
        "Gumbel-softmax": 105.0,
        "straight-through Gumbel": 111.5,
    },
}
"""-ELBO of binarised MNIST in nats by number of classes and estimator: Jang et al. 2016, table 1."""


class DiscreteConfig(Config):
    """The comparison of estimators."""

    train: ImageTrainConfig = ImageTrainConfig(
        model=ImageVAEConfig(network=NetworkConfig(hidden_size=200, depth=2, activation="silu")),
        fit=FitConfig(epochs=30, learning_rate=2e-3, average=0.99),
    )
    """The code is that of ``variables`` and ``classes``."""
    codes: tuple[tuple[Count, Annotated[int, Field(ge=2, le=10_000)]], ...] = Field(((8, 4), (16, 2)), min_length=1)
    """(variables, classes) of each kind of code; two classes are Bernoulli variables."""
    estimators: tuple[Annotated[str, one_of(ESTIMATORS)], ...] = Field(tuple(ESTIMATORS), min_length=1)
    temperature: Schedule = Schedule(kind="exponential", value=1.0, rate=1e-3, floor=0.5)
    """Of the relaxed draws."""
    draws: int = Field(100, ge=2, le=1_000_000)
    """Repeated estimates of the gradient on one batch."""
    batch: int = Field(50, ge=1, le=100_000)
    """Images in that batch."""
    columns: int = Field(12, ge=2, le=1000)
    """Images in a row of the pictures."""


def run(config: DiscreteConfig, data: ImageData, seed: int, device: str, progress: Progress) -> list[Panel]:
    """Train with every estimator; then measure all of them at the weights that the last one has reached."""
    rows, noise, curves, panels = [], [], [], []
    for variables, classes in config.codes:
        code = f"{variables} x {classes}"
        shown = in_order(data.test[: config.columns], config.columns, config.train.binarisation, seed)[0].pixels
        pictures, names = [shown], ["test image"]
        torch.manual_seed(seed)
        untrained = ImageVAE(config.train.model.model_copy(update=_code(variables, classes)), data.shape)
        untrained.set_mean(data.train.pixels)
        untrained.to(choose_device(device))
        noise += [{"code": code, "weights": "initial", **row} for row in measure(untrained, config, data, seed, 0)]
        for name in config.estimators:
            settings = config.train.model_copy(update={"objective": _objective(config, name)})
            log: list[dict[str, float]] = []
            begun = time.monotonic()
            model = trained(settings, data, seed, device, progress, log, **_code(variables, classes))
            minutes = (time.monotonic() - begun) / 60
            bounds = evaluate_bounds(model, in_order(data.test, 250, config.train.binarisation, seed), seed=seed)
            rows.append(_row(code, name, bounds, minutes, data, classes))
            curves.append(pd.DataFrame({"epoch": [r["epoch"] for r in log], name: [-r["valid_elbo"] for r in log]}))
            drawn = model.sample(config.columns, generator=torch.Generator().manual_seed(seed))
            pictures += [model.reconstruct(shown), drawn]
            names += [f"{name}: rebuilt", "drawn"]
        noise += [{"code": code, "weights": "trained", **row} for row in measure(model, config, data, seed)]
        merged = curves[0]
        for other in curves[1:]:
            merged = merged.merge(other, on="epoch")
        panels += [
            Panel(
                f"curves-{variables}-{classes}",
                "lines",
                f"-ELBO of held-out images, {variables} variables of {classes} classes",
                "One-hot draws, whatever the model is trained with.",
                frame=merged,
                options={"x": "epoch", "y": "-ELBO, nats"},
            ),
            Panel(
                f"pictures-{variables}-{classes}",
                "images",
                f"Images rebuilt and drawn, {variables} variables of {classes} classes",
                "Rebuilt from the probabilities of the classes; drawn: z ~ p(z), one-hots.",
                array=grid(torch.cat(pictures), config.columns),
                options={"rows": names},
            ),
        ]
        curves = []
    return [
        Panel(
            "estimators",
            "table",
            "-ELBO of the test images with one-hot codes, nats",
            "The same network, seed and number of steps for each estimator; leave-one-out draws two codes an image.",
            frame=pd.DataFrame(rows).fillna(""),
        ),
        Panel(
            "gradient-noise",
            "table",
            "Noise and bias of one gradient estimate of the encoder's weights",
            "On one batch, at the initial weights and at those that the last estimator has reached, with the "
            "temperature of that step. "
            "Variance: trace of the covariance over repeated draws. Cosine: of the mean with that of the score "
            "function with 32 leave-one-out samples, which has no bias; the noise of both lowers it.",
            frame=pd.DataFrame(noise),
        ),
        *panels,
    ]


STUDY = Study(DiscreteConfig, run)


def measure(
    model: ImageVAE, config: DiscreteConfig, data: ImageData, seed: int, step: int | None = None
) -> list[dict[str, Any]]:
    """Variance of every estimator for the encoder's weights, and the direction of its mean.

    Args:
        model: measured as it is.
        config, data, seed: of the study.
        step: whose temperature is taken; default: the last.
    """
    policy = config.train.binarisation
    batch = next(ImageBatches(data.valid, config.batch, seed, policy).epoch(0)).to(model.device)
    total = config.train.fit.steps(ImageBatches(data.train, config.train.batch_size))
    estimators: dict[str, Estimator] = {
        name: _estimator(in_steps(_objective(config, name), total), total if step is None else step)
        for name in config.estimators
    }
    parameters = list(model.encoder.parameters())
    reference = gradient_moments(model, batch, score(32, baseline=True), parameters, max(2, config.draws // 4), seed)
    rows = []
    for number, (name, estimator) in enumerate(estimators.items(), start=1):
        moments = gradient_moments(model, batch, estimator, parameters, config.draws, seed + number)
        cosine = torch.nn.functional.cosine_similarity(moments.mean, reference.mean, dim=0)
        rows.append({"estimator": name, "variance": moments.total_variance, "cosine": float(cosine)})
    return rows


def _objective(config: DiscreteConfig, name: str) -> ObjectiveConfig:
    change = dict(ESTIMATORS[name])
    if "temperature" in change:
        change["temperature"] = config.temperature
    objective: ObjectiveConfig = config.train.objective.model_copy(update=change)
    return objective


def _estimator(objective: ObjectiveConfig, step: int) -> Estimator:
    surrogate = vae_objective(objective)
    return lambda model, batch, generator: surrogate(model, batch, step, generator)[0]


def _code(variables: int, classes: int) -> dict[str, Any]:
    return {
        "latent_size": variables * classes,
        "categories": classes,
        "posterior": "categorical",
        "prior": "uniform_categorical",
    }


def _row(
    code: str, name: str, bounds: dict[str, float], minutes: float, data: ImageData, classes: int
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "code": code,
        "estimator": name,
        "-ELBO": round(-bounds["elbo"], 2),
        "KL": round(bounds["kl"], 2),
        "minutes": round(minutes, 1),
    }
    if data.name == "mnist":
        row["published"] = PUBLISHED.get(classes, {}).get(name, "")
    return row
