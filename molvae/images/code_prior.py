"""The second stage of a vector-quantised model: a prior learned on the codes of the training images."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from molvae.core.fit import FitConfig, fit
from molvae.core.nn.pixel_cnn import GatedPixelCNN
from molvae.errors import ConfigError
from molvae.images.codebooks import CodePriorConfig
from molvae.images.datasets import ImageData
from molvae.images.networks import grid_size
from molvae.images.vae import ImageVAE
from molvae.run.config import Config
from molvae.run.progress import Progress, on_stderr


class CodePriorTrainConfig(Config):
    """How the prior over the codes is trained; the model stays as it is."""

    network: CodePriorConfig = CodePriorConfig()
    batch_size: int = Field(100, ge=1, le=100_000)
    """Grids of codes a step."""
    fit: FitConfig = FitConfig(epochs=20, learning_rate=2e-3)


@dataclass(frozen=True)
class CodeBatch:
    """Codes of B images, (B, N) int64."""

    index: Tensor

    def __len__(self) -> int:
        return len(self.index)

    def to(self, device: torch.device) -> "CodeBatch":
        """The batch on a device."""
        return CodeBatch(self.index.to(device))


class CodeBatches:
    """Shuffled batches of codes (n, N); the order of an epoch depends on (seed, epoch) alone."""

    def __init__(self, index: Tensor, batch_size: int, seed: int) -> None:
        self.index, self.batch_size, self.seed = index, batch_size, seed

    def __len__(self) -> int:
        return -(-len(self.index) // self.batch_size)

    def epoch(self, number: int, skip: int = 0) -> Iterator[CodeBatch]:
        """The batches of an epoch, from batch ``skip`` on."""
        order = torch.from_numpy(np.random.default_rng((self.seed, number)).permutation(len(self.index)))
        for rows in order.split(self.batch_size)[skip:]:
            yield CodeBatch(self.index[rows])


def learn_prior(
    model: ImageVAE,
    config: CodePriorTrainConfig,
    data: ImageData,
    folder: Path,
    device: str = "auto",
    progress: Progress = on_stderr,
) -> ImageVAE:
    """The model with a prior learned on the codes of the training images; what has been begun in ``folder`` goes on.

    Args:
        model: with a codebook, trained.
        config: settings of the prior.
        data: the images that it was trained on; the validation part decides which weights are kept.
        folder, device, progress: see :func:`molvae.core.fit.fit`.

    Raises:
        ConfigError: a model without a codebook.
    """
    if model.config.codebook is None:
        raise ConfigError("a prior is learned for the codes of a codebook: set train.model.codebook")
    codes = {name: model.codes(part.pixels) for name, part in (("train", data.train), ("valid", data.valid))}
    grid = grid_size(model.shape, model.config.network)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.fit.seed)  # torch's modules draw their weights from the global generator
        network = GatedPixelCNN(model.config.codebook.size, *grid, config.network.channels, config.network.layers)
    folder.mkdir(parents=True, exist_ok=True)
    held_out = [CodeBatch(part) for part in codes["valid"].split(250)]

    def validate(weights: nn.Module, step: int) -> dict[str, float]:
        place = next(weights.parameters()).device
        values = [_log_prob(weights, batch.to(place)).cpu() for batch in held_out]
        return {"objective": float(torch.cat(values).mean())}

    batches = CodeBatches(codes["train"], config.batch_size, config.fit.seed)
    fit(network, batches, _objective, config.fit, folder, validate, device, progress)
    return model.with_prior(network, config.network)


def _log_prob(network: Any, batch: CodeBatch) -> Tensor:
    """log p of all codes of each image, (B,)."""
    values: Tensor = network.log_prob(batch.index).sum(-1)
    return values


def _objective(
    network: nn.Module, batch: CodeBatch, step: int, generator: torch.Generator
) -> tuple[Tensor, dict[str, Tensor]]:
    return _log_prob(network, batch), {}
