"""Blurred images of VAEs: what an adversary does about it (Rivera 2023), and what wider networks do."""

import math
import time
from typing import Any

import pandas as pd
import torch
from pydantic import Field, field_validator
from torch import Tensor

from molvae.core.fit import FitConfig
from molvae.core.frechet import frechet_of_features
from molvae.experiments.studies.common import Study, trained
from molvae.images.adversary import AdversaryConfig
from molvae.images.attributes import attributed, train_judge
from molvae.images.datasets import ImageData
from molvae.images.networks import NetworkConfig
from molvae.images.pictures import grid
from molvae.images.sharpness import sharpness
from molvae.images.training import ImageTrainConfig
from molvae.images.vae import ImageVAE, ImageVAEConfig
from molvae.run.config import Config, Count, Weight
from molvae.run.panels import Panel
from molvae.run.progress import Progress

PLAIN, ABSOLUTE, ADVERSARY_ARM = "plain VAE", "absolute error", "with an adversary"
REAL = "real test images"


class AdversaryStudyConfig(Config):
    """Three ways to train the same networks, for about the same time."""

    train: ImageTrainConfig = ImageTrainConfig(
        batch_size=32,
        binarisation="none",
        model=ImageVAEConfig(
            latent_size=64,
            likelihood="gaussian_shared_sigma",
            sigma=0.2,
            network=NetworkConfig(kind="cnn", hidden_size=256, channels=16, activation="silu"),
        ),
        fit=FitConfig(learning_rate=1e-3, clip_norm=1e4),
        validation_images=200,
    )
    """Of the plain VAE; the others change likelihood and objective, and all of them the epochs."""
    epochs: dict[str, Count] = Field({PLAIN: 8, ABSOLUTE: 8, ADVERSARY_ARM: 4}, min_length=1)
    """Of each way that is compared, in inverse proportion to the time of its steps: the table tells the seconds."""
    absolute_error: Weight = Field(5000.0, gt=0)
    """Weight of the mean absolute error of a value, of the last two."""
    adversary: AdversaryConfig = AdversaryConfig(learning_rate=5e-4)
    judge: NetworkConfig = NetworkConfig(kind="cnn", hidden_size=128, channels=16, activation="relu")
    """The network that tells attributes from real images, in whose features images are compared."""
    judge_fit: FitConfig = FitConfig(epochs=4, learning_rate=1e-3)
    images: Count = 1000
    """Test images, and draws of the prior beside them."""
    columns: int = Field(10, ge=2, le=1000)
    """Pictures in a row."""

    @field_validator("epochs")
    @classmethod
    def _known(cls, epochs: dict[str, int]) -> dict[str, int]:
        names = (PLAIN, ABSOLUTE, ADVERSARY_ARM)
        for name in epochs:
            if name not in names:
                raise ValueError(f"no way of training {name!r}: there are {', '.join(names)}")
        return epochs

    def training(self, name: str, values: int) -> ImageTrainConfig:
        """Settings of one way, for images of so many values."""
        fitting = self.train.fit.model_copy(update={"epochs": self.epochs[name]})
        train = self.train.model_copy(update={"fit": fitting})
        if name == PLAIN:
            return train
        # w MAE, the mean over n values, is a Laplace density of scale b = n / w
        sigma = math.sqrt(2) * values / self.absolute_error
        return train.model_copy(
            update={
                "model": train.model.model_copy(update={"likelihood": "laplace_fixed_scale", "sigma": sigma}),
                "objective": train.objective.model_copy(update={"name": "population"}),
                "adversary": self.adversary if name == ADVERSARY_ARM else None,
            }
        )


def adversary(config: AdversaryStudyConfig, data: ImageData, seed: int, device: str, progress: Progress) -> list[Panel]:
    """Train a judge of real images, and the VAEs; hold reconstructions and samples against real images."""
    known = attributed(data)
    judge = train_judge(config.judge, config.judge_fit, known.data.train, seed, device)
    test = data.test.pixels[: config.images]
    sharp = float(sharpness(test).mean())
    features = judge.features(test).numpy()
    reference = judge.features(data.train.pixels[: len(test)]).numpy()
    rows: list[dict[str, Any]] = [
        {
            "images": REAL,
            "seconds": 0.0,
            "absolute error": 0.0,
            "sharpness, rebuilt": 1.0,
            "sharpness, samples": 1.0,
            "Fréchet distance, rebuilt": 0.0,
            "Fréchet distance, samples": frechet_of_features(reference, features),
        }
    ]
    shown = test[: config.columns]
    rebuilt_rows, sample_rows = [shown], [test[-config.columns :]]
    for name in config.epochs:
        start = time.process_time()
        model = trained(config.training(name, math.prod(data.shape)), data, seed, device, progress)
        seconds = time.process_time() - start
        rebuilt, drawn = _images(model, test, seed)
        rows.append(
            {
                "images": name,
                "seconds": seconds,
                "absolute error": float((rebuilt - test).abs().mean()),
                "sharpness, rebuilt": float(sharpness(rebuilt).mean()) / sharp,
                "sharpness, samples": float(sharpness(drawn).mean()) / sharp,
                "Fréchet distance, rebuilt": frechet_of_features(judge.features(rebuilt).numpy(), features),
                "Fréchet distance, samples": frechet_of_features(judge.features(drawn).numpy(), features),
            }
        )
        rebuilt_rows.append(rebuilt[: config.columns])
        sample_rows.append(drawn[: config.columns])
    names = [REAL, *config.epochs]
    return [
        Panel(
            "numbers",
            "table",
            "Sharpness and likeness of what three VAEs draw",
            "Seconds of processor time in training. Sharpness: variance of the discrete Laplacian, relative to real "
            "test images. Fréchet distance from real test images in the features of a network that tells attributes of "
            "real images; the first row is that of as many training images. The second and third objective are no "
            "bounds on log p(x).",
            frame=pd.DataFrame(rows),
        ),
        Panel(
            "reconstructions",
            "images",
            "Reconstructions of test images",
            array=grid(torch.cat(rebuilt_rows), config.columns),
            options={"rows": names},
        ),
        Panel(
            "samples",
            "images",
            "Samples of the prior beside real images",
            "Means of p(x|z), z ~ N(0, I), the same for all.",
            array=grid(torch.cat(sample_rows), config.columns),
            options={"rows": names},
        ),
    ]


class BlurConfig(Config):
    """The same VAE with wider and wider networks."""

    train: ImageTrainConfig = ImageTrainConfig(
        batch_size=64,
        binarisation="none",
        model=ImageVAEConfig(
            latent_size=64,
            likelihood="gaussian_shared_sigma",
            sigma=0.2,
            network=NetworkConfig(hidden_size=256, depth=2, activation="silu"),
        ),
        fit=FitConfig(epochs=10, learning_rate=1e-3, clip_norm=1e4),
        validation_images=200,
    )
    widths: tuple[Count, ...] = Field((16, 32, 64, 128, 256, 512), min_length=1)
    """Of fully connected layers; where there are convolutions, they have an eighth as many channels."""
    images: Count = 1000
    """Test images, and draws of the prior beside them."""
    columns: int = Field(10, ge=2, le=1000)
    """Pictures in a row."""


def blur(config: BlurConfig, data: ImageData, seed: int, device: str, progress: Progress) -> list[Panel]:
    """Are VAEs blurred for want of capacity? The same latent size, likelihood and epochs for every width."""
    test = data.test.pixels[: config.images]
    sharp = float(sharpness(test).mean())
    total = float((test - data.train.pixels.mean(0)).square().mean())
    rows, pictures = [], [test[: config.columns]]
    for width in config.widths:
        channels = max(8, width // 64 * 8)
        network = config.train.model.network.model_copy(update={"hidden_size": width, "channels": channels})
        model = trained(config.train, data, seed, device, progress, network=network)
        rebuilt, drawn = _images(model, test, seed)
        rows.append(
            {
                "width": width,
                "sharpness, rebuilt": float(sharpness(rebuilt).mean()) / sharp,
                "sharpness, samples": float(sharpness(drawn).mean()) / sharp,
                "squared error, share of the variance": float((rebuilt - test).square().mean()) / total,
                "parameters": sum(parameter.numel() for parameter in model.parameters()),
            }
        )
        pictures.append(rebuilt[: config.columns])
    frame = pd.DataFrame(rows)
    return [
        Panel(
            "blur",
            "lines",
            f"Sharpness and error against the width of the networks, {config.train.model.latent_size} latent numbers",
            "Sharpness: variance of the discrete Laplacian relative to real test images, 1 would be as sharp. Error: "
            "of reconstructions of test images, relative to that of the mean image.",
            frame=frame.drop(columns="parameters"),
            options={"x": "width", "log_x": True},
        ),
        Panel("blur-table", "table", "The same as numbers", frame=frame),
        Panel(
            "blur-reconstructions",
            "images",
            "Reconstructions of test images",
            array=grid(torch.cat(pictures), config.columns),
            options={"rows": ["test image", *(f"width {width}" for width in config.widths)]},
        ),
    ]


ADVERSARY = Study(AdversaryStudyConfig, adversary, "sprites")
BLUR = Study(BlurConfig, blur, "sprites")


def _images(model: ImageVAE, test: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Reconstructions, and as many samples of the prior, both with values in [0, 1]."""
    drawn = model.sample(len(test), generator=torch.Generator().manual_seed(seed))
    return model.reconstruct(test).clamp(0, 1), drawn.clamp(0, 1)
