"""Pictures of a trained VAE as panels: samples, paths between images, the plane of a two-dimensional code."""

from collections.abc import Sequence
from typing import Literal, cast

import numpy as np
import torch
from torch import Tensor

from molvae.core.sampling import gaussian_grid
from molvae.errors import ConfigError, InputError
from molvae.images.batches import Binarisation, in_order
from molvae.images.datasets import ImageSplit
from molvae.images.vae import ImageVAE
from molvae.run.panels import Panel


def grid(images: Tensor, columns: int) -> np.ndarray:
    """Images (n, C, H, W), n a multiple of ``columns``, as an array (rows, columns, H, W), or (rows, columns, H, W, 3)
    in colour; any other number of channels is averaged.
    """
    shown = images.permute(0, 2, 3, 1) if images.shape[1] == 3 else images.mean(1)
    return shown.clamp(0, 1).unflatten(0, (-1, columns)).numpy()


def sample_panel(
    model: ImageVAE,
    number: int,
    label: int | None = None,
    noise: bool = False,
    seed: int = 0,
    data: ImageSplit | None = None,
) -> Panel:
    """Images of z ~ p(z), at most ten in a row; ``number`` is rounded up to whole rows.

    Of a model that completes images, completions of the first images of ``data``, ten in a row.

    Raises:
        ConfigError: a class for a model without classes, or one that there is not; no data to complete, or images of
            another shape.
    """
    if label is not None and not model.config.conditional:
        raise ConfigError("this model is not conditional: leave the class out")
    if model.completion is not None:
        if data is None:
            raise ConfigError("this model completes images: name a data set to take them from")
        _check_shape(model, data)
        (shown,) = in_order(data[: -(-number // 10)], number, _as_trained(model))
        return completion_panel(model, shown.pixels, min(10, number), seed, noise)
    if label is not None and not 0 <= label < model.classes:
        raise ConfigError(f"there is no class {label}: the model has 0 to {model.classes - 1}")
    columns = min(10, number)
    total = -(-number // columns) * columns
    labels = None
    if model.config.conditional:
        labels = torch.arange(total) % model.classes if label is None else torch.full((total,), label)
    images = model.sample(total, labels, noise, torch.Generator().manual_seed(seed))
    return Panel("samples", "images", "Samples of the prior", array=grid(images, columns))


def completion_panel(model: ImageVAE, pixels: Tensor, samples: int = 10, seed: int = 0, noise: bool = False) -> Panel:
    """What is given of each image, the plain network's guess of the rest, predictions with z ~ p(z|x), and the image.

    A prediction is the mean of p(y|x, z), or with ``noise`` a draw from it.

    Raises:
        ConfigError: the model does not complete images.
    """
    if model.completion is None:
        raise ConfigError("this model does not complete images: it was trained with quadrants = 0")
    generator = torch.Generator().manual_seed(seed)
    repeated = pixels.repeat_interleave(samples, 0)
    drawn = model.sample(len(repeated), noise=noise, generator=generator, given=repeated).unflatten(0, (-1, samples))
    known = pixels.to(model.device)
    guess = model.completion.condition(known).cpu()
    hidden = model.completion.hidden
    blank = torch.full((*pixels.shape[:2], 1, hidden.size), 0.25)
    table = [hidden.filled(known, blank.to(known)).cpu(), guess, *drawn.unbind(1), pixels]
    return Panel(
        "completions",
        "images",
        "Completions of test images",
        f"The given quadrants, the mean of a plain network, {'draws from' if noise else 'means of'} p(y|x, z) with z ~ "
        "p(z|x), and the image (Sohn et al. 2015, figure 2).",
        array=grid(torch.stack(table, 1).flatten(0, 1), samples + 3),
        options={"columns": ["given", "plain", *["z"] * samples, "image"]},
    )


def traversal_panel(model: ImageVAE, data: ImageSplit, row: int, steps: int = 9, most: int = 12) -> Panel:
    """The code of one image, each dimension in turn moved from -2.5 to 2.5, the most informative first.

    Raises:
        InputError: a row that the data does not have.
        ConfigError: images of another shape than the model's, or a code that is not a vector of numbers.
    """
    if not 0 <= row < len(data):
        raise InputError(f"there is no image {row}: the test part has 0 to {len(data) - 1}")
    if len(model.config.event_shape) > 1:
        raise ConfigError("a traversal moves one number of a code that is a vector; this one is a set or discrete")
    _check_shape(model, data)
    (batch,) = in_order(data[:500], 500, _as_trained(model))
    (one,) = in_order(data[row : row + 1], 1, _as_trained(model))
    labels = one.labels if model.config.conditional else None
    # what varies over the data carries information; what does not, draws the same picture at every step
    spread = model.encode(batch.pixels, batch.labels if model.config.conditional else None).var(0)
    order = spread.argsort(descending=True)[:most].tolist()
    z = model.encode(one.pixels, labels).repeat(len(order) * steps, 1).unflatten(0, (len(order), steps))
    for place, dimension in enumerate(order):
        z[place, :, dimension] = torch.linspace(-2.5, 2.5, steps)
    points, total = z.flatten(0, 1), len(order) * steps
    shown = None if labels is None else labels.expand(total)
    images = model.decode(points, shown, given=one.pixels.expand(total, -1, -1, -1))
    return Panel(
        "traversals",
        "images",
        "One number of the code moved at a time",
        f"The code of test image {row}; each row moves one dimension from -2.5 to 2.5, the most used first.",
        array=grid(images, steps),
        options={"rows": [f"z{dimension + 1}" for dimension in order]},
    )


def slot_panel(model: ImageVAE, pixels: Tensor, name: str = "slots") -> Panel:
    """Each image, what it is rebuilt as, what each slot contributes, and the slots' masks; of MONet also what each slot
    draws behind its mask.

    Raises:
        ConfigError: the model has no slots.
    """
    pictures, masks = model.components(pixels)
    rebuilt = model.decode(model.encode(pixels))
    parts = (pictures * masks).unbind(1)
    shades = masks.expand_as(pictures).unbind(1)
    # slots of slot attention are free to draw anything behind an empty mask
    whole = pictures.unbind(1) if model.config.network.kind == "monet" else ()
    table = torch.stack([pixels, rebuilt, *parts, *shades, *whole], 1).flatten(0, 1)
    shown = ["slot", "mask", "whole"] if whole else ["slot", "mask"]
    heads = ["image", "rebuilt", *(f"{what} {k + 1}" for what in shown for k in range(masks.shape[1]))]
    return Panel(
        name,
        "images",
        "Scenes taken apart",
        "The picture of each slot where its mask lets it through, and the masks.",
        array=grid(table, len(heads)),
        options={"columns": heads},
    )


def scene_panel(data: ImageSplit, number: int = 20, model: ImageVAE | None = None) -> Panel:
    """The first scenes of a data set: with a model of slots taken apart by it, else ten in a row, and where there are
    masks, a row of the true ones below each row.

    Raises:
        ConfigError: the model has no slots, or draws images of another shape.
    """
    if model is not None:
        _check_shape(model, data)
        return slot_panel(model, data.pixels[:number], "scenes")
    columns = min(10, number, len(data))
    shown = data[: number // columns * columns]
    pieces = [shown.pixels]
    if shown.masks is not None:
        # shades of grey number the objects; the background is black
        shade = torch.linspace(0, 1, shown.masks.shape[1]).view(1, -1, 1, 1)
        truth = (shown.masks * shade).sum(1, keepdim=True).expand_as(shown.pixels)
        pieces.append(truth)
    rows = torch.stack([piece.unflatten(0, (-1, columns)) for piece in pieces], 1)
    return Panel("scenes", "images", "Scenes and their objects", array=grid(rows.flatten(0, 2), columns))


def path_panel(model: ImageVAE, data: ImageSplit, rows: Sequence[int], steps: int, method: str) -> Panel:
    """A path through images of a data set.

    Raises:
        InputError: fewer than two images, or a row that the data does not have.
        ConfigError: no such method, or images of another shape than the model's.
    """
    outside = [row for row in rows if not 0 <= row < len(data)]
    if outside:
        raise InputError(f"there is no image {outside[0]}: the test part has 0 to {len(data) - 1}")
    _check_shape(model, data)
    part = data[torch.tensor(list(rows))]
    chosen = cast(Literal["lerp", "slerp"], method)
    images = model.interpolate(part.pixels, steps, chosen, part.labels if model.config.conditional else None)
    return Panel(
        "interpolation", "images", f"A path through {len(rows)} images ({method})", array=grid(images, len(images))
    )


def _check_shape(model: ImageVAE, data: ImageSplit) -> None:
    if data.shape != model.shape:
        raise ConfigError(f"the model draws images {model.shape}; those of the data are {data.shape}")


def _as_trained(model: ImageVAE) -> Binarisation:
    """What makes images such as the model has seen, without chance."""
    return "threshold" if model.config.likelihood == "bernoulli" else "none"


def is_plane(model: ImageVAE) -> bool:
    """Whether one picture shows the latent space: N(0, I) in two dimensions, the same for all classes."""
    config = model.config
    conditional = config.conditional or config.quadrants
    return config.latent_size == 2 and config.prior == "standard_normal" and not conditional


def manifold_panel(model: ImageVAE, side: int = 20) -> Panel:
    """Decoded points of equal probability in the plane.

    Raises:
        ConfigError: the latent space is not such a plane.
    """
    if not is_plane(model):
        raise ConfigError(
            "a manifold is drawn for 2 latent dimensions under N(0, I) without classes, not "
            f"{model.config.latent_size} under {model.config.prior}{' with classes' * model.config.conditional}"
            f"{' given quadrants' * bool(model.config.quadrants)}"
        )
    return Panel(
        "manifold",
        "images",
        "The learned manifold",
        "Decoded on a grid of equal probability through the inverse Gaussian CDF (Kingma & Welling 2013, appendix A).",
        array=grid(model.decode(gaussian_grid(side)), side),
        options={"tight": True},
    )
