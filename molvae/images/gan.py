"""A generative adversarial network (Goodfellow et al. 2014) of convolutions (DCGAN: Radford et al. 2016).

the judge maximises       log D(x) + log(1 - D(G(z)))
the generator maximises   log D(G(z))                     the non-saturating form; z ~ N(0, I)
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from molvae.core.distributions import standard_normal_like
from molvae.core.fit import Player
from molvae.errors import ConfigError
from molvae.images.batches import ImageBatch


class GAN(nn.Module):
    """Generator and judge.

    Args:
        shape: (C, H, W); sides are multiples of 4.
        latent_size: D
        channels: of the generator at half resolution and of the judge there, twice as many at a quarter.
    """

    def __init__(self, shape: tuple[int, int, int], latent_size: int = 64, channels: int = 32) -> None:
        super().__init__()
        if shape[1] % 4 or shape[2] % 4:
            raise ConfigError(f"this GAN needs sides that are multiples of 4, not {shape[1]} x {shape[2]}")
        self.latent_size, c, grid = latent_size, channels, (shape[1] // 4, shape[2] // 4)
        self.generator = nn.Sequential(
            nn.Linear(latent_size, 4 * c * grid[0] * grid[1], bias=False),
            nn.Unflatten(1, (4 * c, *grid)),
            nn.BatchNorm2d(4 * c),
            nn.ReLU(),
            nn.ConvTranspose2d(4 * c, 2 * c, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(2 * c),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * c, shape[0], 4, stride=2, padding=1),
            nn.Sigmoid(),
        )
        self.judge = nn.Sequential(
            nn.Conv2d(shape[0], c, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(c, 2 * c, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(2 * c),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.3),
            nn.Flatten(),
            nn.Linear(2 * c * grid[0] * grid[1], 1),
        )

    def made(self, number: int, generator: torch.Generator | None = None) -> Tensor:
        """G(z) of z ~ N(0, I): (number, C, H, W) in [0, 1]."""
        weight = next(self.parameters())
        images: Tensor = self.generator(standard_normal_like(weight, (number, self.latent_size), generator))
        return images

    @torch.no_grad()
    def sample(self, number: int, generator: torch.Generator | None = None) -> Tensor:
        """Images (number, C, H, W) in [0, 1]."""
        return self.made(number, generator)

    def judged(self, pixels: Tensor) -> Tensor:
        """Logit of D(x), (B,)."""
        logits: Tensor = self.judge(pixels).squeeze(-1).float()
        return logits


def players(model: GAN, learning_rate: float) -> list[Player]:
    """Judge and generator, with the momentum of Radford et al. 2016."""
    betas = (0.5, 0.999)
    return [
        Player("judge", list(model.judge.parameters()), judging, learning_rate, betas),
        Player("generator", list(model.generator.parameters()), deceiving, learning_rate, betas),
    ]


def judging(
    model: nn.Module, batch: ImageBatch, step: int, generator: torch.Generator
) -> tuple[Tensor, dict[str, Tensor]]:
    """log D(x) + log(1 - D(G(z))), and the share that is told right."""
    assert isinstance(model, GAN)
    with torch.no_grad():
        made = model.made(len(batch), generator)
    real, fake = model.judged(batch.pixels), model.judged(made)
    told = ((real > 0).float() + (fake < 0).float()) / 2
    return logsigmoid(real) + logsigmoid(-fake), {"told apart": told}


def deceiving(
    model: nn.Module, batch: ImageBatch, step: int, generator: torch.Generator
) -> tuple[Tensor, dict[str, Tensor]]:
    """log D(G(z))."""
    assert isinstance(model, GAN)
    return logsigmoid(model.judged(model.made(len(batch), generator))), {}
