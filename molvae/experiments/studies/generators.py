"""A VAE, a GAN and a diffusion model after equal minutes of training: how good, and how long a sample takes."""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import torch
from pydantic import Field
from torch import Tensor, nn

from molvae.core.checkpoint import load_tensors, save_tensors
from molvae.core.discretised import bits_per_dimension
from molvae.core.evaluate import evaluate_bounds
from molvae.core.fit import FitConfig, Objective, fit
from molvae.core.frechet import frechet_of_features
from molvae.core.training import ObjectiveConfig, vae_objective
from molvae.errors import ConfigError
from molvae.experiments.studies.common import Study
from molvae.images.batches import ImageBatch, ImageBatches, in_order
from molvae.images.classifiers import Classifier, train_classifier
from molvae.images.datasets import ImageData, ImageSplit
from molvae.images.diffusion import Diffusion
from molvae.images.gan import GAN, players
from molvae.images.networks import NetworkConfig
from molvae.images.pictures import grid
from molvae.images.vae import ImageVAE, ImageVAEConfig
from molvae.run.config import Config, Count
from molvae.run.device import choose_device
from molvae.run.panels import Panel
from molvae.run.progress import Event, Progress, silent
from molvae.run.trainings import training_folder

MODELS = ("VAE", "GAN", "diffusion")
_LOOK = 25  # steps between looks at the clock


class GeneratorsConfig(Config):
    """Three generators of images and one clock."""

    minutes: tuple[Annotated[float, Field(gt=0, le=10_000)], ...] = Field((5, 15, 30), min_length=1)
    """Of processor time of training, after each of which a model is measured; measuring does not count."""
    batch_size: Count = 64
    vae: ImageVAEConfig = ImageVAEConfig(
        latent_size=32,
        likelihood="discretised_logistic",
        network=NetworkConfig(kind="cnn", hidden_size=256, channels=32, activation="silu"),
    )
    gan_channels: int = Field(32, ge=1, le=4096)
    diffusion_channels: int = Field(32, ge=8, multiple_of=8, le=4096)
    diffusion_steps: int = Field(200, ge=2, le=10_000)
    """T"""
    short_steps: int = Field(20, ge=1, le=10_000)
    """Steps of the faster sampler of diffusion."""
    learning_rate: float = Field(1e-3, gt=0, le=1)
    """Of VAE and diffusion."""
    gan_learning_rate: float = Field(2e-4, gt=0, le=1)
    average: float = Field(0.99, ge=0, lt=1)
    """Decay of the running mean of the weights that is measured, of every model."""
    judge: NetworkConfig = NetworkConfig(kind="cnn", channels=16, hidden_size=64, activation="relu")
    """Of the classifier of real images in whose features distances are taken."""
    judge_fit: FitConfig = FitConfig(epochs=5, learning_rate=2e-3)
    samples: int = Field(1000, ge=2, le=1_000_000)
    """Of each generator; as many test images, or all there are, are what they are held against."""
    bound_images: Count = 200
    """Test images whose bits per dimension are told."""
    shown: Count = 10
    """Samples in a row."""


@dataclass(frozen=True)
class Snapshot:
    """A model after some minutes of training.

    Attributes:
        minutes: of training.
        steps: that it took in them.
        model: a copy.
    """

    minutes: float
    steps: int
    model: nn.Module


class _Enough(Exception):
    """The last mark has been passed."""


class _Clock:
    """Processor time of one training; it is part of every checkpoint.

    Attributes:
        spent: seconds up to the last look.
    """

    def __init__(self) -> None:
        self.spent, self._since = 0.0, time.process_time()

    def look(self) -> float:
        """Seconds up to now."""
        self.spent += time.process_time() - self._since
        self.go_on()
        return self.spent

    def go_on(self) -> None:
        """What happened since the last look does not count."""
        self._since = time.process_time()

    def tensors(self) -> dict[str, Tensor]:
        return {"spent": torch.tensor(self.spent, dtype=torch.float64)}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        self.spent = float(tensors["spent"])
        self.go_on()


def run(config: GeneratorsConfig, data: ImageData, seed: int, device: str, progress: Progress) -> list[Panel]:
    """Train each model by the clock; measure every snapshot."""
    if data.train.labels is None or data.train.labels.is_floating_point():
        raise ConfigError(f"{data.name} has no classes: this study needs data such as digits or mnist, for the judge")
    judge = train_classifier(config.judge, config.judge_fit, data.train, data.classes, seed, device)
    test = _spread(data.test, config.samples)
    real = test.pixels
    known = judge.features(real).numpy()
    floor = frechet_of_features(judge.features(data.train.pixels[: config.samples]).numpy(), known)
    rows: list[dict[str, Any]] = []
    pictures, names = [], []
    for name in MODELS:
        for snapshot in _trained(name, config, data, seed, device, progress):
            for sampler, draw in _samplers(name, snapshot.model, config):
                row, images = _measured(sampler, draw, judge, known, config, seed, progress)
                bound = _bits(snapshot.model, data, config, seed) if sampler in ("VAE", "diffusion") else float("nan")
                told = {"model": sampler, "minutes": snapshot.minutes, "steps": snapshot.steps}
                rows.append({**told, **row, "bits per dimension": bound})
                pictures.append(images[: config.shown])
                names.append(f"{sampler}, {snapshot.minutes:g} min")
    frame = pd.DataFrame(rows)
    bits = ["none" if math.isnan(each) else f"{each:.3f}" for each in frame["bits per dimension"]]
    return [
        _curves(frame, floor),
        _costs(frame, floor),
        Panel(
            "generators",
            "table",
            "Three generators after equal minutes",
            f"Frechet distance of {config.samples} samples from {len(real)} test images in the features of a classifier"
            f" of real images; as many training images have {floor:.3g}. The same classifier is asked how sure it is of"
            " a sample's class (confidence), and over how many classes they spread (classes drawn, exp of the entropy);"
            f" of the test images it says {_sureness(judge, real):.3f} and {_classes(judge, real):.2f}. Seconds of"
            " processor time for 1,000 samples. Bits per dimension are upper bounds, of 256 grey values; a GAN has"
            " none, nor a sampler that skips steps.",
            frame=frame.assign(**{"bits per dimension": bits}),
        ),
        Panel(
            "samples",
            "images",
            "Samples",
            "The same seed for all; the first row is of test images.",
            array=grid(torch.cat([real[: config.shown], *pictures]), config.shown),
            options={"rows": ["test images", *names]},
        ),
    ]


STUDY = Study(GeneratorsConfig, run)


def _trained(
    name: str, config: GeneratorsConfig, data: ImageData, seed: int, device: str, progress: Progress
) -> list[Snapshot]:
    """Snapshots of one model at every mark."""
    marks = sorted(config.minutes)
    with training_folder() as folder:
        files = [folder / f"{place}.safetensors" for place in range(len(marks))]
        if not files[-1].is_file():
            _train(name, config, data, seed, device, progress, folder, files)
        return [
            _snapshot(_begun(name, config, data)[0].to(choose_device(device)), mark, file)
            for mark, file in zip(marks, files, strict=True)
        ]


def _train(
    name: str,
    config: GeneratorsConfig,
    data: ImageData,
    seed: int,
    device: str,
    progress: Progress,
    folder: Path,
    files: list[Path],
) -> None:
    """Train one model by the clock, and keep its weights in a file at every mark."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, objective, rate = _begun(name, config, data)
    marks, clock = sorted(config.minutes), _Clock()

    def look(current: nn.Module, step: int) -> dict[str, float]:
        before, spent = clock.spent, clock.look()
        for mark, file in zip(marks, files, strict=True):
            if before < 60 * mark <= spent:
                save_tensors(file, current.state_dict(), {"step": step})
        if spent >= 60 * marks[-1]:
            raise _Enough
        progress(Event(f"{name}, seconds", int(spent), int(60 * marks[-1])))
        clock.go_on()
        return {"objective": 0.0}  # no weights are better than others: a snapshot is of the last ones

    batches = ImageBatches(data.train, config.batch_size, seed)
    # the clock ends the training, and until then the learning rate stays
    fitting = FitConfig(
        epochs=1_000_000,
        learning_rate=rate,
        warmup_steps=50,
        hold=1.0,
        clip_norm=1e3,
        average=config.average,
        seed=seed,
        validate_every=_LOOK,
        checkpoint_every=1_000_000_000,
    )
    with suppress(_Enough):
        fit(model, batches, objective, fitting, folder, look, device, silent, memory=clock)


def _snapshot(model: nn.Module, minutes: float, file: Path) -> Snapshot:
    weights, header = load_tensors(file)
    model.load_state_dict(weights)
    return Snapshot(minutes, int(header["step"]), model.eval())


def _begun(name: str, config: GeneratorsConfig, data: ImageData) -> tuple[nn.Module, Any, float]:
    """An untrained model, what it maximises, and its learning rate."""
    if name == "VAE":
        vae = ImageVAE(config.vae, data.shape)
        vae.set_mean(data.train.pixels)
        return vae, vae_objective(ObjectiveConfig()), config.learning_rate
    if name == "GAN":
        gan = GAN(data.shape, channels=config.gan_channels)
        return gan, players(gan, config.gan_learning_rate), config.gan_learning_rate
    diffusion: Objective = _denoising
    return Diffusion(data.shape, config.diffusion_channels, config.diffusion_steps), diffusion, config.learning_rate


def _denoising(
    model: nn.Module, batch: ImageBatch, step: int, generator: torch.Generator
) -> tuple[Tensor, dict[str, Tensor]]:
    assert isinstance(model, Diffusion)
    return model.objective(batch.pixels, generator), {}


Draw = Callable[[int, torch.Generator], Tensor]


def _samplers(name: str, model: Any, config: GeneratorsConfig) -> list[tuple[str, Draw]]:
    if name == "VAE":
        return [(name, lambda number, generator: model.sample(number, generator=generator))]
    full: tuple[str, Draw] = (name, lambda number, generator: model.sample(number, generator))
    if name == "GAN":
        return [full]
    short = min(config.short_steps, config.diffusion_steps)
    return [full, (f"diffusion, {short} steps", lambda number, generator: model.sample(number, generator, short))]


def _measured(
    name: str, draw: Draw, judge: Classifier, known: Any, config: GeneratorsConfig, seed: int, progress: Progress
) -> tuple[dict[str, float], Tensor]:
    """Distance and seconds of a generator, and its samples."""
    generator = torch.Generator().manual_seed(seed)
    parts, spent = [], 0.0
    for first in range(0, config.samples, 250):
        # of the processor, as in training: what else the machine does must not count
        started = time.process_time()
        parts.append(draw(min(250, config.samples - first), generator).cpu())
        spent += time.process_time() - started
        progress(Event(f"{name}, samples", min(first + 250, config.samples), config.samples))
    images = torch.cat(parts)
    return {
        "Frechet distance": frechet_of_features(judge.features(images).numpy(), known),
        "confidence": _sureness(judge, images),
        "classes drawn": _classes(judge, images),
        "seconds for 1,000": spent * 1000 / config.samples,
    }, images


def _spread(images: ImageSplit, number: int) -> ImageSplit:
    """So many of the images, evenly spaced: the halves of MNIST's test images were written by different people."""
    return images[torch.linspace(0, len(images) - 1, min(number, len(images))).round().long()]


@torch.no_grad()
def _sureness(judge: Classifier, images: Tensor) -> float:
    """Mean probability of the class that the judge takes an image for."""
    target = next(judge.parameters()).device
    return float(torch.cat([judge(part.to(target)).amax(-1).exp().cpu() for part in images.split(1000)]).mean())


def _classes(judge: Classifier, images: Tensor) -> float:
    """exp of the entropy of the classes that the judge sees: K if all are equally frequent, 1 if there is one."""
    guesses = torch.bincount(judge.predict(images)).float()
    share = guesses[guesses > 0] / guesses.sum()
    return float(torch.exp(-(share * share.log()).sum()))


def _bits(model: Any, data: ImageData, config: GeneratorsConfig, seed: int) -> float:
    """Bits per dimension of test images by the bound."""
    images = _spread(data.test, config.bound_images)
    if isinstance(model, Diffusion):
        target, generator = next(model.parameters()).device, torch.Generator().manual_seed(seed)
        bound = float(model.bound(images.pixels.to(target), generator).mean())
    else:
        bound = evaluate_bounds(model, in_order(images), 1, seed)["elbo"]
    return bits_per_dimension(bound, images.pixels[0].numel())


def _curves(frame: pd.DataFrame, floor: float) -> Panel:
    """Distance against minutes, a line for each sampler."""
    wide = frame.pivot_table(index="minutes", columns="model", values="Frechet distance", sort=False).reset_index()
    return Panel(
        "generators-curve",
        "lines",
        "Frechet distance of samples against minutes of training",
        f"Lower is better; training images have {floor:.3g}.",
        frame=wide.assign(**{"training images": floor}),
        options={"x": "minutes of training", "y": "Frechet distance", "log_x": True, "log_y": True, "points": True},
    )


def _costs(frame: pd.DataFrame, floor: float) -> Panel:
    """Distance against the time of 1,000 samples, a line for each sampler through its minutes of training."""
    return Panel(
        "generators-costs",
        "scatter",
        "Frechet distance of samples against the time that 1,000 of them take",
        "Further down is better, further left is cheaper. A line goes through the minutes of training of one sampler; "
        f"training images have {floor:.3g}.",
        frame=frame[["seconds for 1,000", "Frechet distance", "model"]],
        options={
            "x": "seconds of processor time for 1,000 samples",
            "log_x": True,
            "log_y": True,
            "joined": True,
            "aspect": "auto",
        },
    )
