"""Train a molecular VAE on SMILES: the recipe's settings, the joint objective and the validation of a run."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from molvae.chemistry.molecule import canonical
from molvae.core.evaluate import evaluate_bounds
from molvae.core.fit import FitConfig, Objective, fit
from molvae.core.objectives import joint
from molvae.core.schedules import piecewise_linear
from molvae.errors import ConfigError, InputError
from molvae.molecules.dataset import BucketedBatches, MoleculeDataset, TokenBatch
from molvae.molecules.vae import MoleculeVAE, MoleculeVAEConfig
from molvae.molecules.vocabulary import Vocabulary
from molvae.run.config import Config, Step, Weight
from molvae.run.progress import Progress, on_stderr

_MOST_NOISE = 0.6  # the largest a


class ObjectiveConfig(Config):
    """E[log p(x|z)] - beta KL + w log p(y|z), in nats per molecule."""

    beta: tuple[tuple[Step, Weight], ...] = ((0, 0.0), (8000, 0.06))
    """Weight of the KL term: knots (step, weight), joined by straight lines, constant after the last."""
    property_weight: float = Field(1.0, ge=0, le=1e6)
    """Weight of the property predictor's log-likelihood."""
    corruption: tuple[tuple[Step, Weight], ...] = ((0, 0.0),)
    """Share of the molecules whose z is mixed with a draw e from the prior before it is decoded,
    z' = sqrt(1 - a^2) z + a e with a uniform in [0, 0.6]: knots (step, share) as for ``beta``. The decoder then learns
    to write a molecule from points that no molecule is encoded to.
    """

    @field_validator("beta", "corruption")
    @classmethod
    def _in_order(cls, knots: tuple[tuple[int, float], ...]) -> tuple[tuple[int, float], ...]:
        steps = [step for step, _ in knots]
        if not knots or steps != sorted(set(steps)) or any(weight < 0 for _, weight in knots):
            raise ValueError("at least one knot (step, weight) is needed, steps rising and weights not negative")
        return knots

    def kl_weight(self, step: int) -> float:
        """beta at a step."""
        return piecewise_linear(step, self.beta)

    @property
    def final_beta(self) -> float:
        """beta at the end."""
        return self.beta[-1][1]


class ValidationConfig(Config):
    """What is measured on held-out molecules while training."""

    molecules: int = Field(1000, ge=1, le=1_000_000)
    """Held-out molecules for reconstruction, KL and property error."""
    prior_samples: int = Field(500, ge=1, le=1_000_000)
    """Points of the prior that are decoded greedily, without mask."""


class TrainConfig(Config):
    """One training run."""

    batch_size: int = Field(128, ge=1, le=100_000)
    """Molecules a step."""
    max_length: int | None = Field(None, ge=1, le=10_000)
    """Longest molecule in tokens; default: a tenth above the longest in the training data."""
    model: MoleculeVAEConfig = MoleculeVAEConfig()
    initial: str | None = None
    """Go on from the weights of this model (a shipped name or a folder), with its vocabulary; default: from nothing.
    Its shape must be ``model``.
    """
    objective: ObjectiveConfig = ObjectiveConfig()
    fit: FitConfig = FitConfig()
    validation: ValidationConfig = ValidationConfig()


@dataclass(frozen=True)
class MoleculeData:
    """Canonical SMILES and their properties (n, K), in the order of the model's property names."""

    smiles: Sequence[str]
    properties: np.ndarray


def joint_objective(config: ObjectiveConfig) -> Objective:
    """The objective of the training loop for these settings."""
    weights = {"properties": config.property_weight} if config.property_weight > 0 else {}

    def objective(
        model: nn.Module, batch: TokenBatch, step: int, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        assert isinstance(model, MoleculeVAE)
        share = piecewise_linear(step, config.corruption)
        perturb = functools.partial(corrupt, share=share, generator=generator) if share > 0 else None
        terms = model.terms(batch, 1, generator, perturb=perturb)
        beta = config.kl_weight(step)
        kl = terms.kl if terms.kl is not None else (terms.log_qz - terms.log_pz).mean(0)
        logged = {"reconstruction": terms.log_px.mean(0), "kl": kl, "beta": torch.tensor(beta), **terms.aux}
        return joint(terms, beta, weights), logged

    return objective


def corrupt(z: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Some of the points z (S, B, D) mixed with draws from the prior: what was N(0, I) still is."""
    shape = (*z.shape[:-1], 1)
    chosen = torch.rand(shape, generator=generator) < share
    mixing = torch.where(chosen, _MOST_NOISE * torch.rand(shape, generator=generator), 0.0).to(z.device)
    noise = torch.randn(z.shape, generator=generator).to(z.device)
    return (1 - mixing.square()).sqrt() * z + mixing * noise


def train(
    config: TrainConfig,
    training: MoleculeData,
    held_out: MoleculeData,
    folder: Path,
    device: str = "auto",
    progress: Progress = on_stderr,
    on_log: Callable[[int, dict[str, float]], None] | None = None,
) -> MoleculeVAE:
    """Train, or go on training, and return the model with its best weights.

    Args:
        config: all settings.
        training: what to learn from; the vocabulary is built from it.
        held_out: for validation only.
        folder: checkpoints and metrics; a run killed there resumes from there.
        device: ``auto`` or a torch device.
        progress: told how far it has come.
        on_log: told every row of metrics.

    Raises:
        InputError: there is nothing to train on, or no molecule of it fits the vocabulary of the initial model.
        ConfigError: the initial model has another shape.
        CheckpointError: the initial weights cannot be loaded.
    """
    if len(training.smiles) == 0:
        raise InputError("no molecule is left to train on: see the reject file for the reasons")
    model = _initial_model(config, training)
    dataset, refused = MoleculeDataset.build(training.smiles, model.vocabulary, training.properties)
    if len(refused) == len(training.smiles):
        raise InputError(f"no molecule of the training data fits the vocabulary of the initial model {config.initial}")
    batches = BucketedBatches(dataset, config.batch_size, config.fit.seed)
    validate = Validator(config.validation, held_out, model.vocabulary, config.objective, config.fit.seed)
    fit(model, batches, joint_objective(config.objective), config.fit, folder, validate, device, progress, on_log)
    return model


def _initial_model(config: TrainConfig, training: MoleculeData) -> MoleculeVAE:
    if config.initial is not None:
        model = MoleculeVAE.from_pretrained(config.initial, "cpu")
        if model.config != config.model:
            raise ConfigError(f"train.initial: {config.initial} has another shape than train.model: {model.config}")
        if config.max_length not in (None, model.vocabulary.max_length):
            raise ConfigError(
                f"train.max_length: {config.initial} was made for {model.vocabulary.max_length} tokens: leave it out"
            )
        model.card = ""  # it speaks of other weights
        return model
    vocabulary = Vocabulary.build(training.smiles, config.max_length)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.fit.seed)  # the initial weights; torch's modules draw them from the global generator
        model = MoleculeVAE(config.model, vocabulary)
    model.predictor.set_scaling(torch.from_numpy(np.array(training.properties)))
    return model


class Validator:
    """Reconstruction, KL, active units, validity and property error on held-out molecules.

    Args:
        config: how much to measure.
        held_out: molecules that were not trained on; the first ``config.molecules`` that fit the vocabulary.
        vocabulary: the model's.
        objective: its final KL weight makes the number by which the best weights are chosen.
        seed: of the prior samples, the same at every validation.
    """

    def __init__(
        self,
        config: ValidationConfig,
        held_out: MoleculeData,
        vocabulary: Vocabulary,
        objective: ObjectiveConfig,
        seed: int,
    ) -> None:
        smiles = list(held_out.smiles[: config.molecules])
        self.dataset, refused = MoleculeDataset.build(
            smiles, vocabulary, np.asarray(held_out.properties[: config.molecules])
        )
        self.smiles = [text for row, text in enumerate(smiles) if row not in refused]
        if not self.smiles:
            raise InputError("no held-out molecule fits the vocabulary of the training data: check the held-out file")
        self.config, self.objective, self.seed = config, objective, seed

    def __call__(self, model: nn.Module, step: int) -> dict[str, float]:
        """Measure; (model in eval mode, step) -> numbers, ``objective`` among them."""
        assert isinstance(model, MoleculeVAE)
        rows = np.array_split(np.arange(len(self.smiles)), max(1, len(self.smiles) // 250))
        batches = [self.dataset.batch(part).to(model.device) for part in rows]
        values = evaluate_bounds(model, batches, seed=self.seed)
        values["objective"] = values["reconstruction"] - self.objective.final_beta * values["kl"]

        z = model.encode(self.smiles, canonicalise=False)
        rebuilt, _ = model.generate(z, mask="none")
        values["reconstructed"] = float(np.mean([a == b for a, b in zip(rebuilt, self.smiles, strict=True)]))
        points = model.prior.sample((self.config.prior_samples,), torch.Generator().manual_seed(self.seed))
        drawn, _ = model.generate(points, mask="none")
        values["prior_validity"] = float(np.mean([canonical(smiles) is not None for smiles in drawn]))

        predicted = model.predict(z)
        properties = self.dataset.properties
        if properties is not None and self.objective.property_weight > 0:
            for place, name in enumerate(model.predictor.names):
                error = np.abs(predicted[name].to_numpy() - properties[:, place])
                values[f"{name}_mae"] = float(np.nanmean(error))
        return values
