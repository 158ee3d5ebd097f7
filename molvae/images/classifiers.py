"""Classifiers of images: discriminative, q(y|x) of a network, and generative, argmax_y of the bound of log p(x, y)."""

import math

import torch
from torch import Tensor, nn

from molvae.core.fit import FitConfig, fit
from molvae.core.objectives import elbo
from molvae.errors import ConfigError, InputError
from molvae.images.batches import Binarisation, ImageBatch, ImageBatches, in_order
from molvae.images.datasets import ImageSplit
from molvae.images.networks import ENCODERS, ConvEncoder, NetworkConfig
from molvae.images.vae import ImageVAE
from molvae.run.progress import silent
from molvae.run.trainings import training_folder


class Classifier(nn.Module):
    """log q(y|x) by one of the encoders.

    Args:
        config: a name of ``ENCODERS`` and its widths.
        shape: (C, H, W)
        classes: K
    """

    def __init__(self, config: NetworkConfig, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        self.network = ENCODERS[config.kind](shape, classes, config)

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, K)."""
        return torch.log_softmax(self.network(pixels).float(), -1)

    @torch.no_grad()
    def predict(self, pixels: Tensor) -> Tensor:
        """Most probable class of each image, (n,)."""
        target = next(self.parameters()).device
        return torch.cat([self(part.to(target)).argmax(-1).cpu() for part in pixels.split(1000)])

    def features(self, pixels: Tensor) -> Tensor:
        """What the last layer of a convolutional network sees of images (n, C, H, W): (n, hidden_size).

        Raises:
            ConfigError: a network of another kind.
        """
        if not isinstance(self.network, ConvEncoder):
            raise ConfigError("features are told of the networks cnn and resnet")
        return self.network.hidden(pixels)


def train_classifier(
    config: NetworkConfig,
    settings: FitConfig,
    images: ImageSplit,
    classes: int,
    seed: int,
    device: str = "auto",
    batch_size: int = 100,
    binarisation: Binarisation = "none",
) -> Classifier:
    """Maximise the mean log q(y|x) of labelled images."""
    if images.labels is None:
        raise InputError("a classifier needs the classes of its images")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Classifier(config, images.shape, classes)
    batches = ImageBatches(images, batch_size, seed, binarisation)

    def objective(
        network: nn.Module, batch: ImageBatch, step: int, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        assert batch.labels is not None
        return network(batch.pixels).gather(-1, batch.labels.unsqueeze(-1)).squeeze(-1), {}

    settings = settings.model_copy(update={"seed": seed})
    with training_folder() as folder:
        fit(model, batches, objective, settings, folder, device=device, progress=silent)
    return model


def error_of(guesses: Tensor, images: ImageSplit) -> float:
    """Share of wrong classes (n,)."""
    assert images.labels is not None
    return float((guesses != images.labels).float().mean())


@torch.no_grad()
def most_probable_class(model: ImageVAE, pixels: Tensor, samples: int = 1, seed: int = 0) -> Tensor:
    """argmax_y of the bound of log p(x, y) = log p(x|y) + log p(y) with a uniform p(y): (n,).

    Args:
        model: conditional.
        pixels: (n, C, H, W), as the likelihood wants them (binary for a Bernoulli).
        samples: of z for each image and class.
        seed: of these.
    """
    generator, guesses = torch.Generator().manual_seed(seed), []
    for batch in in_order(ImageSplit(pixels), 200):
        # labels (K, 1) beside pixels (B, ...): every class of every image, (K, B)
        every = torch.arange(model.classes).unsqueeze(-1)
        bound = elbo(model.terms(ImageBatch(batch.pixels, every, batch.index).to(model.device), samples, generator))
        guesses.append((bound - math.log(model.classes)).argmax(0).cpu())
    return torch.cat(guesses)
