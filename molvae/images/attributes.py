"""Images by what is known of them: a vector of attributes as the condition, and a network that tells them again.

Attributes are numbers from 0 to 1, as many as there are names; they take the place of classes in a conditional VAE.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from molvae.core.fit import FitConfig, fit
from molvae.errors import ConfigError
from molvae.images.batches import ImageBatch, ImageBatches
from molvae.images.celeba import ATTRIBUTES
from molvae.images.datasets import ImageData, ImageSplit
from molvae.images.networks import ENCODERS, ConvEncoder, NetworkConfig
from molvae.images.scenes import SHAPES, SPRITE_FACTORS
from molvae.run.progress import silent
from molvae.run.trainings import training_folder

FACES = ("Male", "Smiling", "Eyeglasses", "Blond_Hair", "Black_Hair", "Bangs", "Young", "No_Beard")
"""Attributes of CelebA that are seen in a face of 32 x 32 pixels."""


@dataclass(frozen=True)
class Attributed:
    """Data whose labels are attributes, (N, A) float of zeros and ones.

    Attributes:
        data: ``classes`` is A.
        names: of the attributes.
    """

    data: ImageData
    names: tuple[str, ...]


def attributed(data: ImageData, names: Sequence[str] = ()) -> Attributed:
    """Data with attributes in the place of classes: of faces those that came with them, of sprites what they are drawn
    from.

    Args:
        data: ``celeba`` or ``sprites``.
        names: of the attributes to take; default: :data:`FACES`, or all that are made of sprites.

    Raises:
        ConfigError: other data, an unknown name, or faces without attributes.
    """
    parts = (data.train, data.valid, data.test)
    if data.name not in ("sprites", "celeba"):
        raise ConfigError(f"{data.name} has no attributes: this needs celeba or sprites")
    if data.train.factors is None:
        raise ConfigError("these faces have no attributes: keep list_attr_celeba.txt beside them, in FOLDER/celeba")
    factors = torch.cat([part.factors for part in parts if part.factors is not None])
    known, values = (list(ATTRIBUTES), factors) if data.name == "celeba" else _of_sprites(factors)
    names = names or (FACES if data.name == "celeba" else known)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(f"no attribute {unknown[0]!r}: there are {', '.join(known)}")
    chosen = values[:, [known.index(name) for name in names]]
    split = chosen.split([len(part) for part in parts])
    train, valid, test = (replace(part, labels=labels) for part, labels in zip(parts, split, strict=True))
    return Attributed(ImageData(data.name, train, valid, test, len(names)), tuple(names))


def _of_sprites(factors: Tensor) -> tuple[list[str], Tensor]:
    of = {name: factors[:, place] for place, name in enumerate(SPRITE_FACTORS)}
    values = {
        "heart": of["shape"] == SHAPES.index("heart"),
        "square": of["shape"] == SHAPES.index("square"),
        "large": of["size"] > 0.19,
        "left": of["x"] < 0.5,
        "high": of["y"] < 0.5,
        "red": of["hue"] < 0.1,
    }
    return list(values), torch.stack(list(values.values()), 1).float()


class AttributeJudge(nn.Module):
    """p(attribute|x) of each attribute on its own, by one of the encoders: (B, C, H, W) -> logits (B, A)."""

    def __init__(self, config: NetworkConfig, shape: tuple[int, int, int], attributes: int) -> None:
        super().__init__()
        self.network = ENCODERS[config.kind](shape, attributes, config)

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.network(pixels).float()
        return logits

    @torch.no_grad()
    def tell(self, pixels: Tensor) -> Tensor:
        """Whether each image (n, C, H, W) has each attribute, (n, A) of zeros and ones."""
        target = next(self.parameters()).device
        return torch.cat([(self(part.to(target)) > 0).float().cpu() for part in pixels.split(500)])

    def features(self, pixels: Tensor) -> Tensor:
        """What the last layer of a convolutional network sees of images (n, C, H, W): (n, hidden_size).

        Raises:
            ConfigError: a network of another kind.
        """
        if not isinstance(self.network, ConvEncoder):
            raise ConfigError("features are told of the networks cnn and resnet")
        return self.network.hidden(pixels)


def train_judge(
    config: NetworkConfig, settings: FitConfig, images: ImageSplit, seed: int, device: str, batch_size: int = 100
) -> AttributeJudge:
    """Learn to tell attributes from real images; rare ones weigh as much as their absence."""
    assert images.labels is not None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        judge = AttributeJudge(config, images.shape, images.labels.shape[1])
    share = images.labels.mean(0).clamp(0.01, 0.99)

    def objective(
        network: nn.Module, batch: ImageBatch, step: int, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        assert batch.labels is not None
        loss = nn.functional.binary_cross_entropy_with_logits(network(batch.pixels), batch.labels, reduction="none")
        weight = torch.where(batch.labels > 0.5, 0.5 / share, 0.5 / (1 - share))
        return -(weight * loss).sum(-1), {}

    fitting = settings.model_copy(update={"seed": seed})
    with training_folder() as folder:
        batches = ImageBatches(images, batch_size, seed)
        fit(judge, batches, objective, fitting, folder, device=device, progress=silent)
    return judge.eval()


def balanced_accuracy(told: Tensor, truth: Tensor) -> Tensor:
    """Mean of the shares told right among images with and without each attribute: (n, A), (n, A) -> (A,)."""
    right = (told == truth).float()
    with_it = (right * truth).sum(0) / truth.sum(0).clamp(min=1)
    without = (right * (1 - truth)).sum(0) / (1 - truth).sum(0).clamp(min=1)
    return (with_it + without) / 2
