"""Images in batches, and what makes grey pixels binary.

A Bernoulli likelihood is a density of zeros and ones only, so grey data needs a policy, and every number in nats
names it:

- ``dynamic``: a fresh draw x ~ Bernoulli(grey value) whenever an image is seen (Burda et al. 2016);
- ``static``: one such draw for each image, the same for ever (Salakhutdinov & Murray 2008); about 2 nats worse, by
  overfitting;
- ``threshold``: x = 1 where the grey value is above one half;
- ``none``: grey values as they are, for likelihoods of real values.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from molvae.core.distributions import uniform_like
from molvae.errors import ConfigError
from molvae.images.datasets import ImageSplit
from molvae.run.seeds import step_seed

Binarisation = Literal["dynamic", "static", "threshold", "none"]


@dataclass(frozen=True)
class ImageBatch:
    """B images.

    Attributes:
        pixels: (B, C, H, W)
        labels: (B,) int64, or None; what a conditional model is given may also be weights of the classes, (B, K)
        index: (B,) rows in the data set
    """

    pixels: Tensor
    labels: Tensor | None
    index: Tensor

    def __len__(self) -> int:
        return len(self.pixels)

    def to(self, device: torch.device) -> "ImageBatch":
        """The batch on a device."""
        labels = None if self.labels is None else self.labels.to(device)
        return ImageBatch(self.pixels.to(device), labels, self.index.to(device))


def binarise(pixels: Tensor, policy: Binarisation, generator: torch.Generator) -> Tensor:
    """Apply a policy to grey values in [0, 1]; the randomness of both draws is the generator's."""
    if policy in ("dynamic", "static"):
        return (uniform_like(pixels, tuple(pixels.shape), generator) < pixels).float()
    return (pixels > 0.5).float() if policy == "threshold" else pixels


class ImageBatches:
    """Shuffled batches of a data set; the order and the binary draws of an epoch depend on (seed, epoch) alone.

    Args:
        data: with grey values in [0, 1].
        batch_size: images a step; the last batch of an epoch may be smaller.
        seed: of order and binarisation.
        binarisation: see the module.
    """

    def __init__(self, data: ImageSplit, batch_size: int, seed: int = 0, binarisation: Binarisation = "none") -> None:
        if not len(data):
            raise ConfigError("there are no images to train on")
        _check_range(data, binarisation)
        self.data, self.batch_size, self.seed, self.binarisation = data, batch_size, seed, binarisation
        if binarisation in ("static", "threshold"):
            fixed = binarise(data.pixels, binarisation, torch.Generator().manual_seed(seed))
            self.data = ImageSplit(fixed, data.labels)

    def __len__(self) -> int:
        return -(-len(self.data) // self.batch_size)

    def epoch(self, number: int, skip: int = 0) -> Iterator[ImageBatch]:
        """The batches of an epoch, from batch ``skip`` on."""
        order = torch.from_numpy(np.random.default_rng((self.seed, number)).permutation(len(self.data)))
        generator = torch.Generator()
        for number_in_epoch, rows in enumerate(order.split(self.batch_size)):
            if number_in_epoch < skip:
                continue
            pixels = self.data.pixels[rows]
            if self.binarisation == "dynamic":
                generator.manual_seed(step_seed(step_seed(self.seed, number, 100_003), number_in_epoch, 100_003))
                pixels = binarise(pixels, "dynamic", generator)
            labels = None if self.data.labels is None else self.data.labels[rows]
            yield ImageBatch(pixels, labels, rows)


def _check_range(data: ImageSplit, policy: Binarisation) -> None:
    if policy != "none" and len(data) and not (data.pixels.min() >= 0 and data.pixels.max() <= 1):
        raise ConfigError(
            f"binarisation {policy!r} needs grey values in [0, 1], not {float(data.pixels.min()):.2g} to "
            f"{float(data.pixels.max()):.2g}: set binarisation to none and a Gaussian likelihood"
        )


def in_order(
    data: ImageSplit, batch_size: int = 250, binarisation: Binarisation = "none", seed: int = 0
) -> list[ImageBatch]:
    """A data set in its own order for evaluation; ``dynamic`` and ``static`` draw once, with ``seed``."""
    _check_range(data, binarisation)
    pixels = binarise(data.pixels, binarisation, torch.Generator().manual_seed(seed))
    return [
        ImageBatch(pixels[rows], None if data.labels is None else data.labels[rows], rows)
        for rows in torch.arange(len(data)).split(batch_size)
    ]
