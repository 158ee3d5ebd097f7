"""Train and evaluate a VAE of sketches: its settings, its numbers and its pictures."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from pydantic import Field

from molvae.core.evaluate import evaluate_bounds, importance_log_likelihood
from molvae.core.fit import FitConfig, fit
from molvae.core.schedules import Schedule, in_steps
from molvae.core.training import BoundValidator, ObjectiveConfig, TrainingConfig, initial_model, vae_objective
from molvae.errors import ConfigError
from molvae.images.sketch_batches import SketchBatches, in_order
from molvae.images.sketch_pictures import completion_panel, paths_panel, reconstruction_panel, sample_panel
from molvae.images.sketch_vae import SketchVAE, SketchVAEConfig
from molvae.images.sketches import SketchData
from molvae.run.config import Config, Seed
from molvae.run.panels import Panel
from molvae.run.progress import Progress, on_stderr


class SketchTrainConfig(TrainingConfig):
    """One training run.

    The paper divides the reconstruction by N_max and the KL by N_z: its weight w_KL is beta = w_KL N_max / N_z here,
    and its KL_min is ``free_bits`` = KL_min N_z of the objective ``total_free_bits``.
    """

    batch_size: int = Field(100, ge=1, le=100_000)
    """Sketches a step."""
    model: SketchVAEConfig = SketchVAEConfig(latent_size=32, encoder_size=64, decoder_size=128)
    objective: ObjectiveConfig = ObjectiveConfig(
        name="total_free_bits", free_bits=2.0, beta=Schedule(kind="shares", shares=((0, 0.01), (0.5, 0.5)))
    )
    fit: FitConfig = FitConfig(epochs=25, learning_rate=4e-3, warmup_steps=50, clip_norm=20.0)
    stretch: float = Field(0.15, ge=0, lt=1)
    """Sketches are stretched in x and in y by factors drawn from 1 - this to 1 + this."""
    drop: float = Field(0.1, ge=0, lt=1)
    """Share of the points inside strokes that are left out at each step."""
    validation_sketches: int = Field(1000, ge=1, le=1_000_000)
    """Held-out sketches that are measured while training."""


class SketchEvaluationConfig(Config):
    """How much to measure."""

    sketches: int | None = Field(None, ge=1, le=1_000_000)
    """Test sketches; default: all."""
    nll_sketches: int = Field(200, ge=0, le=1_000_000)
    """Of these, how many (evenly spaced) for the importance-sampled likelihood; 0 leaves it out."""
    nll_samples: int = Field(50, ge=1, le=1_000_000)
    """Draws of z for each of them."""
    drawn: int = Field(100, ge=1, le=100_000)
    """Points on paths between test sketches that are decoded, to count how many end by themselves."""
    seed: Seed = 0
    """Of every draw."""


def train_sketches(
    config: SketchTrainConfig,
    data: SketchData,
    folder: Path,
    device: str = "auto",
    progress: Progress = on_stderr,
    on_log: Callable[[int, dict[str, float]], None] | None = None,
) -> SketchVAE:
    """Train, or go on training, and return the model with its best weights.

    Args:
        config: all settings.
        data: what to learn from; its validation part is only watched.
        folder, device, progress, on_log: see :func:`molvae.core.fit.fit`.

    Raises:
        ConfigError: settings that contradict each other.
        CheckpointError: the initial weights cannot be loaded.
    """
    check(config)
    scale = data.scale
    if not scale > 0:
        raise ConfigError(f"the sketches of {data.name} have no size: every offset is the same")
    model = initial_model(SketchVAE, config, config.model, lambda: SketchVAE(config.model, scale, data.max_length))
    seed = config.fit.seed
    batches = SketchBatches(data.train, model.scale, config.batch_size, seed, config.stretch, config.drop)
    held_out = in_order(data.valid[: config.validation_sketches], model.scale)
    config = in_steps(config, config.fit.steps(batches))
    validate = BoundValidator(config, held_out)
    fit(model, batches, vae_objective(config.objective), config.fit, folder, validate, device, progress, on_log)
    return model


def check(config: SketchTrainConfig) -> None:
    """Refuse settings that contradict each other.

    Raises:
        ConfigError: an objective or weights that sketches do not have.
    """
    objective = config.objective
    if objective.relaxed or objective.weights or objective.prior_share:
        raise ConfigError(
            "sketches have a Gaussian code: leave out temperature, straight_through, weights, prior_share"
        )
    if not config.model.latent_size and objective.name == "free_bits":
        raise ConfigError("a decoder alone has no code to give free bits to: set the objective to elbo")


def evaluate_sketches(
    model: SketchVAE, data: SketchData, config: SketchEvaluationConfig, progress: Progress = on_stderr
) -> dict[str, Any]:
    """Bounds for a sketch and for a point, the figures of the paper, importance-sampled likelihood, and how many
    decoded sketches end by themselves (JSON); densities are of offsets in units of ``scale``, constants included.
    """
    test = data.test[: config.sketches or len(data.test)]
    bounds = evaluate_bounds(model, in_order(test, model.scale), 1, config.seed)
    points = float(test.lengths.double().mean())
    result: dict[str, Any] = {
        "bounds": bounds,
        "per_point": {name: bounds[name] / points for name in ("reconstruction", "elbo")},
        "paper": {
            "reconstruction_loss": -bounds["reconstruction"] / model.max_length,
            "kl_loss": bounds["kl"] / model.latent_size if model.latent_size else 0.0,
        },
    }
    number = min(config.nll_sketches, len(test)) if model.latent_size else 0  # without a code the bound is exact
    if number:
        spread = torch.linspace(0, len(test) - 1, number).round().long()
        part = in_order(test[spread], model.scale, 50)
        estimate = importance_log_likelihood(model, part, config.nll_samples, config.seed, chunk=10, progress=progress)
        result["likelihood"] = {"nll": estimate.nll, "standard_error": estimate.standard_error}
    result["drawn"] = {"ended": _share_that_ends(model, data, config)}
    result["protocol"] = {
        "data": data.name,
        "test_sketches": len(test),
        "points": points,
        "scale": model.scale,
        "max_length": model.max_length,
        "nll_sketches": number,
        "nll_samples": config.nll_samples,
        "seed": config.seed,
    }
    return result


def _share_that_ends(model: SketchVAE, data: SketchData, config: SketchEvaluationConfig) -> float:
    """Of sketches decoded on paths between test sketches, or of samples if there is no code."""
    generator = torch.Generator().manual_seed(config.seed)
    if not model.latent_size or len(data.test) < 2:
        _, ended = model.sample(config.drawn, generator=generator)
    else:
        ends = data.test[: min(len(data.test), 2 + config.drawn // 10)]
        _, ended = model.interpolate(ends, 11, generator=generator)
    return float(ended.double().mean())


def sketch_summary(result: dict[str, Any]) -> list[tuple[str, str]]:
    """The numbers of :func:`evaluate_sketches` as lines to print: what, value."""
    bounds, protocol, paper = result["bounds"], result["protocol"], result["paper"]
    rows = [
        ("ELBO, nats a sketch", f"{bounds['elbo']:.2f}"),
        ("log p(x given z), nats a sketch", f"{bounds['reconstruction']:.2f}"),
        ("KL, nats a sketch", f"{bounds['kl']:.2f}"),
        (f"ELBO, nats a point ({protocol['points']:.1f} points)", f"{result['per_point']['elbo']:.3f}"),
        ("log p(x given z), nats a point", f"{result['per_point']['reconstruction']:.3f}"),
        (f"L_R of Ha & Eck, divided by N_max = {protocol['max_length']}", f"{paper['reconstruction_loss']:.3f}"),
        ("L_KL of Ha & Eck, divided by N_z", f"{paper['kl_loss']:.3f}"),
        ("active units", str(bounds["active_units"])),
    ]
    if "likelihood" in result:
        estimate = result["likelihood"]
        label = f"NLL, nats ({protocol['nll_samples']} importance samples, {protocol['nll_sketches']} sketches)"
        rows.append((label, f"{estimate['nll']:.2f} ± {estimate['standard_error']:.2f}"))
    rows.append(("decoded sketches that end by themselves", f"{result['drawn']['ended']:.1%}"))
    if "decoder_only" in result:
        alone = result["decoder_only"]
        rows.append(("NLL of the decoder alone, nats a sketch", f"{-alone['bounds']['elbo']:.2f}"))
        rows.append(("L_R of the decoder alone", f"{alone['paper']['reconstruction_loss']:.3f}"))
    return rows


def training_panels(model: SketchVAE, data: SketchData, seed: int = 0) -> list[Panel]:
    """What a trained model is shown by: paths, reconstructions and samples by temperature, completions."""
    test = data.test
    panels = [sample_panel(model, 10, seed=seed), completion_panel(model, test, seed=seed)]
    if not model.latent_size:
        return panels
    pairs = max(1, min(5, len(test) // 2))
    paths = [paths_panel(model, test, pairs, seed=seed)] if len(test) > 1 else []
    return [*paths, reconstruction_panel(model, test, seed=seed), *panels]
