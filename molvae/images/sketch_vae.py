"""sketch-rnn (Ha & Eck 2017, "A neural representation of sketch drawings"): a VAE whose x is a sequence of pen strokes.

    q(z|x)   from the last states of two GRUs, one over the sketch and one over its mirror image
    p(x|z)   point by point: prod_t sum_m w_m N(dx, dy; mu_m, Sigma_m) x p(pen), of three states of the pen:
             it draws on, it is lifted, the sketch has ended

It is :class:`molvae.core.vae.VAE`, so bounds, objectives, the training loop and the samplers are the core's. With
``latent_size = 0`` there is no code: the decoder alone, a recurrent network p(x) (section 3.3 of the paper).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from pydantic import Field
from torch import Tensor, nn

from molvae.core.distributions import DiagonalGaussian, Likelihood
from molvae.core.heads import DiagonalGaussianHead
from molvae.core.mixtures import BivariateMixture, sample_classes
from molvae.core.nn.recurrent import GatedRecurrence, gated_step
from molvae.core.pretrained import Pretrained
from molvae.core.priors import StandardNormal
from molvae.core.sampling import interpolate
from molvae.errors import ConfigError, InputError
from molvae.images.sketch_batches import SketchBatch, in_order, padded
from molvae.images.sketches import Sketches
from molvae.run.config import Config

DRAWS, LIFTS, ENDS = 0, 1, 2
"""States of the pen: p1, p2, p3 of the paper."""


class SketchVAEConfig(Config):
    """Which model."""

    latent_size: int = Field(64, ge=0, le=10_000)
    """D; 0: the decoder alone."""
    encoder_size: int = Field(128, ge=1, le=16_384)
    """Width of the encoder's GRU in each direction."""
    decoder_size: int = Field(256, ge=1, le=16_384)
    """Width of the decoder's GRU."""
    components: int = Field(20, ge=1, le=1000)
    """M, Gaussians of the next point."""
    min_sigma: float = Field(0.05, gt=0, le=10)
    """Floor of their standard deviations, in units of the offsets' own. Offsets on a grid repeat exactly: without a
    floor the density of those has no bound, and means nothing.
    """


class SketchEncoder(nn.Module):
    """(B, T, 3) -> q(z|x). What follows the end of a sketch is computed and never looked at."""

    def __init__(self, config: SketchVAEConfig) -> None:
        super().__init__()
        self.size = size = config.encoder_size
        self.gates = nn.ModuleList(nn.Linear(3, 3 * size) for _ in range(2))
        self.directions = nn.ModuleList(GatedRecurrence(size) for _ in range(2))
        self.head = DiagonalGaussianHead(config.latent_size)
        self.last = nn.Linear(2 * size, self.head.outputs)

    def forward(self, batch: SketchBatch) -> DiagonalGaussian:
        points = batch.points.transpose(0, 1)  # (T, B, 3)
        last, rows = batch.lengths - 1, torch.arange(len(batch), device=batch.lengths.device)
        steps = torch.arange(len(points), device=last.device).unsqueeze(1)
        mirrored = points[(last - steps).clamp(min=0), rows]
        ends = []
        for sequence, gates, recurrence in zip((points, mirrored), self.gates, self.directions, strict=True):
            begin = sequence.new_zeros(len(batch), self.size)
            ends.append(recurrence(gates(sequence), begin)[last, rows])
        q: DiagonalGaussian = self.head(self.last(torch.cat(ends, -1)))
        return q


class NoEncoder(nn.Module):
    """Of a model without a code: q has no dimensions."""

    def forward(self, batch: SketchBatch) -> DiagonalGaussian:
        nothing = batch.points.new_zeros(len(batch), 0)
        return DiagonalGaussian(nothing, nothing)


class SketchDecoder(nn.Module):
    """GRU that sees z at every step and in its initial state, and the point before; its outputs are those of the next
    point: a mixture in the plane, and the state of the pen.
    """

    def __init__(self, config: SketchVAEConfig, max_length: int) -> None:
        super().__init__()
        size, self.min_sigma, self.max_length = config.decoder_size, config.min_sigma, max_length
        self.point_gates = nn.Linear(5, 3 * size)
        self.latent_gates = nn.Linear(config.latent_size, 3 * size, bias=False) if config.latent_size else None
        self.latent_state = nn.Linear(config.latent_size, size) if config.latent_size else None
        self.recurrence = GatedRecurrence(size)
        self.output = nn.Linear(size, 6 * config.components + 3)

    def forward(self, z: Tensor) -> "SketchLikelihood":
        """z (S, B, D) -> p(x|z)"""
        return SketchLikelihood(self, z)

    def next_points(self, z: Tensor, inputs: Tensor) -> tuple[BivariateMixture, Tensor]:
        """Teacher forcing: z (N, D), points before (T, N, 5) -> mixtures (T, N), log p of the pen (T, N, 3)."""
        state, shift = self.begin(z)
        return self.distributions(self.recurrence(self.point_gates(inputs) + shift, state))

    def begin(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z (N, D) -> h_0 (N, H), and what z adds to the gates at every step (N, 3H)."""
        if self.latent_state is None or self.latent_gates is None:
            size = self.recurrence.hidden_size
            return z.new_zeros(len(z), size), z.new_zeros(len(z), 3 * size)
        return torch.tanh(self.latent_state(z)), self.latent_gates(z)

    def distributions(self, hidden: Tensor) -> tuple[BivariateMixture, Tensor]:
        """States (..., H) -> of the next point its place and the log-probabilities of the pen (..., 3)."""
        raw = self.output(hidden)
        mixture = BivariateMixture.from_raw(raw[..., :-3], self.min_sigma)
        return mixture, torch.log_softmax(raw[..., -3:].float(), -1)


def five(points: Tensor, ended: Tensor | None = None) -> Tensor:
    """Points (..., 3) as a network reads them, (..., 5): dx, dy, and one of three for the pen."""
    lifted = points[..., 2:]
    over = torch.zeros_like(lifted) if ended is None else ended.unsqueeze(-1).to(lifted)
    return torch.cat([points[..., :2], (1 - lifted) * (1 - over), lifted * (1 - over), over], -1)


@dataclass(frozen=True)
class SketchLikelihood:
    """p(x|z) of sketches for z (S, B, D), a lazy distribution; densities are of offsets in units of the model."""

    decoder: SketchDecoder
    z: Tensor

    def log_prob(self, x: SketchBatch) -> Tensor:
        """log density of all points and of the end, constants included, (S, B).

        sum_t log sum_m w_m N(dx_t, dy_t) + log p(pen_t), and log p(the sketch ends) after the last point: Ha & Eck
        2017, eq. 9 without its division by N_max.
        """
        samples, batch, _ = self.z.shape
        points = x.points.transpose(0, 1).repeat(1, samples, 1)  # (T, S B, 3)
        lengths = x.lengths.repeat(samples)
        start = torch.zeros_like(points[:1])
        mixture, log_pen = self.decoder.next_points(self.z.flatten(0, 1), five(torch.cat([start, points])))
        steps = torch.arange(len(points) + 1, device=lengths.device).unsqueeze(1)
        state = torch.cat([points[..., 2].long(), torch.full_like(lengths, ENDS).unsqueeze(0)])
        state = torch.where(steps < lengths, state, ENDS)
        pen = log_pen.gather(-1, state.unsqueeze(-1)).squeeze(-1)
        place = mixture.log_prob(torch.cat([points[..., :2], start[..., :2]]))
        total = torch.where(steps < lengths, place, 0.0) + torch.where(steps <= lengths, pen, 0.0)
        return total.sum(0).view(samples, batch)

    def sample(self, generator: torch.Generator | None = None) -> tuple[Sketches, Tensor]:
        """One sketch for each z, in units of the model, and which ended by themselves (S B,)."""
        return draw(self.decoder, self.z.flatten(0, 1), 1.0, generator)

    @property
    def mode(self) -> tuple[Sketches, Tensor]:
        """The same at temperature 0."""
        return draw(self.decoder, self.z.flatten(0, 1), 0.0)


@torch.no_grad()
def draw(
    decoder: SketchDecoder,
    z: Tensor,
    temperature: float = 1.0,
    generator: torch.Generator | None = None,
    begun: SketchBatch | None = None,
) -> tuple[Sketches, Tensor]:
    """Draw a sketch for each code, point by point, until the pen says that it has ended or N_max points are there.

    Args:
        decoder: the decoder.
        z: (N, D)
        temperature: tau of Ha & Eck 2017, section 3.2: logits are divided by it and variances multiplied with it; 0:
            the heaviest component's mean and the likeliest state of the pen.
        generator: randomness.
        begun: N unfinished sketches to go on with.

    Returns:
        The sketches in units of the model, and which ended by themselves (N,); the others were cut off.
    """
    hidden, shift = decoder.begin(z)
    weight, bias = decoder.recurrence.weight, decoder.recurrence.bias
    point, going = z.new_zeros(len(z), 3), torch.ones(len(z), dtype=torch.bool, device=z.device)
    lengths = torch.zeros(len(z), dtype=torch.int64, device=z.device)
    drawn = []
    given = torch.zeros_like(lengths) if begun is None else begun.lengths
    longest = max(decoder.max_length, int(given.max()) + 1)
    for step in range(longest + 1):
        hidden = gated_step(decoder.point_gates(five(point)) + shift, hidden, weight, bias)
        mixture, log_pen = decoder.distributions(hidden)
        place = mixture.sample(generator, temperature)
        pen = log_pen.argmax(-1) if temperature == 0 else sample_classes(log_pen / temperature, generator)
        if step == 0:  # an empty sketch is none
            pen = torch.where(pen == ENDS, LIFTS, pen)
        point = torch.cat([place, (pen == LIFTS).to(place).unsqueeze(-1)], -1)
        if begun is not None and step < begun.points.shape[1]:
            known = step < given
            point = torch.where(known.unsqueeze(-1), begun.points[:, step], point)
            pen = torch.where(known, DRAWS, pen)
        going = going & (pen != ENDS)
        if step == longest or not going.any():
            break
        lengths += going
        drawn.append(point)
    points = torch.stack(drawn, 1).cpu()
    parts = [row[:length].clone() for row, length in zip(points, lengths.tolist(), strict=True)]
    for part in parts:
        part[-1, 2] = 1.0
    return Sketches.join(parts), ~going.cpu()


class SketchVAE(Pretrained):
    """A VAE of sketches.

    Args:
        config: architecture.
        scale: standard deviation of the offsets of the data, by which they are divided.
        max_length: N_max, points of the longest sketch.
    """

    kind: ClassVar[str] = "sketch-vae"
    config: SketchVAEConfig

    def __init__(self, config: SketchVAEConfig, scale: float, max_length: int) -> None:
        encoder = SketchEncoder(config) if config.latent_size else NoEncoder()
        super().__init__(encoder, StandardNormal(config.latent_size), SketchDecoder(config, max_length))
        self.config, self.scale, self.max_length = config, scale, max_length

    def likelihood(self, z: Tensor, x: Any) -> Likelihood:
        px: SketchLikelihood = self.decoder(z)
        return px

    # --- to latent space and back -------------------------------------------------------------------------------------

    @torch.no_grad()
    def encode(self, sketches: Sketches) -> Tensor:
        """Posterior means of n sketches in units of the data: (n, D)."""
        batches = in_order(sketches, self.scale)
        return torch.cat([self.posterior(batch.to(self.device)).mean.cpu() for batch in batches])

    def decode(
        self, z: Tensor, temperature: float = 0.25, generator: torch.Generator | None = None
    ) -> tuple[Sketches, Tensor]:
        """Sketches at latent points (n, D), in units of the data, and which ended by themselves (n,)."""
        return self._draw(z, temperature, generator)

    def sample(
        self, number: int, temperature: float = 0.25, generator: torch.Generator | None = None
    ) -> tuple[Sketches, Tensor]:
        """Sketches of z ~ p(z), as :meth:`decode`."""
        return self.decode(self.prior.sample((number,), generator), temperature, generator)

    def complete(
        self,
        begun: Sketches,
        temperature: float = 0.25,
        generator: torch.Generator | None = None,
        candidates: int = 64,
    ) -> tuple[Sketches, Tensor]:
        """Go on with unfinished sketches (n), as :meth:`decode`.

        The code of each is drawn from p(z | what is there) by importance resampling: of ``candidates`` draws of the
        prior one is taken, with probabilities in proportion to the density that each gives to the points so far.
        """
        batch = padded(begun, self.scale).to(self.device)
        z = torch.zeros(len(begun), 0)
        if self.latent_size:
            drawn = self.prior.sample((candidates, len(begun)), generator)
            with torch.no_grad():
                log_weight = torch.cat([self._log_density_so_far(part, batch) for part in drawn.split(8)])
            chosen = sample_classes(log_weight.t(), generator).cpu()
            z = drawn[chosen, torch.arange(len(begun))]
        return self._draw(z, temperature, generator, batch)

    def interpolate(
        self,
        sketches: Sketches,
        steps: int = 10,
        method: str = "slerp",
        temperature: float = 0.1,
        generator: torch.Generator | None = None,
    ) -> tuple[Sketches, Tensor]:
        """A path through two or more sketches, ``steps`` points a stretch: (n - 1) (steps - 1) + 1 of them, as
        :meth:`decode`.

        Raises:
            InputError: fewer than two sketches.
            ConfigError: fewer than two steps, no such method, or a model without a code.
        """
        if not self.latent_size:
            raise ConfigError("this model is a decoder alone, without a code: there is nothing to interpolate")
        if len(sketches) < 2:
            raise InputError("interpolation needs at least two sketches")
        if steps < 2:
            raise ConfigError(f"steps is at least 2, not {steps}")
        z, t = self.encode(sketches), torch.linspace(0, 1, steps)
        stretches = [interpolate(z[row], z[row + 1], t, method)[1:] for row in range(len(z) - 1)]
        return self.decode(torch.cat([z[:1], *stretches]), temperature, generator)

    def _log_density_so_far(self, z: Tensor, batch: SketchBatch) -> Tensor:
        """log density of unfinished sketches at z (S, B, D), without any end: (S, B)."""
        decoder: Any = self.decoder
        points = batch.points.transpose(0, 1).repeat(1, len(z), 1)
        before = torch.cat([torch.zeros_like(points[:1]), points[:-1]])
        mixture, log_pen = decoder.next_points(z.flatten(0, 1).to(self.device), five(before))
        pen = log_pen.gather(-1, points[..., 2:].long()).squeeze(-1)
        inside = batch.inside.t().repeat(1, len(z))
        log_density = torch.where(inside, mixture.log_prob(points[..., :2]) + pen, 0.0)
        return log_density.sum(0).view(len(z), len(batch))

    def _draw(
        self, z: Tensor, temperature: float, generator: torch.Generator | None, begun: SketchBatch | None = None
    ) -> tuple[Sketches, Tensor]:
        if not 0 <= temperature <= 10:
            raise ConfigError(f"a temperature is from 0 to 10, not {temperature:g}")
        decoder: Any = self.decoder
        sketches, ended = draw(decoder, z.to(self.device), temperature, generator, begun)
        return Sketches(sketches.points * torch.tensor([self.scale, self.scale, 1.0]), sketches.lengths), ended

    # --- keeping ------------------------------------------------------------------------------------------------------

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "scale": self.scale, "max_length": self.max_length}

    @classmethod
    def build(cls, settings: Mapping[str, Any], folder: Path) -> Self:
        return cls(SketchVAEConfig.create(settings["model"]), settings["scale"], settings["max_length"])
