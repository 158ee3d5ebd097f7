"""Analogies with a right answer: the style of one glyph, in another class, beside the true glyph of the same font.

A conditional VAE that never sees which glyphs share a font has no reason to give them one z: within each class the
style may be laid out in another way. Where fonts are known, z is inferred from a glyph (x', y') and has to explain
another one (x, y) of the font (as Bouchacourt et al. 2018 share the posterior of a group):

    log p(x|y, x', y') >= E_q(z|x',y')[log p(x|y,z)] - KL(q(z|x',y') || p(z))      x' of the font of x

All errors are squared, the mean over pixels.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from molvae.core.fit import Objective
from molvae.core.training import ObjectiveConfig
from molvae.errors import InputError
from molvae.images.batches import ImageBatch
from molvae.images.datasets import ImageSplit
from molvae.images.fonts import STYLES
from molvae.images.vae import ImageVAE


@dataclass(frozen=True)
class Fonts:
    """Glyphs by font and class.

    Attributes:
        glyphs: (F, K, C, H, W)
        family: (F,) int64
        style: (F,) int64, a place in ``STYLES``
    """

    glyphs: Tensor
    family: Tensor
    style: Tensor

    @classmethod
    def of(cls, data: ImageSplit) -> "Fonts":
        """The fonts of a part of a data set.

        Raises:
            InputError: it does not say which font an image is of, or not every font has the same classes.
        """
        if data.labels is None or data.factors is None or data.factors.shape[1] != 3:
            raise InputError("an analogy of fonts needs data that knows them: fonts or font_glyphs")
        classes = int(data.labels.max()) + 1
        if not torch.equal(data.labels, torch.arange(classes).repeat(len(data) // classes)):
            raise InputError("every font needs one glyph of every class, in their order")
        first = data.factors[::classes].long()
        return cls(data.pixels.unflatten(0, (-1, classes)), first[:, 1], first[:, 2])

    def __len__(self) -> int:
        return len(self.glyphs)

    @property
    def classes(self) -> int:
        """K"""
        return self.glyphs.shape[1]

    @cached_property
    def mean(self) -> Tensor:
        """Of each class, (K, C, H, W)."""
        return self.glyphs.mean(0)

    def in_styles(self) -> Tensor:
        """Rows of the fonts of every family, (families, 4) in the order of ``STYLES``."""
        return torch.arange(len(self)).unflatten(0, (-1, len(STYLES)))


@dataclass(frozen=True)
class PairBatch:
    """A glyph to infer z from, and another one of its font that z has to explain."""

    source: ImageBatch
    target: ImageBatch

    def __len__(self) -> int:
        return len(self.target)

    def to(self, device: torch.device) -> "PairBatch":
        """The batch on a device."""
        return PairBatch(self.source.to(device), self.target.to(device))


class PairBatches:
    """Every glyph as a source once an epoch, each with a random glyph of its font as the target.

    Args:
        fonts: to learn from.
        batch_size: pairs a step.
        seed: of order and targets, which depend on (seed, epoch) alone.
    """

    def __init__(self, fonts: Fonts, batch_size: int, seed: int = 0) -> None:
        self.fonts, self.batch_size, self.seed = fonts, batch_size, seed

    def __len__(self) -> int:
        return -(-len(self.fonts) * self.fonts.classes // self.batch_size)

    def epoch(self, number: int, skip: int = 0) -> Iterator[PairBatch]:
        """The batches of an epoch, from batch ``skip`` on."""
        random = np.random.default_rng((self.seed, number))
        total = len(self.fonts) * self.fonts.classes
        order = torch.from_numpy(random.permutation(total))
        targets = torch.from_numpy(random.integers(self.fonts.classes, size=total))
        rows = list(zip(order.split(self.batch_size), targets.split(self.batch_size), strict=True))
        for index, label in rows[skip:]:
            font, source = index // self.fonts.classes, index % self.fonts.classes
            yield PairBatch(self._batch(font, source), self._batch(font, label))

    def _batch(self, font: Tensor, label: Tensor) -> ImageBatch:
        return ImageBatch(self.fonts.glyphs[font, label], label, font * self.fonts.classes + label)


def pair_objective(config: ObjectiveConfig) -> Objective:
    """The bound above, with the KL weight of the settings."""

    def objective(
        model: nn.Module, batch: PairBatch, step: int, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        assert isinstance(model, ImageVAE)
        terms = model.terms(batch.target, config.samples, generator, q=model.posterior(batch.source))
        value = config.bound(terms, config.beta.at(step))
        return value, {"reconstruction": terms.log_px.mean(0), "kl": terms.kl}

    return objective


def styles(model: ImageVAE, fonts: Fonts) -> Tensor:
    """z of every glyph, inferred with its class: (F, K, D)."""
    labels = torch.arange(fonts.classes).repeat(len(fonts))
    return model.encode(fonts.glyphs.flatten(0, 1), labels).unflatten(0, (len(fonts), fonts.classes))


def in_every_class(model: ImageVAE, z: Tensor) -> Tensor:
    """z (F, D) decoded in every class: (F, K, C, H, W)."""
    labels = torch.arange(model.classes).repeat(len(z))
    return model.decode(z.repeat_interleave(model.classes, 0), labels).unflatten(0, (len(z), model.classes))


def analogy_error(model: ImageVAE, fonts: Fonts, sources: Tensor, z: Tensor | None = None) -> float:
    """Error of the glyphs that the style of ``sources`` draws, averaged over fonts and over the classes not given.

    Args:
        model: conditional.
        fonts: with the right answers.
        sources: (R, M) classes: R times the mean z of M glyphs of a font.
        z: :func:`styles`, if they are known.
    """
    z = styles(model, fonts) if z is None else z
    errors = []
    for given in sources:
        wrong = _squared(in_every_class(model, z[:, given].mean(1)), fonts.glyphs)
        wrong[:, given] = torch.nan
        errors.append(wrong.nanmean())
    return float(torch.stack(errors).mean())


def class_mean_error(train: Fonts, fonts: Fonts) -> float:
    """Error of the mean glyph of a class, whatever the font."""
    return float(_squared(train.mean, fonts.glyphs).mean())


def nearest_font_error(train: Fonts, fonts: Fonts, sources: Tensor) -> float:
    """Error of the training font whose glyphs of ``sources`` (R, M) are nearest to those given."""
    errors = []
    for given in sources:
        distances = torch.cdist(fonts.glyphs[:, given].flatten(1), train.glyphs[:, given].flatten(1))
        wrong = _squared(train.glyphs[distances.argmin(1)], fonts.glyphs)
        wrong[:, given] = torch.nan
        errors.append(wrong.nanmean())
    return float(torch.stack(errors).mean())


def _squared(drawn: Tensor, true: Tensor) -> Tensor:
    """(..., C, H, W) -> (...)."""
    return (drawn - true).square().mean((-3, -2, -1))
