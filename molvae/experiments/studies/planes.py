"""A plane of styles for each class, and whether a style tells its class (Kingma et al. 2014, figure 1)."""

from typing import Annotated, Any

import pandas as pd
import torch
from pydantic import Field
from torch import Tensor

from molvae.core.sampling import gaussian_grid
from molvae.errors import ConfigError
from molvae.experiments.studies.common import Study, trained
from molvae.experiments.studies.labels import train_m2
from molvae.images.batches import binarise
from molvae.images.datasets import ImageData, ImageSplit
from molvae.images.probes import chance_error, linear_probe_error, neighbour_probe_error
from molvae.images.semi_supervised import M2Config, draw_labelled
from molvae.images.training import ImageTrainConfig
from molvae.images.vae import ImageVAE
from molvae.run.config import Config, Count, one_of
from molvae.run.panels import Panel
from molvae.run.progress import Progress, silent, track

MODELS = ("conditional VAE", "M2", "VAE without classes")


class PlanesConfig(Config):
    """Planes of styles, and what classifiers read from z."""

    models: tuple[Annotated[str, one_of(MODELS)], ...] = Field(MODELS, min_length=1)
    """The last, which is never told a class, shows what the probes find where z has to carry it."""
    latent_sizes: tuple[Count, ...] = Field((2, 10), min_length=1)
    """Of z; planes are drawn for 2."""
    labels: Count = 100
    """Labelled images that M2 sees."""
    train: ImageTrainConfig = ImageTrainConfig()
    m2: M2Config = M2Config()
    side: int = Field(10, ge=2, le=100)
    """Pictures along each side of a plane."""
    images: Count = 3000
    """Training images whose codes the probes learn from, and at most as many test images."""


def run(config: PlanesConfig, data: ImageData, seed: int, device: str, progress: Progress) -> list[Panel]:
    """Every model for every size of z."""
    if data.train.labels is None:
        raise ConfigError(f"{data.name} has no classes: this study needs data such as digits or mnist")
    rows: list[dict[str, Any]] = []
    panels = []
    plan = [(name, size) for name in config.models for size in config.latent_sizes]
    for name, size in track(plan, "planes of styles", progress=progress):
        model = _model(name, size, config, data, seed, device)
        rows.append({"model": name, "z": size, **_probes(model, data, config, seed)})
        if size == 2 and model.config.conditional:
            panels.append(plane_panel(model, config.side, f"planes-{name.split()[0].lower()}", f"{name}: styles"))
    table = Panel(
        "probes",
        "table",
        "Test error in percent of the class read from z",
        "Posterior means of test images, inferred with their true class; a logistic regression and the 15 nearest "
        "neighbours, both on codes of training images. A style that tells nothing of its class leaves them at chance.",
        frame=pd.DataFrame(rows),
    )
    return [*panels, table]


STUDY = Study(PlanesConfig, run)


def _model(name: str, size: int, config: PlanesConfig, data: ImageData, seed: int, device: str) -> ImageVAE:
    if name != "M2":
        conditional = name == "conditional VAE"
        return trained(config.train, data, seed, device, silent, latent_size=size, conditional=conditional)
    vae = config.m2.vae.model_copy(update={"latent_size": size})
    settings = config.m2.model_copy(update={"vae": vae})
    labelled = data.train[draw_labelled(data.train, config.labels, data.classes, seed)]
    return train_m2(settings, data.train, labelled, data.test, seed, device)[0].vae


def _probes(model: ImageVAE, data: ImageData, config: PlanesConfig, seed: int) -> dict[str, float]:
    train, test = data.train[: config.images], data.test[: config.images]
    assert train.labels is not None and test.labels is not None
    z, unseen = _codes(model, train, config, seed), _codes(model, test, config, seed)
    return {
        "linear": 100 * linear_probe_error(z, train.labels, unseen, test.labels),
        "nearest neighbours": 100 * neighbour_probe_error(z, train.labels, unseen, test.labels),
        "chance": 100 * chance_error(test.labels),
    }


def _codes(model: ImageVAE, part: ImageSplit, config: PlanesConfig, seed: int) -> Tensor:
    pixels = binarise(part.pixels, config.train.binarisation, torch.Generator().manual_seed(seed))
    return model.encode(pixels, part.labels if model.config.conditional else None)


def plane_panel(model: ImageVAE, side: int, name: str, title: str) -> Panel:
    """The plane of a conditional model's code for every class, five in a row.

    Raises:
        ConfigError: the code has not two dimensions, or the model has no classes.
    """
    if model.latent_size != 2 or not model.config.conditional:
        raise ConfigError("planes are drawn of a conditional model with two latent dimensions")
    planes = []
    for label in range(model.classes):
        images = model.decode(gaussian_grid(side), torch.full((side * side,), label)).mean(1)
        # side x side pictures of H x W become one picture of (side H) x (side W)
        planes.append(images.unflatten(0, (side, side)).transpose(1, 2).flatten(2).flatten(0, 1))
    columns = min(5, model.classes)
    blank = [torch.zeros_like(planes[0])] * (-len(planes) % columns)
    array = torch.stack([*planes, *blank]).clamp(0, 1).unflatten(0, (-1, columns)).numpy()
    caption = "One plane for each class, in reading order; the same z at the same place (Kingma et al. 2014, figure 1)."
    return Panel(name, "images", title, caption, array=array)
