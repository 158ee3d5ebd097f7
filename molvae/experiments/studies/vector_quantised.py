"""A vector-quantised VAE with a learned prior beside a Gaussian VAE of the same networks (van den Oord et al. 2017)."""

import math
from typing import Annotated, Any

import pandas as pd
import torch
from pydantic import Field

from molvae.core.discretised import bits_per_dimension
from molvae.core.evaluate import evaluate_bounds
from molvae.core.fit import FitConfig
from molvae.errors import ConfigError
from molvae.experiments.studies.common import Study, trained
from molvae.images.batches import in_order
from molvae.images.code_prior import CodePriorTrainConfig, learn_prior
from molvae.images.codebooks import CodebookConfig, CodePriorConfig
from molvae.images.datasets import ImageData, ImageSplit
from molvae.images.networks import NetworkConfig
from molvae.images.pictures import grid
from molvae.images.training import ImageTrainConfig, check, code_numbers
from molvae.images.vae import ImageVAE, ImageVAEConfig
from molvae.run.config import Config, Count, one_of
from molvae.run.panels import Panel
from molvae.run.progress import Progress
from molvae.run.trainings import training_folder

CODEBOOKS = ("running means", "codebook loss")
"""How the codes move: as running means of what is assigned to them, or by a term of the objective."""
GAUSSIAN = "Gaussian VAE"


class VectorQuantisedConfig(Config):
    """The comparison."""

    train: ImageTrainConfig = ImageTrainConfig(
        binarisation="none",
        model=ImageVAEConfig(
            latent_size=128,
            likelihood="discretised_logistic",
            network=NetworkConfig(kind="grid", levels=1, depth=2, channels=32, activation="silu"),
            codebook=CodebookConfig(size=32),
        ),
        fit=FitConfig(epochs=30, learning_rate=2e-3, clip_norm=200.0),
    )
    prior: CodePriorTrainConfig = CodePriorTrainConfig(
        network=CodePriorConfig(channels=32, layers=4), fit=FitConfig(epochs=15, learning_rate=3e-3)
    )
    codebooks: tuple[Annotated[str, one_of(CODEBOOKS)], ...] = Field(CODEBOOKS, min_length=1)
    """Ways in which the codes move."""
    images: Count = 10_000
    """Test images that are measured."""
    columns: Annotated[int, Field(ge=1, le=100)] = 12
    """Pictures in a row."""


def run(config: VectorQuantisedConfig, data: ImageData, seed: int, device: str, progress: Progress) -> list[Panel]:
    """Every codebook with its learned prior, and the Gaussian VAE."""
    if config.train.model.codebook is None:
        raise ConfigError("this study compares codebooks: set train.model.codebook")
    check(config.train)
    test, columns = data.test[: config.images], min(config.columns, len(data.test))
    rows, pictures, names = [], [test.pixels[:columns]], ["test image"]
    drawn, drawn_names = [], []
    for place, name in enumerate(config.codebooks):
        book = config.train.model.codebook.model_copy(update={} if name == CODEBOOKS[0] else {"average": 0.0})
        model = trained(config.train, data, seed, device, progress, codebook=book)
        settings = config.prior.model_copy(update={"fit": config.prior.fit.model_copy(update={"seed": seed})})
        with training_folder() as folder:
            learned = learn_prior(model, settings, data, folder, device, progress)
        rows.append({"model": f"VQ-VAE, {name}", **_numbers(learned, model, test, seed)})
        pictures.append(model.reconstruct(test.pixels[:columns]))
        names.append(f"VQ, {name}")
        if not place:
            drawn += [_samples(part, 2 * columns, seed) for part in (learned, model)]
            drawn_names += ["learned prior", "", "uniform prior", ""]
    gaussian = trained(config.train, data, seed, device, progress, codebook=None)
    rows.append({"model": f"{GAUSSIAN}, the same networks", **_numbers(gaussian, None, test, seed)})
    pictures.append(gaussian.reconstruct(test.pixels[:columns]))
    drawn.append(_samples(gaussian, 2 * columns, seed))
    return [
        Panel(
            "bits",
            "table",
            "Bits per dimension, and how the codes are used",
            "-ELBO of test images in bits for each of their values: with a learned prior over codes, and with the "
            "uniform one of the original bound. Perplexity and use of the codes over the test images; saved: what the "
            "learned prior saves of their bits. Published for CIFAR-10: VQ-VAE 4.67, Gaussian VAE 4.51 bits per "
            "dimension.",
            frame=pd.DataFrame(rows).fillna(""),
        ),
        Panel(
            "reconstructions",
            "images",
            "Reconstructions of test images",
            array=grid(torch.cat(pictures), columns),
            options={"rows": [*names, GAUSSIAN]},
        ),
        Panel(
            "samples",
            "images",
            "Samples",
            "Means of p(x|z): codes of the learned prior, codes drawn evenly, and z ~ N(0, I) of the Gaussian VAE.",
            array=grid(torch.cat(drawn), columns),
            options={"rows": [*drawn_names, GAUSSIAN, ""]},
        ),
    ]


STUDY = Study(VectorQuantisedConfig, run)


def _numbers(model: ImageVAE, uniform: ImageVAE | None, test: ImageSplit, seed: int) -> dict[str, Any]:
    """Of a model, and of the same with the uniform prior if it has codes; as text, since not every row has all."""
    batches, dimensions = in_order(test, 250), math.prod(model.shape)
    bounds = evaluate_bounds(model, batches, 1, seed)
    numbers = {"bits per dimension": f"{bits_per_dimension(bounds['elbo'], dimensions):.3f}"}
    error = (model.reconstruct(test.pixels) - test.pixels).square().flatten(1).sum(1).mean()
    numbers["squared error"] = f"{float(error):.2f}"
    if uniform is None:
        return numbers
    codes, plain = code_numbers(model, test.pixels), evaluate_bounds(uniform, batches, 1, seed)
    return numbers | {
        "with the uniform prior": f"{bits_per_dimension(plain['elbo'], dimensions):.3f}",
        "perplexity": f"{codes['perplexity']:.1f} of {codes['size']}",
        "codes used": f"{codes['used']:.0%}",
        "bits of the codes": f"{codes['bits']:.1f} of {codes['uniform_bits']:.0f}",
        "saved": f"{1 - codes['bits'] / codes['uniform_bits']:.0%}",
    }


def _samples(model: ImageVAE, number: int, seed: int) -> torch.Tensor:
    return model.sample(number, generator=torch.Generator().manual_seed(seed))
