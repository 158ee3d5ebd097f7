"""Discriminative against generative: the error after five epochs, and what lies open in codes and features."""

import time
from collections.abc import Callable
from typing import Any

import pandas as pd
import torch
from pydantic import Field
from torch import Tensor

from molvae.core.fit import FitConfig
from molvae.core.training import ObjectiveConfig
from molvae.errors import ConfigError
from molvae.experiments.studies.common import Study, trained
from molvae.images.batches import binarise
from molvae.images.classifiers import Classifier, error_of, most_probable_class, train_classifier
from molvae.images.datasets import ImageData, ImageSplit
from molvae.images.networks import NetworkConfig
from molvae.images.probes import linear_probe_error
from molvae.images.training import ImageTrainConfig
from molvae.images.vae import ImageVAE, ImageVAEConfig
from molvae.run.config import Config, Count
from molvae.run.panels import Panel
from molvae.run.progress import Progress, silent, track


class DiscriminativeConfig(Config):
    """Five epochs of each."""

    fit: FitConfig = FitConfig(epochs=5, learning_rate=2e-3)
    """Of every model."""
    batch_size: Count = 200
    cnn: NetworkConfig = NetworkConfig(kind="cnn", channels=16, hidden_size=100, activation="relu")
    mlp: NetworkConfig = NetworkConfig(hidden_size=500, depth=2, activation="relu")
    """q(y|x) of M2."""
    vae: ImageVAEConfig = ImageVAEConfig(
        latent_size=16, network=NetworkConfig(hidden_size=300, depth=1, activation="silu")
    )
    """p(x|y,z) and q(z|x,y), and without y the VAE and the plain autoencoder whose codes are probed."""
    samples: Count = 5
    """Of z for the bound of each image and class."""
    images: int = Field(5000, ge=1, le=1_000_000)
    """Training images that the probes see."""


def run(config: DiscriminativeConfig, data: ImageData, seed: int, device: str, progress: Progress) -> list[Panel]:
    """Errors and seconds, then probes."""
    if data.train.labels is None:
        raise ConfigError(f"{data.name} has no classes: this study needs data such as digits or mnist")
    test = data.test
    binary = binarise(test.pixels, "threshold", torch.Generator())
    auto = config.vae.model_copy(update={"posterior": "point_mass"})
    make: dict[str, Callable[[], Any]] = {
        "CNN": lambda: _classifier(config, config.cnn, data, seed, device),
        # where every class is known, q(y|x) and the bound share no weight: each is trained alone
        "q(y|x) of M2": lambda: _classifier(config, config.mlp, data, seed, device),
        "argmax of the bound": lambda: _vae(config, config.vae, "elbo", True, data, seed, device),
        "VAE": lambda: _vae(config, config.vae, "elbo", False, data, seed, device),
        "autoencoder": lambda: _vae(config, auto, "reconstruction", False, data, seed, device),
    }
    models: dict[str, Any] = {}
    seconds: dict[str, float] = {}
    for name in track(list(make), "discriminative against generative", progress=progress):
        models[name], seconds[name] = _timed(make[name])
    guess: dict[str, Callable[[], Tensor]] = {
        "CNN": lambda: models["CNN"].predict(test.pixels),
        "q(y|x) of M2": lambda: models["q(y|x) of M2"].predict(test.pixels),
        "argmax of the bound": lambda: most_probable_class(models["argmax of the bound"], binary, config.samples, seed),
    }
    rows = []
    for name, way in guess.items():
        guesses, used = _timed(way)
        times = {"seconds of training": seconds[name], "seconds for the test images": used}
        rows.append({"classifier": name, "test error, %": 100 * error_of(guesses, test), **times})
    return [
        Panel(
            "classifiers",
            "table",
            f"Discriminative against generative, {config.fit.epochs} epochs with all labels",
            "Seconds of processor time. q(y|x) of M2 is the classifier that M2 has; the last takes the class with the "
            "largest bound of log p(x, y) under a conditional VAE.",
            frame=pd.DataFrame(rows),
        ),
        Panel(
            "linear-probes",
            "table",
            "Linear probes: the class read from codes and features by a logistic regression",
            "Codes of the VAE and of the plain autoencoder were learned without classes, the features with them.",
            frame=pd.DataFrame(_probes(config, models, data, seconds)),
        ),
    ]


STUDY = Study(DiscriminativeConfig, run)


def _timed(task: Callable[[], Any]) -> tuple[Any, float]:
    """What it returns, and seconds of processor time: other work on the machine does not count."""
    start = time.process_time()
    return task(), time.process_time() - start


def _classifier(
    config: DiscriminativeConfig, network: NetworkConfig, data: ImageData, seed: int, device: str
) -> Classifier:
    return train_classifier(network, config.fit, data.train, data.classes, seed, device, config.batch_size)


def _vae(
    config: DiscriminativeConfig,
    model: ImageVAEConfig,
    objective: str,
    conditional: bool,
    data: ImageData,
    seed: int,
    device: str,
) -> ImageVAE:
    train = ImageTrainConfig(
        model=model,
        fit=config.fit,
        batch_size=config.batch_size,
        objective=ObjectiveConfig(name=objective),
        validation_images=200,
    )
    return trained(train, data, seed, device, silent, conditional=conditional)


def _probes(
    config: DiscriminativeConfig, models: dict[str, Any], data: ImageData, seconds: dict[str, float]
) -> list[dict[str, Any]]:
    train, test = data.train[: config.images], data.test
    assert train.labels is not None and test.labels is not None
    seen: dict[str, tuple[str, Callable[[ImageSplit], Tensor]]] = {
        "pixels": ("", lambda part: part.pixels),
        "codes of the VAE": ("VAE", lambda part: models["VAE"].encode(part.pixels)),
        "codes of the autoencoder": ("autoencoder", lambda part: models["autoencoder"].encode(part.pixels)),
        "features of the CNN": ("CNN", lambda part: _features(models["CNN"], part)),
    }
    rows = []
    for name, (model, see) in seen.items():
        known, unknown = see(train), see(test)
        error = linear_probe_error(known, train.labels, unknown, test.labels)
        row = {"seen": name, "numbers": known.flatten(1).shape[1], "test error, %": 100 * error}
        rows.append({**row, "seconds of training": seconds.get(model, 0.0)})
    return rows


def _features(model: Classifier, part: ImageSplit) -> Tensor:
    return model.features(part.pixels)
