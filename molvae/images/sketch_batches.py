"""Sketches in batches, in the units of a model, with the augmentation of Ha & Eck 2017."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from molvae.errors import ConfigError
from molvae.images.sketches import Sketches
from molvae.run.seeds import step_seed

_POOL = 10
"""Batches among which sketches are sorted by length, so that little of a batch is padding."""


@dataclass(frozen=True)
class SketchBatch:
    """B sketches, padded to T points.

    Attributes:
        points: (B, T, 3) dx, dy in units of the model, and 1 where the pen is lifted; zeros after the end
        lengths: (B,) points of each
    """

    points: Tensor
    lengths: Tensor

    def __len__(self) -> int:
        return len(self.lengths)

    def to(self, device: torch.device) -> "SketchBatch":
        """The batch on a device."""
        return SketchBatch(self.points.to(device), self.lengths.to(device))

    def repeat(self, times: int) -> "SketchBatch":
        """All sketches, ``times`` over."""
        return SketchBatch(self.points.repeat(times, 1, 1), self.lengths.repeat(times))

    @property
    def inside(self) -> Tensor:
        """Where there is a point, (B, T) booleans."""
        return torch.arange(self.points.shape[1], device=self.lengths.device) < self.lengths.unsqueeze(1)


def padded(sketches: Sketches, scale: float) -> SketchBatch:
    """One batch of all these sketches, offsets divided by ``scale``."""
    points = torch.nn.utils.rnn.pad_sequence(sketches.split(), batch_first=True)
    return SketchBatch(points / points.new_tensor([scale, scale, 1.0]), sketches.lengths)


def augmented(sketches: Sketches, stretch: float, drop: float, random: np.random.Generator) -> Sketches:
    """Each sketch stretched in x and in y by factors from 1 - ``stretch`` to 1 + ``stretch``, and each point inside a
    stroke left out with probability ``drop`` (Ha & Eck 2017, supplementary, 2.1: the pen then goes straight on).
    """
    points, lengths = sketches.points.numpy(), sketches.lengths.numpy()
    factors = random.uniform(1 - stretch, 1 + stretch, (len(lengths), 2)).repeat(lengths, 0)
    lifted = points[:, 2] > 0.5
    begins = np.roll(lifted, 1)  # a stroke begins after the pen was lifted; so does the first, after the last sketch
    keep = lifted | begins | (random.uniform(size=len(points)) >= drop)
    # what is left out moves the pen all the same: places of the pen, and the moves between those that are kept
    places = np.cumsum(points[:, :2] * factors, 0, dtype=np.float64)[keep]
    moves = np.diff(places, axis=0, prepend=np.zeros((1, 2)))
    kept = np.add.reduceat(keep, np.cumsum(lengths) - lengths)
    flat = torch.from_numpy(np.column_stack([moves, lifted[keep]]).astype(np.float32))
    return Sketches(flat, torch.from_numpy(kept.astype(np.int64)), sketches.labels)


class SketchBatches:
    """Shuffled batches of sketches of similar length; what an epoch holds depends on (seed, epoch) alone.

    Args:
        data: sketches in units of the data.
        scale: unit of the model.
        batch_size: sketches a step; the last batch of an epoch may be smaller.
        seed: of order and augmentation.
        stretch, drop: see :func:`augmented`.
    """

    def __init__(
        self, data: Sketches, scale: float, batch_size: int, seed: int = 0, stretch: float = 0.0, drop: float = 0.0
    ) -> None:
        if not len(data):
            raise ConfigError("there are no sketches to train on")
        self.data, self.scale, self.batch_size, self.seed = data, scale, batch_size, seed
        self.stretch, self.drop = stretch, drop

    def __len__(self) -> int:
        return -(-len(self.data) // self.batch_size)

    def epoch(self, number: int, skip: int = 0) -> Iterator[SketchBatch]:
        """The batches of an epoch, from batch ``skip`` on."""
        random = np.random.default_rng((self.seed, number))
        order = random.permutation(len(self.data))
        lengths, pool = self.data.lengths.numpy(), _POOL * self.batch_size
        batches: list[np.ndarray] = []
        for begin in range(0, len(order), pool):
            part = order[begin : begin + pool]
            part = part[np.argsort(lengths[part], kind="stable")]
            batches += np.array_split(part, range(self.batch_size, len(part), self.batch_size))
        for place, index in enumerate(random.permutation(len(batches))):
            if place < skip:
                continue
            sketches = self.data[torch.from_numpy(batches[index])]
            if self.stretch or self.drop:
                seed = step_seed(step_seed(self.seed, number, 100_003), place, 100_003)
                sketches = augmented(sketches, self.stretch, self.drop, np.random.default_rng(seed))
            yield padded(sketches, self.scale)


def in_order(data: Sketches, scale: float, batch_size: int = 250) -> list[SketchBatch]:
    """A set of sketches in its own order, for evaluation."""
    return [padded(data[rows], scale) for rows in torch.arange(len(data)).split(batch_size)]
