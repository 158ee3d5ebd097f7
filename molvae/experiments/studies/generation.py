"""What a VAE draws: samples for several latent sizes, the plane of a two-dimensional code, classes, paths,
analogies.
"""

from typing import Any

import pandas as pd
import torch
from pydantic import Field
from torch import Tensor

from molvae.core.evaluate import evaluate_bounds, importance_log_likelihood
from molvae.core.sampling import analogy, fitted_gaussian, fitted_mixture
from molvae.errors import ConfigError
from molvae.experiments.studies.common import Study, examples_by_class, trained
from molvae.images.batches import in_order
from molvae.images.datasets import ImageData
from molvae.images.pictures import grid, manifold_panel
from molvae.images.training import ImageTrainConfig
from molvae.images.vae import ImageVAE
from molvae.run.config import Config, Count
from molvae.run.panels import Panel
from molvae.run.progress import Progress


class LatentSizeConfig(Config):
    """Samples and reconstructions for several latent sizes."""

    train: ImageTrainConfig = ImageTrainConfig()
    latent_sizes: tuple[Count, ...] = (2, 5, 10, 20)
    columns: int = Field(12, ge=2, le=1000)
    """Pictures in a row."""


def latent_sizes(config: LatentSizeConfig, data: ImageData, seed: int, device: str, progress: Progress) -> list[Panel]:
    """Kingma & Welling 2013, figure 5: more dimensions rebuild better; samples are best in between."""
    originals = in_order(data.test[: config.columns], config.columns, config.train.binarisation)[0].pixels
    drawn, rebuilt, rows, panels = [], [data.test.pixels[: config.columns]], [], []
    for size in config.latent_sizes:
        model = trained(config.train, data, seed, device, progress, latent_size=size)
        drawn.append(model.sample(2 * config.columns, generator=torch.Generator().manual_seed(seed)))
        rebuilt.append(model.reconstruct(originals))
        rows.append({"latent size": size, **_bounds(model, data, config.train, seed)})
        if size == 2:
            panels += [_scatter(model, data), manifold_panel(model)]
    names = [name for size in config.latent_sizes for name in (f"D = {size}", "")]
    return [
        Panel(
            "samples",
            "images",
            "Samples of the prior for several latent sizes",
            "Means of p(x|z), z ~ N(0, I), two rows a size.",
            array=grid(torch.cat(drawn), config.columns),
            options={"rows": names},
        ),
        Panel(
            "reconstructions",
            "images",
            "Reconstructions of test images",
            array=grid(torch.cat(rebuilt), config.columns),
            options={"rows": ["test image", *(f"D = {size}" for size in config.latent_sizes)]},
        ),
        Panel("sizes-table", "table", "Bounds on the test images", frame=pd.DataFrame(rows)),
        *panels,
    ]


class ManifoldConfig(Config):
    """The plane of a two-dimensional code."""

    train: ImageTrainConfig = ImageTrainConfig()
    side: int = Field(20, ge=2, le=200)
    """Pictures along each side."""


def manifold(config: ManifoldConfig, data: ImageData, seed: int, device: str, progress: Progress) -> list[Panel]:
    """Kingma & Welling 2013, figure 4."""
    model = trained(config.train, data, seed, device, progress, latent_size=2)
    test = data.test.pixels[:12]
    shown = in_order(data.test[:12], 12, config.train.binarisation)[0].pixels
    pictures = [
        manifold_panel(model, config.side),
        Panel(
            "reconstructions",
            "images",
            "Reconstructions of test images from two numbers",
            array=grid(torch.cat([test, model.reconstruct(shown)]), 12),
            options={"rows": ["test image", "rebuilt"]},
        ),
    ]
    return pictures + ([_scatter(model, data)] if data.test.labels is not None else [])


def _scatter(model: ImageVAE, data: ImageData) -> Panel:
    part = data.test[:3000]
    z = model.encode(part.pixels)
    frame = pd.DataFrame({"z1": z[:, 0].numpy(), "z2": z[:, 1].numpy()})
    if part.labels is not None:
        frame["class"] = part.labels.numpy()
    return Panel(
        "latent-scatter",
        "scatter",
        "Posterior means of test images, coloured by class",
        "The classes were never shown to the model.",
        frame=frame,
        options={"x": "z1", "y": "z2"},
    )


def _bounds(model: ImageVAE, data: ImageData, config: ImageTrainConfig, seed: int) -> dict[str, Any]:
    bounds = evaluate_bounds(model, in_order(data.test, 250, config.binarisation, seed), seed=seed)
    return {name: bounds[name] for name in ("elbo", "reconstruction", "kl", "active_units")}


class ClassConfig(Config):
    """Sampling by class, paths and analogies."""

    train: ImageTrainConfig = ImageTrainConfig()
    columns: int = Field(10, ge=2, le=1000)
    components: int = Field(3, ge=1, le=1000)
    """Gaussians in the mixture of a class."""


def classes(config: ClassConfig, data: ImageData, seed: int, device: str, progress: Progress) -> list[Panel]:
    """A conditional VAE beside an unconditional one whose codes of a class are fitted afterwards."""
    if data.train.labels is None:
        raise ConfigError(f"{data.name} has no classes: this study needs digits or mnist")
    generator = torch.Generator().manual_seed(seed)
    conditional = trained(config.train, data, seed, device, progress, conditional=True)
    plain = trained(config.train, data, seed, device, progress, conditional=False)
    labels = torch.arange(data.classes).repeat_interleave(config.columns)
    names = [str(label) for label in range(data.classes)]
    styles = conditional.prior.sample((config.columns,), generator).repeat(data.classes, 1)
    pixels = in_order(data.train, len(data.train), config.train.binarisation)[0].pixels
    codes, truth = plain.encode(pixels), data.train.labels
    per_class = [codes[truth == label] for label in range(data.classes)]
    one = torch.cat([fitted_gaussian(part, config.columns, generator) for part in per_class])
    several = torch.cat([fitted_mixture(part, config.columns, config.components, seed) for part in per_class])
    panels = [
        _images(
            "cvae",
            "Conditional VAE: a class a row, the same z in each column",
            conditional.decode(styles, labels),
            config,
            names,
        ),
        _images(
            "gaussian",
            "Unconditional VAE: z from a Gaussian fitted to the codes of a class",
            plain.decode(one),
            config,
            names,
        ),
        _images(
            "mixture", f"The same from a mixture of {config.components} Gaussians", plain.decode(several), config, names
        ),
        _images(
            "ancestral",
            "Ancestral samples: z ~ N(0, I), x ~ p(x|z), with the decoder's own noise",
            plain.sample(2 * config.columns, noise=True, generator=generator),
            config,
        ),
    ]
    return [*panels, *_paths(plain, data, pixels, config), *_analogies(conditional, plain, data, pixels, config)]


def _paths(model: ImageVAE, data: ImageData, pixels: Tensor, config: ClassConfig) -> list[Panel]:
    assert data.train.labels is not None
    ends = examples_by_class(data.train.labels, min(4, data.classes))
    steps = 5
    stretches = [model.interpolate(pixels[ends], steps, method) for method in ("lerp", "slerp")]
    columns = len(stretches[0])
    return [
        Panel(
            "paths",
            "images",
            "A path through four images",
            "Above along straight lines, below along great circles (White 2016).",
            array=grid(torch.cat(stretches), columns),
            options={"rows": ["lerp", "slerp"]},
        )
    ]


def _analogies(
    conditional: ImageVAE, plain: ImageVAE, data: ImageData, pixels: Tensor, config: ClassConfig
) -> list[Panel]:
    """The style of an image in every class; and c + b - a for mean codes of classes."""
    labels = data.train.labels
    assert labels is not None
    rows = examples_by_class(labels, min(6, data.classes), 1)
    style = conditional.encode(pixels[rows], labels[rows]).repeat_interleave(data.classes, 0)
    every = torch.arange(data.classes).repeat(len(rows))
    drawn = conditional.decode(style, every).unflatten(0, (len(rows), data.classes))
    table = torch.cat([pixels[rows].unsqueeze(1), drawn], 1).flatten(0, 1)
    codes = plain.encode(pixels)
    means = torch.stack([codes[labels == label].mean(0) for label in range(data.classes)])
    first, second = 0, min(1, data.classes - 1)
    chosen = torch.nonzero(labels == first).flatten()[: config.columns]
    moved = analogy(means[first], means[second], codes[chosen])
    return [
        Panel(
            "styles",
            "images",
            "Analogies of style (conditional VAE)",
            "First column: a training image. Then its z in every class (Kingma et al. 2014, figure 1c).",
            array=grid(table, data.classes + 1),
            options={"columns": ["image", *map(str, range(data.classes))]},
        ),
        Panel(
            "arithmetic",
            "images",
            f"Arithmetic: image of class {first}, plus the mean code of class {second}, minus that of class {first}",
            array=grid(torch.cat([pixels[chosen], plain.decode(moved)]), len(chosen)),
            options={"rows": ["image", "moved"]},
        ),
    ]


def _images(name: str, title: str, images: Tensor, config: ClassConfig, rows: list[str] | None = None) -> Panel:
    return Panel(name, "images", title, array=grid(images, config.columns), options={"rows": rows} if rows else {})


class LikelihoodConfig(Config):
    """The same images under several likelihoods."""

    train: ImageTrainConfig = ImageTrainConfig(binarisation="none")
    likelihoods: tuple[str, ...] = ("gaussian", "gaussian_shared_sigma", "gaussian_fixed_sigma")
    samples: Count = 100
    """Importance samples for the likelihood of a test image."""


def likelihoods(config: LikelihoodConfig, data: ImageData, seed: int, device: str, progress: Progress) -> list[Panel]:
    """Densities of grey values: sigma from the network, learned and shared, fixed; each normalised, so comparable."""
    pictures, names, rows = [data.test.pixels[:12]], ["test image"], []
    for likelihood in config.likelihoods:
        model = trained(config.train, data, seed, device, progress, likelihood=likelihood)
        batches = in_order(data.test, 100)
        estimate = importance_log_likelihood(model, batches, config.samples, seed)
        rows.append(
            {
                "likelihood": likelihood,
                "NLL, nats": estimate.nll,
                "standard error": estimate.standard_error,
                **_bounds(model, data, config.train, seed),
            }
        )
        pictures += [model.reconstruct(data.test.pixels[:12])]
        noisy = model.decode(
            model.encode(data.test.pixels[:12]), noise=True, generator=torch.Generator().manual_seed(seed)
        )
        pictures += [noisy]
        names += [likelihood, "with its noise"]
    return [
        Panel(
            "likelihoods",
            "images",
            "Reconstructions under three Gaussian likelihoods",
            "The mean of p(x|z), and a draw from it: a sigma that is too large shows as noise.",
            array=grid(torch.cat(pictures), 12),
            options={"rows": names},
        ),
        Panel(
            "likelihoods-table", "table", "Densities of grey test images, constants included", frame=pd.DataFrame(rows)
        ),
    ]


LATENT_SIZES = Study(LatentSizeConfig, latent_sizes)
MANIFOLD = Study(ManifoldConfig, manifold)
CLASSES = Study(ClassConfig, classes)
LIKELIHOODS = Study(LikelihoodConfig, likelihoods)
