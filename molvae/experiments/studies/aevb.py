"""The experiments of the first paper: AEVB beside wake-sleep, and how many draws of z an image needs."""

import time
from typing import Any

import pandas as pd
from pydantic import Field

from molvae.core.evaluate import evaluate_bounds, importance_log_likelihood
from molvae.core.fit import FitConfig
from molvae.core.training import WAKE_SLEEP
from molvae.experiments.studies.common import Study, trained
from molvae.images.batches import in_order
from molvae.images.datasets import ImageData
from molvae.images.training import ImageTrainConfig
from molvae.images.vae import ImageVAE, ImageVAEConfig
from molvae.run.config import Config, Count
from molvae.run.panels import Panel
from molvae.run.progress import Progress


class AEVBConfig(Config):
    """Figure 2 of Kingma & Welling 2013, and what its section 2.3 says of the number of draws."""

    train: ImageTrainConfig = ImageTrainConfig(
        binarisation="threshold", model=ImageVAEConfig(latent_size=10), fit=FitConfig(epochs=80, learning_rate=2e-3)
    )
    latent_sizes: tuple[Count, ...] = (3, 10)
    """Of the comparison with wake-sleep."""
    draws: tuple[Count, ...] = (1, 5, 25)
    """L, draws of z for each image and step."""
    batch_sizes: tuple[Count, ...] = (10, 100)
    """M, images a step; every run sees as many images, so with small batches it takes more steps."""
    epochs: int = Field(20, ge=1, le=1_000_000)
    """Of each run of the grid of L and M."""
    samples: Count = 200
    """Importance samples of each test image."""


def run(config: AEVBConfig, data: ImageData, seed: int, device: str, progress: Progress) -> list[Panel]:
    """The same networks under both objectives; then the bound for every L and M."""
    curves: dict[str, list[float]] = {}
    rows: list[dict[str, Any]] = []
    seen: list[float] = []
    for size in config.latent_sizes:
        for name, title in (("elbo", "AEVB"), (WAKE_SLEEP, "wake-sleep")):
            log: list[dict[str, float]] = []
            settings = _with(config.train, objective={"name": name})
            model = trained(settings, data, seed, device, progress, log, latent_size=size)
            curves[f"{title}, {size} dimensions"] = [row["valid_elbo"] for row in log]
            seen = [row["epoch"] * len(data.train) for row in log]
            rows.append({"objective": title, "dimensions": size, **_numbers(model, data, config, seed)})
    return [
        Panel(
            "wake-sleep",
            "lines",
            "ELBO of held-out images against images seen",
            "AEVB optimises one bound for both networks; in wake-sleep (Hinton et al. 1995) the encoder learns from "
            "images that the model makes up, and no bound is optimised (Kingma & Welling 2013, figure 2).",
            frame=pd.DataFrame({"images": seen, **curves}),
            options={"x": "images seen", "y": "nats"},
        ),
        Panel("wake-sleep-table", "table", "Test images after training", frame=pd.DataFrame(rows)),
        _grid(config, data, seed, device, progress),
    ]


STUDY = Study(AEVBConfig, run)


def _numbers(model: ImageVAE, data: ImageData, config: AEVBConfig, seed: int) -> dict[str, float]:
    test = in_order(data.test, 250, config.train.binarisation, seed)
    bounds = evaluate_bounds(model, test, 1, seed)
    estimate = importance_log_likelihood(model, test, config.samples, seed)
    return {"ELBO": bounds["elbo"], "KL": bounds["kl"], "NLL by importance sampling": estimate.nll}


def _grid(config: AEVBConfig, data: ImageData, seed: int, device: str, progress: Progress) -> Panel:
    """ELBO of test images for every L and M after the same number of images."""
    rows = []
    for size in config.batch_sizes:
        for draws in config.draws:
            fitting = {"epochs": config.epochs}
            settings = _with(config.train, objective={"samples": draws}, fit=fitting, batch_size=size)
            started = time.perf_counter()
            model = trained(settings, data, seed, device, progress)
            seconds = time.perf_counter() - started
            bounds = evaluate_bounds(model, in_order(data.test, 250, config.train.binarisation, seed), 1, seed)
            steps = config.epochs * -(-len(data.train) // size)
            row = {"M, images a step": size, "L, draws of z": draws, "steps": steps, "ELBO": bounds["elbo"]}
            rows.append({**row, "seconds": round(seconds, 1)})
    return Panel(
        "draws",
        "table",
        "Draws of z for each image, and images a step",
        "With a hundred images a step one draw of z is enough, says the paper (section 2.3): what more draws save in "
        "noise, they cost in time. Test images, after the same number of images.",
        frame=pd.DataFrame(rows),
    )


def _with(train: ImageTrainConfig, **changes: Any) -> ImageTrainConfig:
    """The settings with changes, of a part where a mapping is given."""
    nested = {
        name: getattr(train, name).model_copy(update=value) if isinstance(value, dict) else value
        for name, value in changes.items()
    }
    return train.model_copy(update=nested)
