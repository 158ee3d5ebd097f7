"""A spatial broadcast decoder against transposed convolutions on coloured sprites (Watters et al. 2019)."""

from dataclasses import replace
from typing import Annotated, Any

import pandas as pd
import torch
from pydantic import Field

from molvae.core.disentanglement import best_pair, mutual_information_gap
from molvae.core.fit import FitConfig
from molvae.errors import ConfigError
from molvae.experiments.studies.common import Study, trained
from molvae.images.datasets import ImageData, ImageSplit
from molvae.images.networks import DECODERS, SLOTTED, NetworkConfig
from molvae.images.pictures import grid, traversal_panel
from molvae.images.scenes import SPRITE_FACTORS, draw_sprites
from molvae.images.training import ImageTrainConfig
from molvae.images.vae import ImageVAE, ImageVAEConfig
from molvae.run.config import Config, Count, one_of
from molvae.run.panels import Panel
from molvae.run.progress import Progress

NAMES = {"broadcast": "spatial broadcast", "cnn": "transposed convolutions"}
COMPARED = tuple(kind for kind in DECODERS if kind not in (*SLOTTED, "grid"))
_CERTAIN = ("shape", "size", "x", "y", "hue")  # a square looks the same after a quarter turn: the angle is not certain


class BroadcastConfig(Config):
    """The comparison of two decoders behind the same encoder."""

    train: ImageTrainConfig = ImageTrainConfig(
        batch_size=32,
        binarisation="none",
        model=ImageVAEConfig(
            latent_size=10,
            likelihood="gaussian_fixed_sigma",
            sigma=0.1,
            network=NetworkConfig(kind="broadcast", hidden_size=128, depth=2, channels=16, activation="silu"),
        ),
        fit=FitConfig(epochs=3, learning_rate=2e-3),
        validation_images=200,
    )
    decoders: tuple[Annotated[str, one_of(COMPARED)], ...] = Field(("broadcast", "cnn"), min_length=1)
    """Kinds of network whose code is a vector: not ``slots``, ``monet`` or ``grid``."""
    images: Count = 8000
    """Training images, the first of the data."""
    middle: float = Field(0.08, gt=0, lt=0.25)
    """Sprites whose x and y are both nearer to one half are held out of a second training."""
    steps: Count = 9
    """Pictures in a row of a traversal, and places along each side of the lattice."""


def run(config: BroadcastConfig, data: ImageData, seed: int, device: str, progress: Progress) -> list[Panel]:
    """Every decoder on all sprites, and on those whose place is not in the middle."""
    if data.train.factors is None or data.train.factors.shape[1] != len(SPRITE_FACTORS):
        raise ConfigError(f"{data.name} has no factors of sprites: this study needs the data set sprites")
    training = data.train[: config.images]
    outside, inside = ~_in_middle(training, config), _in_middle(data.test, config)
    if not outside.any() or not inside.any():
        raise ConfigError("no sprite lies in the middle, or all do: change middle, or take more images")
    rows, panels, rebuilt = [], [], [data.test.pixels[:12]]
    for kind in config.decoders:
        network = config.train.model.network.model_copy(update={"kind": kind})
        models = []
        for part in (training, training[outside]):
            seen = ImageData(data.name, part, data.valid, data.test, data.classes)
            models.append(trained(config.train, seen, seed, device, progress, network=network))
        whole, without = models
        rows.append(
            {"decoder": NAMES.get(kind, kind), **_numbers(whole, data.test)}
            | {"held-out middle: squared error": _error(without, data.test[inside])}
        )
        rebuilt.append(whole.reconstruct(data.test.pixels[:12]))
        moved = traversal_panel(whole, data.test, 0, config.steps)
        title = f"{NAMES.get(kind, kind).capitalize()}: one number of the code moved at a time"
        panels.append(replace(moved, name=f"traversals-{kind}", title=title))
        panels.append(_lattice(whole, kind, config.steps, data.test))
    return [
        Panel(
            "decoders",
            "table",
            "Two decoders behind the same encoder",
            "Squared error: summed over the values of a picture, mean over test images. MIG: Chen et al. 2018, over "
            f"{', '.join(_CERTAIN)}. R^2: of x and y from the best two dimensions, linearly. Held-out middle: trained "
            "on sprites elsewhere, measured on those in the middle.",
            frame=pd.DataFrame(rows),
        ),
        Panel(
            "rebuilt",
            "images",
            "Reconstructions of test images",
            array=grid(torch.cat(rebuilt), 12),
            options={"rows": ["test image", *(NAMES.get(kind, kind) for kind in config.decoders)]},
        ),
        *panels,
    ]


STUDY = Study(BroadcastConfig, run, "sprites")


def _in_middle(split: ImageSplit, config: BroadcastConfig) -> torch.Tensor:
    return ((_places(split) - 0.5).abs() < config.middle).all(1)


def _factors(split: ImageSplit, names: tuple[str, ...]) -> torch.Tensor:
    assert split.factors is not None
    return split.factors[:, [SPRITE_FACTORS.index(name) for name in names]]


def _places(split: ImageSplit) -> torch.Tensor:
    return _factors(split, ("x", "y"))


def _error(model: ImageVAE, split: ImageSplit) -> float:
    return float((model.reconstruct(split.pixels) - split.pixels).square().flatten(1).sum(1).mean())


def _numbers(model: ImageVAE, test: ImageSplit) -> dict[str, Any]:
    codes = model.encode(test.pixels)
    return {
        "parameters": sum(weight.numel() for weight in model.decoder.parameters()),
        "squared error": _error(model, test),
        "MIG": mutual_information_gap(codes, _factors(test, _CERTAIN)),
        "R^2 of the place": best_pair(codes, _places(test))[1],
    }


def _lattice(model: ImageVAE, kind: str, side: int, test: ImageSplit) -> Panel:
    """Where the codes of one sprite lie while it moves over a lattice of places."""
    assert test.factors is not None
    line = torch.linspace(0.25, 0.75, 2 * side)
    rows, columns = torch.meshgrid(line, line, indexing="ij")
    factors = test.factors[:1].repeat(rows.numel(), 1)
    factors[:, SPRITE_FACTORS.index("x")] = columns.flatten()
    factors[:, SPRITE_FACTORS.index("y")] = rows.flatten()
    codes = model.encode(torch.from_numpy(draw_sprites(factors.numpy(), model.shape[1])))
    (first, second), explained = best_pair(model.encode(test.pixels), _places(test))
    frame = pd.DataFrame(
        {
            f"z{first + 1}": codes[:, first].numpy(),
            f"z{second + 1}": codes[:, second].numpy(),
            "of": "sprite",
            "x + y of the sprite": (columns + rows).flatten().numpy(),
        }
    )
    return Panel(
        f"lattice-{kind}",
        "scatter",
        f"{NAMES.get(kind, kind).capitalize()}: a lattice of places in latent space",
        f"Codes of one sprite at {2 * side} x {2 * side} places, the two dimensions that tell most of the place (R^2 "
        f"{explained:.3f}). A decoder that knows places keeps the lattice.",
        frame=frame,
    )
