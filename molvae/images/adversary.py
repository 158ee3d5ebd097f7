"""A VAE and an adversary: a network that tells real patches from reconstructed ones, and a VAE that is to deceive it.

    D    E_x[mean_p log s(D_p(x))] + E_q[mean_p log (1 - s(D_p(x^)))]                 Goodfellow et al. 2014
    VAE  its objective + w E_q[mean_p log s(D_p(x^))],  x^ the mean of p(x|z)         Larsen et al. 2016; Rivera 2023

D is a PatchGAN (Isola et al. 2017): one number for each of many overlapping patches p, so that it judges texture, and
the likelihood the picture as a whole. Both move in each step, the VAE first, D on the reconstructions that the VAE has
just been trained on. The sum is no bound on log p(x), and no density has D in it: the adversary is needed for training
alone, and the trained model is a VAE like any other.
"""

from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from molvae.core.fit import Player, Validation
from molvae.core.terms import Terms
from molvae.core.training import ObjectiveConfig, vae_objective
from molvae.errors import ConfigError
from molvae.images.batches import ImageBatch
from molvae.images.vae import ImageVAE
from molvae.run.config import Config

Decay = Annotated[float, Field(ge=0, lt=1)]


class AdversaryConfig(Config):
    """Another network, which learns to tell reconstructions from real images."""

    weight: float = Field(100.0, ge=0, le=1e6)
    """w: nats for a reconstruction of which every patch is e times more often taken for real."""
    channels: int = Field(16, ge=8, multiple_of=8, le=2048)
    """Feature maps of its first layer, twice as many in each that follows."""
    levels: int = Field(2, ge=1, le=6)
    """How often sides are halved: a patch has 10, 22, 46, ... pixels a side."""
    learning_rate: float = Field(1e-4, gt=0, le=10)
    """Peak of its schedule; that of the VAE is ``fit.learning_rate``."""
    betas: tuple[Decay, Decay] = (0.5, 0.999)
    """Of both optimizers (Adam): against an opponent that changes, old gradients are forgotten sooner."""


class PatchDiscriminator(nn.Module):
    """(B, C, H, W) -> logits (B, h, w), one for each patch: above zero it is taken for real.

    Args:
        config: widths and depth.
        shape: (C, H, W)

    Raises:
        ConfigError: images too small to be halved so often.
    """

    def __init__(self, config: AdversaryConfig, shape: tuple[int, int, int]) -> None:
        super().__init__()
        channels, height, width = shape
        if min(height, width) < 2 ** (config.levels + 1):
            raise ConfigError(
                f"an adversary of {config.levels} levels needs images of {2 ** (config.levels + 1)} pixels a side, "
                f"not {height} x {width}: set adversary.levels"
            )
        layers: list[nn.Module] = []
        for level in range(config.levels):
            wider = config.channels * 2**level
            layers.append(nn.Conv2d(channels, wider, 4, stride=2, padding=1))
            # none on pixels: it would hide how bright they are
            layers += [nn.GroupNorm(1, wider)] * (level > 0) + [nn.LeakyReLU(0.2)]
            channels = wider
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels, 1, 4, padding=1))

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.layers(pixels.to(memory_format=torch.channels_last)).float()
        return logits.squeeze(1)


class AdversarialPair(nn.Module):
    """The VAE and its adversary as the training loop sees them.

    Args:
        vae: trained in place.
        config: of the adversary.

    Attributes:
        rebuilt: (B, C, H, W), what the VAE made of the images of the present step.
    """

    def __init__(self, vae: ImageVAE, config: AdversaryConfig) -> None:
        super().__init__()
        self.vae, self.config = vae, config
        self.judge = PatchDiscriminator(config, vae.shape)
        self.rebuilt: Tensor | None = None

    def players(self, objective: ObjectiveConfig, learning_rate: float) -> list[Player]:
        """The VAE, which maximises ``objective`` and deceives, and its adversary."""
        deceives = vae_objective(objective, additions=[self._deception])

        def rebuild(
            pair: nn.Module, batch: ImageBatch, step: int, generator: torch.Generator
        ) -> tuple[Tensor, dict[str, Tensor]]:
            return deceives(self.vae, batch, step, generator)

        vae = Player("vae", list(self.vae.parameters()), rebuild, learning_rate, self.config.betas)
        judge = Player(
            "adversary", list(self.judge.parameters()), self._judge, self.config.learning_rate, self.config.betas
        )
        return [vae, judge]

    def _deception(
        self, model: Any, terms: Terms, step: int, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        self.judge.requires_grad_(False)  # its own gradient is not asked for here: a third of its time
        rebuilt = terms.px.mean
        self.rebuilt = rebuilt[0].detach()  # of several draws of z one is judged, as many as there are real images
        deceived = nn.functional.logsigmoid(self.judge(rebuilt.flatten(0, 1))).mean((-2, -1))
        deceived = deceived.unflatten(0, rebuilt.shape[:2]).mean(0)
        return self.config.weight * deceived, {"deceived": deceived}

    def _judge(
        self, pair: nn.Module, batch: ImageBatch, step: int, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        assert self.rebuilt is not None
        self.judge.requires_grad_(True)
        real, made = self.judge(torch.cat([batch.pixels, self.rebuilt])).chunk(2)
        values = nn.functional.logsigmoid(real) + nn.functional.logsigmoid(-made)
        right = ((real > 0).float() + (made < 0).float()) / 2
        return values.mean((-2, -1)), {"told_apart": right.mean((-2, -1))}


def validated_to_the_end(validate: Validation) -> Validation:
    """The validation of the VAE of a pair; ``steps`` counts them.

    No held-out number says how real an image looks, and the bound would choose the weights that the adversary has moved
    least: monitored by ``steps``, the last weights are kept.
    """

    def measure(pair: nn.Module, step: int) -> dict[str, float]:
        vae = pair.vae
        assert isinstance(vae, ImageVAE)
        return {**validate(vae, step), "steps": float(step)}

    return measure
