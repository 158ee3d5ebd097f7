"""Train and evaluate a VAE of images: its settings, its numbers and its pictures."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from pydantic import Field
from torch import Tensor, nn

from molvae.core.codebook import CODEBOOK, COMMITMENT, perplexity
from molvae.core.discretised import bits_per_dimension
from molvae.core.evaluate import LogLikelihood, evaluate_bounds, importance_log_likelihood, prior_log_likelihood
from molvae.core.fit import FitConfig, Validation, fit
from molvae.core.objectives import mmd_of_classes
from molvae.core.schedules import Schedule, in_steps
from molvae.core.slot_mixture import MASKS
from molvae.core.terms import Terms
from molvae.core.training import WAKE_SLEEP, Addition, BoundValidator, TrainingConfig, initial_model, vae_objective
from molvae.errors import ConfigError
from molvae.images.adversary import AdversarialPair, AdversaryConfig, validated_to_the_end
from molvae.images.batches import Binarisation, ImageBatch, ImageBatches, in_order
from molvae.images.completion import GUESS
from molvae.images.datasets import ImageData
from molvae.images.pictures import completion_panel, grid, is_plane, manifold_panel, slot_panel, traversal_panel
from molvae.images.segmentation import foreground_ari
from molvae.images.vae import ImageVAE, ImageVAEConfig
from molvae.run.config import Config, Seed
from molvae.run.panels import Panel
from molvae.run.progress import Progress, on_stderr, track


class ImageTrainConfig(TrainingConfig):
    """One training run. Of a model that completes images, the plain network is trained with weight 1
    (``objective.weights.guess``); of one with a codebook, the commitment term has weight 0.25 (``commitment``), and the
    codebook term, where no running mean moves the codes, 1 (``codebook``); of MONet, the agreement of the masks has
    weight 0.5 (``masks``).
    """

    batch_size: int = Field(100, ge=1, le=100_000)
    """Images a step."""
    binarisation: Binarisation = "dynamic"
    """``dynamic``, ``static``, ``threshold`` or ``none``."""
    model: ImageVAEConfig = ImageVAEConfig()
    style_mmd: float = Field(0.0, ge=0, le=1e6)
    """Weight of the discrepancy of the codes of each class from the prior, of a conditional model: a style that tells
    nothing of its class (Louizos et al. 2016).
    """
    fit: FitConfig = FitConfig(epochs=200, learning_rate=2e-3)
    adversary: AdversaryConfig | None = None
    """A network that tells reconstructions from real images, which the VAE is to deceive (Rivera 2023); default: none.
    It stays in the training checkpoint; the weights of the last step are kept, not the best of the validation.
    """
    validation_images: int = Field(1000, ge=1, le=1_000_000)
    """Held-out images that are measured while training."""


def check(config: ImageTrainConfig) -> None:
    """Refuse settings that contradict each other.

    Raises:
        ConfigError: a Bernoulli likelihood with grey data, or an objective that the posterior or the prior does not
            have.
    """
    if config.model.likelihood == "bernoulli" and config.binarisation == "none":
        raise ConfigError("a Bernoulli likelihood needs binary data: set binarisation to dynamic, static or threshold")
    if config.model.likelihood == "discretised_logistic" and config.binarisation != "none":
        raise ConfigError("a discretised logistic likelihood is of grey values: set binarisation to none")
    if config.model.posterior == "point_mass" and config.objective.name != "reconstruction":
        raise ConfigError("a point mass has no density, so no bound: set the objective to reconstruction")
    if config.adversary is not None and (config.binarisation != "none" or config.model.quadrants):
        raise ConfigError(
            "an adversary compares whole images of grey values: set binarisation to none, with another likelihood than "
            "bernoulli, and leave out quadrants"
        )
    if config.objective.prior_share and not config.model.quadrants:
        raise ConfigError(
            "objective.prior_share is for models that complete images (model.quadrants): a prior that does not see "
            "the image predicts none of it; leave the share out"
        )
    if config.style_mmd and not config.model.conditional:
        raise ConfigError("style_mmd is for models that are given the class: set model.conditional or leave it out")
    if config.objective.name == WAKE_SLEEP and (config.model.quadrants or config.model.codebook is not None):
        raise ConfigError("wake_sleep needs images made up from p(z): leave out quadrants and codebook")
    discrete, score = config.model.categories is not None, config.objective.name in ("score_function", WAKE_SLEEP)
    if discrete != config.objective.relaxed and not (discrete and score):
        raise ConfigError(
            "discrete codes, and no others, are trained with objective.temperature or straight_through (or the "
            "objectives score_function and wake_sleep)"
        )


def styles_of_classes(weight: float, classes: int) -> Addition:
    """What keeps the class out of z: -weight times :func:`~molvae.core.objectives.mmd_of_classes`."""

    def addition(
        model: ImageVAE, terms: Terms, batch: ImageBatch, step: int, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        assert batch.labels is not None
        labels = batch.labels
        shares = labels if labels.is_floating_point() else nn.functional.one_hot(labels, classes).float()
        mmd = mmd_of_classes(terms, shares)
        return -weight * mmd, {"style_mmd": mmd}

    return addition


class ImageValidator(BoundValidator):
    """Also the agreement of slots with the objects of a scene, where both are there.

    Args:
        config, batches: of a :class:`~molvae.core.training.BoundValidator`.
        masks: (N, K, H, W) of the same held-out images, or None.
    """

    def __init__(self, config: TrainingConfig, batches: Sequence[ImageBatch], masks: Tensor | None) -> None:
        super().__init__(config, batches)
        self.masks = masks

    def measure(self, model: ImageVAE) -> dict[str, float]:
        if self.masks is None or not model.config.slotted:
            return {}
        pixels = torch.cat([batch.pixels for batch in self.batches])
        return {"foreground_ari": foreground_ari(model, pixels, self.masks)}


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
        folder, device, progress, on_log: see :func:`molvae.core.fit.fit`.

    Raises:
        ConfigError: settings that contradict each other or the data.
        CheckpointError: the initial weights cannot be loaded.
    """
    check(config)

    def build() -> ImageVAE:
        model = ImageVAE(config.model, data.shape, data.classes)
        model.set_mean(data.train.pixels)
        return model

    model = initial_model(ImageVAE, config, config.model, build)
    if model.shape != data.shape:
        raise ConfigError(f"initial: {config.initial} draws images {model.shape}; those of the data are {data.shape}")
    seed, policy = config.fit.seed, config.binarisation
    batches = ImageBatches(data.train, config.batch_size, seed, policy)
    held_out = in_order(data.valid[: config.validation_images], binarisation=policy, seed=seed)
    config = in_steps(config, config.fit.steps(batches))
    if config.model.quadrants:
        weights = {GUESS: Schedule(), **config.objective.weights}
        config = config.model_copy(update={"objective": config.objective.model_copy(update={"weights": weights})})
    if config.model.codebook is not None:
        learned = {} if config.model.codebook.average else {CODEBOOK: Schedule()}
        weights = {COMMITMENT: Schedule(value=0.25), **learned, **config.objective.weights}
        config = config.model_copy(update={"objective": config.objective.model_copy(update={"weights": weights})})
    if config.model.network.kind == "monet":
        weights = {MASKS: Schedule(value=0.5), **config.objective.weights}
        config = config.model_copy(update={"objective": config.objective.model_copy(update={"weights": weights})})
    masks = data.valid[: config.validation_images].masks
    additions = [styles_of_classes(config.style_mmd, data.classes)] if config.style_mmd else []
    validate: Validation = ImageValidator(config, held_out, masks)
    if config.adversary is None:
        objective = vae_objective(config.objective, additions=additions)
        fit(model, batches, objective, config.fit, folder, validate, device, progress, on_log)
        return model
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pair = AdversarialPair(model, config.adversary)
    players = pair.players(config.objective, config.fit.learning_rate, additions)
    settings = config.fit.model_copy(update={"monitor": "steps"})
    fit(pair, batches, players, settings, folder, validated_to_the_end(validate), device, progress, on_log)
    return model


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
    batches = in_order(test, 250, config.binarisation, config.seed)
    result: dict[str, Any] = {"bounds": evaluate_bounds(model, batches, 1, config.seed)}
    number = len(test) if config.nll_images is None else min(config.nll_images, len(test))
    if "elbo" not in result["bounds"]:
        number = 0  # a plain autoencoder has no likelihood
    if model.codebook is not None:
        number = 0  # q is one code for certain: every sample has the same weight
        result["codes"] = code_numbers(model, test.pixels)
    if model.config.likelihood == "discretised_logistic" and "elbo" in result["bounds"]:
        bits = bits_per_dimension(result["bounds"]["elbo"], math.prod(model.shape))
        result["bits_per_dimension"] = bits
    if number:
        # evenly spaced: the first half of MNIST's test images was written by other people than the second
        spread = torch.linspace(0, len(test) - 1, number).round().long()
        part = in_order(test[spread], 100, config.binarisation, config.seed)
        estimate = importance_log_likelihood(model, part, config.nll_samples, config.seed, progress=progress)
        result["likelihood"] = {"nll": estimate.nll, "standard_error": estimate.standard_error}
        if model.completion is not None:
            result["completion"] = _completion(model, part, config, progress)
    if test.masks is not None and model.config.slotted:
        result["segmentation"] = {"foreground_ari": foreground_ari(model, test.pixels, test.masks)}
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


def code_numbers(model: ImageVAE, pixels: Tensor) -> dict[str, float]:
    """Perplexity and share of the codes that images (n, C, H, W) use, and bits of an image's codes under the prior."""
    assert model.codebook is not None
    index = model.codes(pixels)
    spread, used = perplexity(index, model.codebook.size)
    uniform = index.shape[1] * math.log2(model.codebook.size)
    prior: Any = model.prior
    bits = uniform
    if prior.network is not None:
        parts = [prior.network.log_prob(part.to(model.device)).sum(-1) for part in index.split(250)]
        bits = -float(torch.cat(parts).detach().mean()) / math.log(2)
    return {
        "size": model.codebook.size,
        "positions": index.shape[1],
        "perplexity": spread,
        "used": used,
        "bits": bits,
        "uniform_bits": uniform,
    }


def _completion(
    model: ImageVAE, batches: list[ImageBatch], config: ImageEvaluationConfig, progress: Progress
) -> dict[str, float]:
    """Negative conditional log-likelihood of the hidden pixels by samples of p(z|x), and by the plain network."""
    values, guessed = [], []
    for batch in track(batches, f"prediction, {config.nll_samples} samples", progress=progress):
        drawn = prior_log_likelihood(model, batch, config.nll_samples, (config.nll_samples,), config.seed)
        values.append(drawn[0])
        here = batch.to(model.device)
        with torch.no_grad():
            guessed.append(model.auxiliary(here, here.pixels)[GUESS].cpu())
    monte_carlo, guess = LogLikelihood(torch.cat(values), config.nll_samples), LogLikelihood(torch.cat(guessed), 1)
    return {
        "monte_carlo": monte_carlo.nll,
        "standard_error": monte_carlo.standard_error,
        "plain_network": guess.nll,
    }


def image_summary(result: dict[str, Any]) -> list[tuple[str, str]]:
    """The numbers of :func:`evaluate_images` as lines to print: what, value."""
    bounds, protocol = result["bounds"], result["protocol"]
    labels = {"elbo": "ELBO, nats", "reconstruction": "log p(x given z), nats", "kl": "KL, nats"}
    rows = [(label, f"{bounds[name]:.2f}") for name, label in labels.items() if name in bounds]
    rows.append(("active units", str(bounds["active_units"])))
    if "likelihood" in result:
        estimate = result["likelihood"]
        label = f"NLL, nats ({protocol['nll_samples']} importance samples, {protocol['nll_images']} images)"
        rows.append((label, f"{estimate['nll']:.2f} ± {estimate['standard_error']:.2f}"))
    if "bits_per_dimension" in result:
        rows.append(("bits per dimension", f"{result['bits_per_dimension']:.3f}"))
    if "codes" in result:
        codes = result["codes"]
        rows.append((f"perplexity of the {codes['size']} codes", f"{codes['perplexity']:.1f}"))
        rows.append(("share of the codes that are used", f"{codes['used']:.1%}"))
        saved = 1 - codes["bits"] / codes["uniform_bits"]
        label = f"bits of an image's codes ({codes['uniform_bits']:.0f} if all were alike)"
        rows.append((label, f"{codes['bits']:.1f}, {saved:.0%} saved"))
    if "segmentation" in result:
        rows.append(("foreground ARI of the slots", f"{result['segmentation']['foreground_ari']:.3f}"))
    if "completion" in result:
        found = result["completion"]
        label = f"the same by {protocol['nll_samples']} samples of p(z given x), nats"
        rows.append((label, f"{found['monte_carlo']:.2f} ± {found['standard_error']:.2f}"))
        rows.append(("the same by a plain network, nats", f"{found['plain_network']:.2f}"))
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
    if model.completion is not None:
        return [completion_panel(model, batch.pixels[:8], seed=config.fit.seed)]
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
            "Means of p(x|z), z ~ p(z).",
            array=grid(model.sample(4 * columns, classes, generator=generator), columns),
        ),
        *_uniform_samples(model, 4 * columns, columns, config.fit.seed),
        *([manifold_panel(model)] if is_plane(model) else []),
        *([slot_panel(model, data.test.pixels[:6])] if model.config.slotted else []),
        *([traversal_panel(model, data.test, 0)] if data.test.factors is not None else []),
    ]


def _uniform_samples(model: ImageVAE, number: int, columns: int, seed: int) -> list[Panel]:
    """Of a model whose prior over codes was learned: what the uniform one draws."""
    if model.config.codebook is None or model.config.codebook.prior is None:
        return []
    drawn = model.with_prior(None, None).sample(number, generator=torch.Generator().manual_seed(seed))
    return [
        Panel(
            "samples-uniform",
            "images",
            "Samples of the uniform prior over codes",
            "Every code equally probable at every position: what the learned prior adds.",
            array=grid(drawn, columns),
        )
    ]
