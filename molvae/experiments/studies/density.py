"""A density in the plane: two half-rings, with a sigma of their own for every point and with one shared sigma."""

import numpy as np
import pandas as pd
import torch
from pydantic import Field

from molvae.core.evaluate import importance_log_likelihood, prior_log_likelihood
from molvae.core.fit import FitConfig
from molvae.core.schedules import Schedule
from molvae.core.training import ObjectiveConfig
from molvae.experiments.studies.common import Study, trained
from molvae.images.batches import ImageBatch, in_order
from molvae.images.datasets import ImageData
from molvae.images.networks import NetworkConfig
from molvae.images.training import ImageTrainConfig
from molvae.images.vae import ImageVAE, ImageVAEConfig
from molvae.run.config import Config, Count, Seed
from molvae.run.panels import Panel
from molvae.run.progress import Progress

_EXTENT = (-1.6, 2.6, -1.2, 1.6)


class DensityConfig(Config):
    """The study of the half-rings."""

    train: ImageTrainConfig = ImageTrainConfig(
        binarisation="none",
        model=ImageVAEConfig(latent_size=2, network=NetworkConfig(hidden_size=128, activation="silu")),
        objective=ObjectiveConfig(beta=Schedule(kind="linear", steps=1000)),
        fit=FitConfig(epochs=150, learning_rate=3e-3),
    )
    likelihoods: tuple[str, ...] = ("gaussian", "gaussian_shared_sigma")
    seeds: tuple[Seed, ...] = (0, 1, 2)
    pixels: int = Field(60, ge=2, le=1000)
    """Side of the picture of the density."""
    samples: Count = 10_000
    """Samples of the prior for each of its points: in two latent dimensions they suffice."""


def run(config: DensityConfig, data: ImageData, seed: int, device: str, progress: Progress) -> list[Panel]:
    """Density and ancestral samples for each likelihood and seed."""
    truth = data.train.pixels[:1500].flatten(1)
    points, densities, rows = [_cloud(truth, "data")], [], []
    for likelihood in config.likelihoods:
        for number in config.seeds:
            model = trained(config.train, data, seed + number, device, progress, likelihood=likelihood)
            densities.append(_density(model, config, seed))
            drawn = model.sample(1500, noise=True, generator=torch.Generator().manual_seed(seed))
            points.append(_cloud(drawn.flatten(1), f"{likelihood}, seed {number}"))
            estimate = importance_log_likelihood(model, in_order(data.test, 250), 200, seed)
            rows.append({"likelihood": likelihood, "seed": number, "NLL of test points, nats": estimate.nll})
    return [
        Panel(
            "half-rings-density",
            "images",
            "Density p(x) in the plane",
            "Mean of p(x|z) over samples of the prior. Rows: a sigma from the network for every point, one "
            "learned sigma for all. Each picture is scaled to its own maximum.",
            array=np.stack(densities).reshape(len(config.likelihoods), len(config.seeds), config.pixels, config.pixels),
            options={"rows": list(config.likelihoods), "columns": [f"seed {number}" for number in config.seeds]},
        ),
        Panel(
            "half-rings-samples",
            "scatter",
            "The data, and ancestral samples",
            "z ~ N(0, I), then x ~ p(x|z) with its noise.",
            frame=pd.concat(points),
            options={"facets": True},
        ),
        Panel("half-rings-table", "table", "Likelihood of test points", frame=pd.DataFrame(rows)),
    ]


STUDY = Study(DensityConfig, run, "half_rings")


def _cloud(points: torch.Tensor, name: str) -> pd.DataFrame:
    return pd.DataFrame({"x": points[:, 0].numpy(), "y": points[:, 1].numpy(), "class": name})


def _density(model: ImageVAE, config: DensityConfig, seed: int) -> np.ndarray:
    left, right, bottom, top = _EXTENT
    x, y = torch.linspace(left, right, config.pixels), torch.linspace(top, bottom, config.pixels)
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    plane = torch.stack([columns.flatten(), rows.flatten()], -1).view(-1, 1, 1, 2)
    batch = ImageBatch(plane, None, torch.arange(len(plane)))
    density = prior_log_likelihood(model, batch, config.samples, (config.samples,), seed, chunk=200)[0].exp()
    return (density / density.max()).view(config.pixels, config.pixels).numpy()
