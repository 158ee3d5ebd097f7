"""M2 with the class of an unlabelled image drawn instead of summed out: what it costs, and what it saves as the number
of classes grows (Jang et al. 2016, section 4.3 and figure 5).
"""

import time
from typing import Annotated, Any

import pandas as pd
import torch
from pydantic import Field

from molvae.core.fit import FitConfig
from molvae.experiments.studies.common import Study
from molvae.experiments.studies.labels import train_m2
from molvae.images.datasets import ImageData, ImageSplit
from molvae.images.networks import NetworkConfig
from molvae.images.semi_supervised import M2, M2Config, SemiBatches, draw_labelled, m2_objective
from molvae.images.vae import ImageVAEConfig
from molvae.run.config import Config, Count, one_of
from molvae.run.device import choose_device
from molvae.run.panels import Panel
from molvae.run.progress import Progress, track

WAYS = ("sum", "gumbel", "straight_through")
PUBLISHED = {"sum": 7.4, "gumbel": 7.6, "straight_through": 6.4}
"""Test error on MNIST in percent with 100 labels: Jang et al. 2016, table 2 (accuracies 92.6, 92.4 and 93.6)."""


class ClassSamplingConfig(Config):
    """Errors with few labels, and the time of a step against the number of classes."""

    m2: M2Config = M2Config(
        vae=ImageVAEConfig(
            conditional=True, latent_size=10, network=NetworkConfig(hidden_size=200, depth=1, activation="softplus")
        ),
        classifier=NetworkConfig(hidden_size=200, depth=2, activation="relu"),
        fit=FitConfig(epochs=20, learning_rate=3e-3),
    )
    ways: tuple[Annotated[str, one_of(WAYS)], ...] = Field(WAYS, min_length=1)
    labels: Count = 100
    """Labelled images."""
    seeds: int = Field(3, ge=1, le=1000)
    """Draws of the labelled images."""
    classes: tuple[Annotated[int, Field(ge=2, le=10_000)], ...] = Field((5, 10, 20, 50, 100), min_length=1)
    """Numbers of classes for the time of a step; the images are those of the data, their classes are drawn."""
    steps: Count = 7
    """Steps that are timed, after one that is not."""


def run(config: ClassSamplingConfig, data: ImageData, seed: int, device: str, progress: Progress) -> list[Panel]:
    """Test errors of every way on the same labelled images; then the seconds of a step."""
    rows: list[dict[str, Any]] = []
    plan = [(way, number) for way in config.ways for number in range(config.seeds)]
    for way, number in track(plan, "errors of M2", progress=progress):
        labelled = data.train[draw_labelled(data.train, config.labels, data.classes, number)]
        _, error = train_m2(_settings(config, way), data.train, labelled, data.test, seed + number, device)
        rows.append({"unknown class": way, "label seed": number, "error": 100 * error})
    return [_errors(pd.DataFrame(rows), config, data), *_times(config, data, seed, device, progress)]


STUDY = Study(ClassSamplingConfig, run)


def _settings(config: ClassSamplingConfig, way: str) -> M2Config:
    settings: M2Config = config.m2.model_copy(update={"unknown_class": way})
    return settings


def _errors(table: pd.DataFrame, config: ClassSamplingConfig, data: ImageData) -> Panel:
    grouped = table.groupby("unknown class", sort=False)["error"]
    summary = pd.DataFrame({"mean": grouped.mean(), "std": grouped.std().fillna(0.0)}).reset_index()
    if data.name == "mnist" and config.labels == 100:
        summary["published"] = summary["unknown class"].map(PUBLISHED)
    return Panel(
        "class-errors",
        "table",
        f"Test error of M2 in percent, {config.labels} labels",
        "The class of an unlabelled image summed out, drawn from the Gumbel-softmax, or drawn as a one-hot with its "
        f"gradient; mean and standard deviation over {config.seeds} draws of the labelled images.",
        frame=summary,
    )


def _times(config: ClassSamplingConfig, data: ImageData, seed: int, device: str, progress: Progress) -> list[Panel]:
    rows = []
    for number in track(config.classes, "time of a step", progress=progress):
        seconds = {
            way: step_seconds(_settings(config, way), data, number, config.steps, seed, device) for way in config.ways
        }
        rows.append({"classes": number, **seconds})
    frame = pd.DataFrame(rows)
    table = frame.copy()
    if {"sum", "gumbel"} <= set(config.ways):
        table["sum / gumbel"] = (table["sum"] / table["gumbel"]).round(2)
    return [
        Panel(
            "step-time",
            "lines",
            "Seconds of a training step against the number of classes",
            "Median. A sum passes every class through the VAE, a draw one.",
            frame=frame,
            options={"x": "classes", "y": "seconds", "log_x": True, "log_y": True},
        ),
        Panel("step-time-table", "table", "The same in numbers", frame=table),
    ]


def step_seconds(config: M2Config, data: ImageData, classes: int, steps: int, seed: int, device: str) -> float:
    """Median seconds of a step of M2 with so many classes, forwards and backwards."""
    target = choose_device(device)
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (len(data.train),), generator=generator)
    images = ImageSplit(data.train.pixels, labels)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = M2(config, data.shape, classes).to(target)
    number = min(len(images), config.labelled_batch_size)
    batch = next(SemiBatches(images[:number], images, config).epoch(0)).to(target)
    objective = m2_objective(config)
    seconds = []
    for step in range(steps + 1):
        begun = time.perf_counter()
        model.zero_grad(set_to_none=True)
        loss = objective(model, batch, step, generator)[0].mean()
        loss.backward()
        loss.item()  # waits for an accelerator
        seconds.append(time.perf_counter() - begun)
    return float(pd.Series(seconds[1:]).median())
