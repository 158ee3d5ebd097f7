"""A VAE of whole fonts: one code for the style that all glyphs of a font share, a class for what each of them is.

An example x is a font with its C glyphs. Each glyph that is seen gives evidence about the style, a Gaussian factor,
and q(z|seen) is their product with the prior, so that one glyph tells something and several tell more (the multi-level
VAE of Bouchacourt, Tomioka & Nowozin 2018):

    q(z|x_a, ...) ~ N(z; 0, I) prod_a N(z; m(x_a, a), diag(1 / p(x_a, a)))
    p(x|z) = prod_b N(x_b; f(z, b), sigma^2)

A VAE of single glyphs, conditional on the class, need not use z alike in all classes; here nothing else is learned.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from molvae.core.distributions import DiagonalGaussian, Gaussian
from molvae.core.heads import SharedSigmaHead
from molvae.core.priors import StandardNormal
from molvae.core.vae import VAE
from molvae.errors import ConfigError
from molvae.images.datasets import ImageSplit
from molvae.images.networks import ACTIVATIONS
from molvae.run.config import Config
from molvae.run.seeds import step_seed


class StyleVAEConfig(Config):
    """Architecture."""

    latent_size: int = Field(16, ge=1, le=1024)
    """D, of the style."""
    hidden_size: int = Field(512, ge=1, le=16_384)
    """Width of all layers."""
    activation: Literal["tanh", "relu", "silu", "softplus"] = "silu"
    sigma: float = Field(0.2, gt=0, le=10)
    """Of a pixel, to begin with; it is learned."""


@dataclass(frozen=True)
class FontBatch:
    """B fonts: the glyphs that are seen, and those that are to be drawn.

    Attributes:
        seen: (B, A, P) pixels
        seen_labels: (B, A) int64
        targets: (B, K, P)
        target_labels: (B, K)
        weight: of a target in the likelihood, C / K: the sum over all C glyphs is estimated from K of them.
    """

    seen: Tensor
    seen_labels: Tensor
    targets: Tensor
    target_labels: Tensor
    weight: float = 1.0

    def __len__(self) -> int:
        return len(self.seen)

    def to(self, device: torch.device) -> "FontBatch":
        """The batch on a device."""
        seen, seen_labels = self.seen.to(device), self.seen_labels.to(device)
        return FontBatch(seen, seen_labels, self.targets.to(device), self.target_labels.to(device), self.weight)


def by_font(data: ImageSplit, classes: int) -> Tensor:
    """Glyphs as :func:`molvae.images.datasets.glyphs` orders them, as fonts (F, C, P).

    Raises:
        ConfigError: other data.
    """
    labels = torch.arange(classes).repeat(max(1, len(data) // max(1, classes)))
    if not classes or data.labels is None or not torch.equal(data.labels, labels):
        raise ConfigError("this needs fonts, each with one glyph of every class in order: the data glyphs or fonts")
    return data.pixels.flatten(1).view(-1, classes, data.pixels[0].numel())


class FontBatches:
    """Shuffled fonts with glyphs drawn anew at each step: one to ``most`` that are seen, ``targets`` that are drawn.

    Args:
        fonts: (F, C, P)
        batch_size: fonts a step.
        repeats: of all fonts in an epoch.
        most: glyphs that are seen, at most.
        targets: K
        seed: of everything random, which depends on it and the epoch alone.
    """

    def __init__(self, fonts: Tensor, batch_size: int, repeats: int, most: int, targets: int, seed: int = 0) -> None:
        self.fonts, self.batch_size, self.repeats, self.seed = fonts, batch_size, repeats, seed
        classes = fonts.shape[1]
        self.most, self.targets = min(most, classes), min(targets, classes)

    def __len__(self) -> int:
        return -(-len(self.fonts) * self.repeats // self.batch_size)

    def epoch(self, number: int, skip: int = 0) -> Iterator[FontBatch]:
        """The batches of an epoch, from batch ``skip`` on."""
        order = np.random.default_rng((self.seed, number)).permutation(len(self.fonts) * self.repeats) % len(self.fonts)
        for place, rows in enumerate(torch.from_numpy(order).split(self.batch_size)):
            if place >= skip:
                seed = step_seed(step_seed(self.seed, number, 100_003), place, 100_003)
                yield self._batch(rows, torch.Generator().manual_seed(seed))

    def _batch(self, rows: Tensor, generator: torch.Generator) -> FontBatch:
        number = int(torch.randint(1, self.most + 1, (1,), generator=generator))
        shape = len(rows), self.fonts.shape[1]
        seen = torch.rand(shape, generator=generator).argsort(1)[:, :number]
        targets = torch.rand(shape, generator=generator).argsort(1)[:, : self.targets]
        return font_batch(self.fonts[rows], seen, targets)


def font_batch(fonts: Tensor, seen: Tensor, targets: Tensor) -> FontBatch:
    """Fonts (B, C, P) of which the glyphs ``seen`` (B, A) are known and ``targets`` (B, K) are to be drawn."""
    rows = torch.arange(len(fonts))[:, None]
    weight = fonts.shape[1] / targets.shape[1]
    return FontBatch(fonts[rows, seen], seen, fonts[rows, targets], targets, weight)


class _StyleEncoder(nn.Module):
    """Seen glyphs (B, A, P), their classes (B, A) -> q(z|seen)."""

    def __init__(self, pixels: int, classes: int, config: StyleVAEConfig) -> None:
        super().__init__()
        size, activation = config.hidden_size, ACTIVATIONS[config.activation]
        self.picture, self.label = nn.Linear(pixels, size), nn.Embedding(classes, size)
        self.rest = nn.Sequential(
            activation(), nn.Linear(size, size), activation(), nn.Linear(size, 2 * config.latent_size)
        )

    def forward(self, x: FontBatch) -> DiagonalGaussian:
        centre, raw = self.rest(self.picture(x.seen) + self.label(x.seen_labels)).float().chunk(2, -1)
        precision = nn.functional.softplus(raw)
        total = 1 + precision.sum(-2)  # 1: of the prior
        return DiagonalGaussian((centre * precision).sum(-2) / total, -total.log())


class _GlyphDecoder(nn.Module):
    """z (S, B, D), classes (B, K) -> pictures (S, B, K, P).

    The class shifts and scales what z says, so that a class may need a style in its own way.
    """

    def __init__(self, pixels: int, classes: int, config: StyleVAEConfig) -> None:
        super().__init__()
        size, activation = config.hidden_size, ACTIVATIONS[config.activation]
        self.style, self.shift, self.scale = (
            nn.Linear(config.latent_size, size),
            nn.Embedding(classes, size),
            nn.Embedding(classes, size),
        )
        nn.init.normal_(self.scale.weight, std=0.1)
        layers = [activation(), nn.Linear(size, size), activation(), nn.Linear(size, size), activation()]
        self.rest, self.last = nn.Sequential(*layers), nn.Linear(size, pixels)
        self.head = SharedSigmaHead(config.sigma)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        style = self.style(z).unsqueeze(-2)
        pictures: Tensor = self.last(self.rest(style * (1 + self.scale(labels)) + self.shift(labels)))
        return pictures


@dataclass(frozen=True)
class Glyphs:
    """p(x|z) of all glyphs of a font, estimated from K of them."""

    each: Gaussian
    weight: float

    def log_prob(self, x: Tensor) -> Tensor:
        """x (B, K, P) -> (S, B)"""
        return self.weight * self.each.log_prob(x)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        return self.each.sample(generator)

    @property
    def mode(self) -> Tensor:
        return self.each.mode


class StyleVAE(VAE):
    """A VAE of fonts.

    Args:
        config: architecture.
        pixels: P, of a glyph.
        classes: C
    """

    def __init__(self, config: StyleVAEConfig, pixels: int, classes: int) -> None:
        encoder, decoder = _StyleEncoder(pixels, classes, config), _GlyphDecoder(pixels, classes, config)
        super().__init__(encoder, StandardNormal(config.latent_size), decoder)
        self.config, self.classes = config, classes

    def set_mean(self, fonts: Tensor) -> None:
        """Start from the mean of these fonts (F, C, P)."""
        with torch.no_grad():
            self.decoder.last.bias.copy_(fonts.mean((0, 1)))  # type: ignore[union-attr, operator]

    def likelihood(self, z: Tensor, x: FontBatch) -> Glyphs:
        return Glyphs(self.decoder.head(self.decoder(z, x.target_labels)), x.weight)  # type: ignore[operator]

    def target(self, x: FontBatch) -> Tensor:
        return x.targets

    @torch.no_grad()
    def encode(self, pictures: Tensor, labels: Tensor) -> Tensor:
        """Mean styles (B, D) of fonts of which the glyphs (B, A, P) of the classes ``labels`` (B, A) are seen."""
        seen = pictures.to(self.device), labels.to(self.device)
        return self.posterior(FontBatch(*seen, *seen)).mean.cpu()

    @torch.no_grad()
    def decode(self, z: Tensor, labels: Tensor) -> Tensor:
        """Glyphs (B, K, P) of the classes ``labels`` (K,) in the styles z (B, D)."""
        given = labels.to(self.device).expand(len(z), -1)
        return self.decoder(z.to(self.device).unsqueeze(0), given)[0].float().cpu()
