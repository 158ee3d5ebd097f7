"""Train and evaluate a VAE of images: settings, objective and validation for the core's loop."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from molvae.core.evaluate import evaluate_bounds, importance_log_likelihood
from molvae.core.fit import FitConfig, Objective, fit
from molvae.core.objectives import OBJECTIVES, free_bits
from molvae.core.schedules import KLSchedule
from molvae.core.terms import Terms
from molvae.errors import ConfigError
from molvae.images.batches import Binarisation, ImageBatch, ImageBatches, in_order
from molvae.images.datasets import ImageData, ImageSplit
from molvae.images.pictures import grid, manifold_panel
from molvae.images.vae import ImageVAE, ImageVAEConfig
from molvae.run.config import Config, Seed
from molvae.run.panels import Panel
from molvae.run.progress import Progress, on_stderr


class ImageObjectiveConfig(Config):
    """What is maximised."""

    name: str = "elbo"
    """A name of ``core.objectives.OBJECTIVES``."""
    samples: int = Field(1, ge=1, le=10_000)
    """S draws of z for each image."""
    free_bits: float = Field(0.1, ge=0, le=1000)
    """Nats a dimension may use for nothing, for the objective ``free_bits``."""
    kl: KLSchedule = KLSchedule()
    """Weight of the KL term."""

    @field_validator("name")
    @classmethod
    def _known_name(cls, name: str) -> str:
        if name not in OBJECTIVES:
            raise ValueError(f"there are {', '.join(OBJECTIVES)}")
        return name

    @property
    def function(self) -> Callable[[Terms, float], Tensor]:
        """The bound itself."""
        return partial(free_bits, floor=self.free_bits) if self.name == "free_bits" else OBJECTIVES[self.name]


class ImageTrainConfig(Config):
    """One training run."""

    batch_size: int = Field(100, ge=1, le=100_000)
    """Images a step."""
    binarisation: Binarisation = "dynamic"
    """``dynamic``, ``static``, ``threshold`` or ``none``."""
    model: ImageVAEConfig = ImageVAEConfig()
    objective: ImageObjectiveConfig = ImageObjectiveConfig()
    fit: FitConfig = FitConfig(epochs=200, learning_rate=2e-3)
    initial: str | None = None
    """Model or run folder whose weights the training begins with, of the same architecture; default: random weights."""
    validation_images: int = Field(1000, ge=1, le=1_000_000)
    """Held-out images that are measured while training."""


def check(config: ImageTrainConfig) -> None:
    """Refuse settings that contradict each other.

    Raises:
        ConfigError: a Bernoulli likelihood with grey data, or an objective that the posterior does not have.
    """
    if config.model.likelihood == "bernoulli" and config.binarisation == "none":
        raise ConfigError("a Bernoulli likelihood needs binary data: set binarisation to dynamic, static or threshold")
    if config.model.posterior == "point_mass" and config.objective.name != "reconstruction":
        raise ConfigError("a point mass has no density, so no bound: set the objective to reconstruction")


def image_objective(config: ImageObjectiveConfig) -> Objective:
    """The objective of the training loop for these settings."""
    bound = config.function

    def objective(
        model: nn.Module, batch: ImageBatch, step: int, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        assert isinstance(model, ImageVAE)
        terms = model.terms(batch, config.samples, generator)
        beta = config.kl.at(step)
        kl = terms.kl if terms.kl is not None else (terms.log_qz - terms.log_pz).mean(0)
        return bound(terms, beta), {"reconstruction": terms.log_px.mean(0), "kl": kl, "beta": torch.tensor(beta)}

    return objective


def train_images(
    config: ImageTrainConfig,
    data: ImageData,
    folder: Path,
    device: str = "auto",
    progress: Progress = on_stderr,
    on_log: Callable[[int, dict[str, float]], None] | None = None,
) -> ImageVAE:
    """Train, or go on training, and return the model with its best weights.

    Args:
        config: all settings.
        data: what to learn from; its validation part is only watched.
        folder: checkpoints and metrics; a run killed there resumes from there.
        device: ``auto`` or a torch device.
        progress: told how far it has come.
        on_log: told every row of metrics.

    Raises:
        ConfigError: settings that contradict each other or the data.
        CheckpointError: the initial weights cannot be loaded.
    """
    check(config)
    model = _initial_model(config, data)
    batches = ImageBatches(data.train, config.batch_size, config.fit.seed, config.binarisation)
    validate = ImageValidator(config, data.valid)
    fit(model, batches, image_objective(config.objective), config.fit, folder, validate, device, progress, on_log)
    return model


def _initial_model(config: ImageTrainConfig, data: ImageData) -> ImageVAE:
    if config.initial is not None:
        model = ImageVAE.from_pretrained(config.initial, "cpu")
        if model.config != config.model or model.shape != data.shape:
            raise ConfigError(f"initial: {config.initial} is of another architecture: {model.config}, {model.shape}")
        return model.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.fit.seed)  # the initial weights; torch's modules draw them from the global generator
        model = ImageVAE(config.model, data.shape, data.classes)
    model.set_mean(data.train.pixels)
    return model


class ImageValidator:
    """Bounds and active units on held-out images; the objective with its final KL weight decides on the best
    weights.
    """

    def __init__(self, config: ImageTrainConfig, held_out: ImageSplit) -> None:
        self.config = config
        self.batches = in_order(
            held_out[: config.validation_images], binarisation=config.binarisation, seed=config.fit.seed
        )

    def __call__(self, model: nn.Module, step: int) -> dict[str, float]:
        """Measure; (model in eval mode, step) -> numbers, ``objective`` among them."""
        assert isinstance(model, ImageVAE)
        objective = self.config.objective
        samples = objective.samples if objective.name == "iwae" else 1
        batches = [batch.to(model.device) for batch in self.batches]
        values = evaluate_bounds(model, batches, samples, self.config.fit.seed)
        if objective.name == "reconstruction" or "kl" not in values:
            values["objective"] = values["reconstruction" if objective.name == "reconstruction" else "elbo"]
        elif objective.name == "iwae":
            values["objective"] = -values["nll"] if samples > 1 else values["elbo"]
        else:
            values["objective"] = values["reconstruction"] - objective.kl.weight * values["kl"]
        return values


class ImageEvaluationConfig(Config):
    """How much to measure."""

    images: int | None = Field(None, ge=1, le=1_000_000)
    """Test images; default: all."""
    nll_images: int | None = Field(None, ge=0, le=1_000_000)
    """Of these, how many (evenly spaced) for the importance-sampled likelihood; default: all; 0 leaves it out."""
    nll_samples: int = Field(5000, ge=1, le=1_000_000)
    """Draws of z for each of them."""
    binarisation: Binarisation = "dynamic"
    """``dynamic`` and ``static`` both draw once, with ``seed``."""
    seed: Seed = 0
    """Of every draw."""


def evaluate_images(
    model: ImageVAE, data: ImageData, config: ImageEvaluationConfig, progress: Progress = on_stderr
) -> dict[str, Any]:
    """Bounds, active units and importance-sampled likelihood on the test images (JSON)."""
    test = data.test[: config.images or len(data.test)]
    batches = [batch.to(model.device) for batch in in_order(test, 250, config.binarisation, config.seed)]
    result: dict[str, Any] = {"bounds": evaluate_bounds(model, batches, 1, config.seed)}
    number = len(test) if config.nll_images is None else min(config.nll_images, len(test))
    if number:
        # evenly spaced: the first half of MNIST's test images was written by other people than the second
        spread = torch.linspace(0, len(test) - 1, number).round().long()
        part = [batch.to(model.device) for batch in in_order(test[spread], 100, config.binarisation, config.seed)]
        found = importance_log_likelihood(model, part, config.nll_samples, config.seed, progress=progress)
        result["likelihood"] = {"nll": found.nll, "standard_error": found.standard_error}
    result["protocol"] = {
        "data": data.name,
        "test_images": len(test),
        "nll_images": number,
        "nll_samples": config.nll_samples,
        "binarisation": config.binarisation,
        "likelihood": model.config.likelihood,
        "seed": config.seed,
    }
    return result


def image_summary(result: dict[str, Any]) -> list[tuple[str, str]]:
    """The numbers of :func:`evaluate_images` as lines to print: what, value."""
    bounds, protocol = result["bounds"], result["protocol"]
    rows = [("ELBO, nats", f"{bounds['elbo']:.2f}"), ("log p(x given z), nats", f"{bounds['reconstruction']:.2f}")]
    if "kl" in bounds:
        rows.append(("KL, nats", f"{bounds['kl']:.2f}"))
    rows.append(("active units", str(bounds["active_units"])))
    if "likelihood" in result:
        found = result["likelihood"]
        label = f"NLL, nats ({protocol['nll_samples']} importance samples, {protocol['nll_images']} images)"
        rows.append((label, f"{found['nll']:.2f} ± {found['standard_error']:.2f}"))
    return rows


def training_panels(model: ImageVAE, data: ImageData, config: ImageTrainConfig) -> list[Panel]:
    """What a trained model is shown by: reconstructions, samples, and for two dimensions the plane itself."""
    if data.shape == (1, 1, 2):  # points of a plane
        drawn = model.sample(
            2000,
            torch.arange(2000) % data.classes if model.config.conditional else None,
            noise=True,
            generator=torch.Generator().manual_seed(config.fit.seed),
        )
        parts = {"data": data.test.pixels.flatten(1), "samples": drawn.flatten(1)}
        frames = [pd.DataFrame(points.numpy(), columns=["x", "y"]).assign(of=name) for name, points in parts.items()]
        return [
            Panel("samples", "scatter", "Data and samples", "x ~ p(x|z).", pd.concat(frames), options={"facets": True})
        ]
    columns = 12
    batch = in_order(data.test[:columns], columns, config.binarisation, config.fit.seed)[0]
    seen = batch.labels if config.model.conditional else None
    generator = torch.Generator().manual_seed(config.fit.seed)
    classes = None
    if config.model.conditional:
        classes = torch.arange(4 * columns) % data.classes
    rebuilt = torch.cat([batch.pixels, model.reconstruct(batch.pixels, seen)])
    plane = model.config.latent_size == 2 and not model.config.conditional
    return [
        Panel(
            "reconstructions",
            "images",
            "Reconstructions of test images",
            array=grid(rebuilt, columns),
            options={"rows": ["test image", "rebuilt"]},
        ),
        Panel(
            "samples",
            "images",
            "Samples of the prior",
            "Means of p(x|z), z ~ N(0, I).",
            array=grid(model.sample(4 * columns, classes, generator=generator), columns),
        ),
        *([manifold_panel(model)] if plane else []),
    ]
