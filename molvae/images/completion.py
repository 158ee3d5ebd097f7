"""Completing images: some quadrants are given, the model predicts the others (Sohn, Lee & Yan 2015, "Learning
structured output representation using deep conditional generative models").

    prior          p(z|x)          x: the given quadrants
    recognition    q(z|x, y)       y: the hidden ones
    generation     p(y|x, z)

A prediction draws z from p(z|x), so it has as many answers as the question. Beside it stands a plain network p(y|x)
without z, whose guess all three read too (the "recurrent connection" of section 4.2); it is trained as an auxiliary
term and feels nothing of theirs.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from molvae.core.distributions import Likelihood
from molvae.core.heads import DiagonalGaussianHead
from molvae.core.priors import GaussianPrior

GUESS = "guess"
"""The auxiliary term that trains the plain network."""


def given_pixels(quadrants: int, height: int, width: int) -> Tensor:
    """Which pixels are given, (H, W): the lower left quadrant, with two also the upper left, with three the lower
    right.
    """
    given = torch.zeros(height, width, dtype=torch.bool)
    given[height // 2 :, : width // 2] = quadrants >= 1
    given[: height // 2, : width // 2] = quadrants >= 2
    given[height // 2 :, width // 2 :] = quadrants >= 3
    return given


class HiddenPart(nn.Module):
    """The hidden pixels of an image, laid out in one row.

    Args:
        quadrants: how many are given, 1 to 3.
        height, width: of an image.
    """

    def __init__(self, quadrants: int, height: int, width: int) -> None:
        super().__init__()
        given = given_pixels(quadrants, height, width)
        self.register_buffer("given", given, persistent=False)
        self.register_buffer("rows", torch.nonzero(~given.flatten()).flatten(), persistent=False)

    @property
    def size(self) -> int:
        """Number of hidden pixels."""
        return len(self.get_buffer("rows"))

    def forward(self, images: Tensor) -> Tensor:
        """(..., C, H, W) -> (..., C, 1, hidden)"""
        return images.flatten(-2)[..., self.get_buffer("rows")].unsqueeze(-2)

    def without(self, images: Tensor) -> Tensor:
        """Images (..., C, H, W) with zeros where they are hidden."""
        return images * self.get_buffer("given")

    def filled(self, images: Tensor, hidden: Tensor) -> Tensor:
        """The given part of images (n, C, H, W) with hidden pixels (n, C, 1, hidden) in their places."""
        flat = images.flatten(-2).clone()
        flat[..., self.get_buffer("rows")] = hidden.squeeze(-2)
        return flat.view_as(images)


class Completion(nn.Module):
    """The plain network p(y|x), and the prior p(z|x).

    Args:
        hidden: which pixels are predicted.
        shape: (C, H, W) of an image.
        latent_size: D
        network: (shape of the input, number of outputs) -> network.
        head: of the likelihood.
    """

    def __init__(
        self,
        hidden: HiddenPart,
        shape: tuple[int, int, int],
        latent_size: int,
        network: Callable[[tuple[int, int, int], int], nn.Module],
        head: Any,
    ) -> None:
        super().__init__()
        self.hidden, self.head = hidden, head
        self.raw_shape = (head.channels * shape[0], 1, hidden.size)
        self.plain = network(shape, self.raw_shape[0] * hidden.size)
        self.prior_head = DiagonalGaussianHead(latent_size)
        self.prior_network = network(shape, self.prior_head.outputs)

    def guess(self, pixels: Tensor) -> Likelihood:
        """p(y|x) of the plain network, which sees only what is given of images (B, C, H, W)."""
        raw = self.plain(self.hidden.without(pixels))
        px: Likelihood = self.head(raw.unflatten(-1, self.raw_shape))
        return px

    @torch.no_grad()
    def condition(self, pixels: Tensor) -> Tensor:
        """What the three networks read: the given part completed by the guess, (B, C, H, W)."""
        guess: Any = self.guess(pixels)
        return self.hidden.filled(pixels, guess.mean)

    def prior(self, condition: Tensor) -> GaussianPrior:
        """p(z|x), from :meth:`condition`."""
        p = self.prior_head(self.prior_network(condition))
        return GaussianPrior(p.mu, p.log_var)
