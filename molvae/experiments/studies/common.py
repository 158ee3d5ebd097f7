"""What the studies share: a short training run that keeps no files."""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from molvae.images.datasets import ImageData
from molvae.images.training import ImageTrainConfig, train_images
from molvae.images.vae import ImageVAE
from molvae.run.progress import Progress


def trained(
    config: ImageTrainConfig, data: ImageData, seed: int, device: str, progress: Progress, **changes: object
) -> ImageVAE:
    """A model trained with these settings and ``changes`` to the model's own, such as ``latent_size=5``."""
    model = config.model.model_copy(update=changes)
    settings = config.model_copy(update={"model": model, "fit": config.fit.model_copy(update={"seed": seed})})
    with TemporaryDirectory() as folder:
        return train_images(settings, data, Path(folder), device, progress)


def examples_by_class(labels: Tensor, classes: int, number: int = 1) -> Tensor:
    """Rows of the first ``number`` examples of each class, class by class."""
    return torch.cat([torch.nonzero(labels == label).flatten()[:number] for label in range(classes)])
