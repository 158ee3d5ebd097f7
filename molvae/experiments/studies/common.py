"""What a study is, and what the studies share: a short training run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from molvae.core.fit import METRICS
from molvae.images.datasets import ImageData
from molvae.images.training import ImageTrainConfig, train_images
from molvae.images.vae import ImageVAE
from molvae.run.config import Config
from molvae.run.panels import Panel
from molvae.run.progress import Progress
from molvae.run.trainings import training_folder


@dataclass(frozen=True)
class Study:
    """One study.

    Attributes:
        settings: class of its settings.
        run: (settings, data, seed, device, progress) -> panels; device: ``auto`` or a torch device.
        data: the data set that it takes when none is named.
    """

    settings: type[Config]
    run: Callable[[Any, ImageData, int, str, Progress], list[Panel]]
    data: str = "digits"


def trained(
    config: ImageTrainConfig,
    data: ImageData,
    seed: int,
    device: str,
    progress: Progress,
    log: list[dict[str, float]] | None = None,
    **changes: object,
) -> ImageVAE:
    """A model trained with these settings and ``changes`` to the model's own, such as ``latent_size=5``.

    Every row of the log of the run, those from before it was stopped included, is added to ``log``.
    """
    model = config.model.model_copy(update=changes)
    settings = config.model_copy(update={"model": model, "fit": config.fit.model_copy(update={"seed": seed})})
    with training_folder() as folder:
        trained_model = train_images(settings, data, folder, device, progress)
        if log is not None:
            log += pd.read_csv(folder / METRICS).to_dict("records")
    return trained_model


def examples_by_class(labels: Tensor, classes: int, number: int = 1) -> Tensor:
    """Rows of the first ``number`` examples of each class, class by class."""
    return torch.cat([torch.nonzero(labels == label).flatten()[:number] for label in range(classes)])
