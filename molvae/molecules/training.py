"""Train a molecular VAE on SMILES: the recipe's settings, what is added to the bound, and the validation of a run."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import pandas as pd
import torch
from pydantic import Field, field_validator, model_validator
from torch import Tensor

from molvae.chemistry.molecule import canonical
from molvae.core.distributions import standard_normal_like, uniform_like
from molvae.core.fit import FitConfig, fit
from molvae.core.flows import FlowPosterior
from molvae.core.processes import here
from molvae.core.schedules import Schedule, in_steps
from molvae.core.terms import Terms
from molvae.core.training import (
    Addition,
    BoundValidator,
    ObjectiveConfig,
    Perturbation,
    TrainingConfig,
    initial_model,
    vae_objective,
)
from molvae.errors import ConfigError, InputError
from molvae.molecules.dataset import BucketedBatches, MoleculeDataset, TokenBatch
from molvae.molecules.distillation import Distillation, DistillationConfig
from molvae.molecules.growing import with_shape, with_tokens
from molvae.molecules.likelihood import sequence_log_prob
from molvae.molecules.predictor import absolute_errors
from molvae.molecules.property_fit import PredictorFitConfig, fit_predictor
from molvae.molecules.vae import MoleculeVAE, MoleculeVAEConfig
from molvae.molecules.vocabulary import Vocabulary
from molvae.run.config import Config
from molvae.run.files import atomic_path
from molvae.run.progress import Event, Progress, on_stderr

REFUSED = "refused.csv"
"""Where a run folder names the molecules that do not fit the vocabulary."""
TOKENS = "tokens"
"""Where a run folder keeps the tokens of a large data set; of use only while it is trained on."""
_IN_MEMORY = 1_000_000  # molecules whose tokens are not kept on disk
OF_WHOLE_BATCHES = ("free_bits", "total_free_bits", "info_vae", "population")
"""Objectives that are no mean over the examples of a batch: processes that share it would each compute another one."""
_MOST_NOISE = 0.6  # the largest a
_DENOISED = 3  # every third molecule of a batch


class BoundOfMolecules(ObjectiveConfig):
    """An objective of any VAE of molecules: their priors are given nothing to predict from."""

    @field_validator("prior_share")
    @classmethod
    def _is_not_used(cls, share: float) -> float:
        if share:
            raise ValueError("a prior of molecules is given nothing to predict them from: leave prior_share out")
        return share


class MoleculeObjectiveConfig(BoundOfMolecules):
    """E[log p(x|z)] - beta KL + w log p(y|z), in nats per molecule."""

    beta: Schedule = Schedule(kind="shares", shares=((0.0, 0.0), (0.4, 0.06)))
    """Weight of the KL term: while it is small, the code is learnt."""
    weights: dict[str, Schedule] = Field(default_factory=lambda: {"properties": Schedule()})
    """Weights of auxiliary terms; ``properties`` is the log-likelihood of the property predictor."""
    density_weight: Schedule | None = None
    """Least weight with which a learned prior (``flow_layers``) is fitted to the codes, whatever ``beta``: a small beta
    is for precise codes and no reason to describe them badly. Default: 0.5 where there is a learned prior.
    """
    corruption: Schedule = Schedule(value=0.0)
    """Share of the molecules whose z is mixed with a draw e from the prior before it is decoded,
    z' = sqrt(1 - a^2) z + a e with a uniform in [0, 0.6]. The decoder then learns to write a molecule from points that
    no molecule is encoded to.
    """
    denoising_weight: Schedule = Schedule(value=0.0)
    """Weight of the log-likelihood of every third molecule of a batch at a point that is corrupted as above. Unlike
    ``corruption`` it teaches the decoder alone, so that codes stay as precise as the bound makes them.
    """


class ValidationConfig(Config):
    """What is measured on held-out molecules while training."""

    molecules: int = Field(1000, ge=1, le=1_000_000)
    """Held-out molecules for reconstruction, KL and property error."""
    prior_samples: int = Field(500, ge=1, le=1_000_000)
    """Points of the prior that are decoded greedily, without mask."""


class TrainConfig(TrainingConfig):
    """One training run."""

    batch_size: int = Field(128, ge=1, le=100_000)
    """Molecules a step."""
    max_length: int | None = Field(None, ge=1, le=10_000)
    """Longest molecule in tokens; default: a tenth above the longest in the training data."""
    model: MoleculeVAEConfig = MoleculeVAEConfig()
    initial: str | None = None
    """Begin with the weights of this model (a shipped name, a model or run folder), of the same architecture but for
    further ``dilations``, which begin as the identity; default: random weights. Tokens of the data that it does not
    know are added to its vocabulary.
    """
    soup: dict[str, Annotated[float, Field(gt=0, lt=1)]] = Field(default_factory=dict)
    """Shares of other models in the final weights, a weighted mean (Wortsman et al. 2022, "Model soups"): shipped names
    or folders of models that this one descends from. Models of one descent lie in one valley, and their mean keeps more
    of what each can do than its share.
    """
    objective: MoleculeObjectiveConfig = MoleculeObjectiveConfig()
    fit: FitConfig = FitConfig(average=0.999, clip_norm=20.0)
    distillation: DistillationConfig = DistillationConfig()
    predictor: PredictorFitConfig = PredictorFitConfig()
    """What is done for the property predictor at the end, if ``objective.weights`` has a weight for it."""
    validation: ValidationConfig = ValidationConfig()

    @model_validator(mode="after")
    def _has_a_learned_prior(self) -> Self:
        weight = self.objective.density_weight
        if weight is not None and weight.used and not self.model.flow_layers:
            raise ValueError("objective.density_weight is for a learned prior: set model.flow_layers, or leave it out")
        return self

    @model_validator(mode="after")
    def _leaves_a_share(self) -> Self:
        if sum(self.soup.values()) >= 1:
            raise ValueError(
                f"the shares of soup sum to {sum(self.soup.values()):g}, and leave nothing to what is trained"
            )
        return self


def fine_tuning(initial: str, settings: Any) -> dict[str, Any]:
    """The settings of :class:`TrainConfig` with which a trained model learns from further molecules.

    The architecture is the model's. The learning rate is small, and the weight of the KL term constant: the code is
    learnt already.

    Args:
        initial: a shipped name, a model or run folder.
        settings: the table ``train`` of a recipe; what it says wins.

    Raises:
        CheckpointError: no such model, or it cannot be loaded.
        ConfigError: the settings, or a part of them, are not a table.
    """
    model = MoleculeVAE.from_pretrained(initial, "cpu").config.model_dump(mode="json")
    tables = {"model": model, "objective": {"beta": 0.06}, "fit": {"learning_rate": 3e-4}}
    if not isinstance(settings, dict) or not all(isinstance(settings.get(name, {}), dict) for name in tables):
        raise ConfigError(f"train, {', '.join(f'train.{name}' for name in tables)} are tables")
    chosen = {name: {**table, **settings.get(name, {})} for name, table in tables.items()}
    return {**settings, **chosen, "initial": initial}


@dataclass(frozen=True)
class MoleculeData:
    """Canonical SMILES and their properties (n, K), in the order of the model's property names."""

    smiles: Sequence[str]
    properties: np.ndarray


def corruption(config: MoleculeObjectiveConfig) -> Perturbation:
    """What happens to z on its way to the decoder, step by step."""

    def perturbation(step: int, generator: torch.Generator) -> Callable[[Tensor], Tensor] | None:
        share = config.corruption.at(step)
        return functools.partial(corrupt, share=share, generator=generator) if share > 0 else None

    return perturbation


def corrupt(z: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Some of the points z (..., D) mixed with draws from the prior: what was N(0, I) still is."""
    shape = (*z.shape[:-1], 1)
    chosen = uniform_like(z, shape, generator) < share
    mixing = torch.where(chosen, _MOST_NOISE * uniform_like(z, shape, generator), 0.0)
    noise = standard_normal_like(z, tuple(z.shape), generator)
    return (1 - mixing.square()).sqrt() * z + mixing * noise


def denoising(config: MoleculeObjectiveConfig) -> Addition:
    """log p(x|c) at codes c of corrupted points, both of which are constants for the gradient."""

    def addition(
        model: MoleculeVAE, terms: Terms, batch: TokenBatch, step: int, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        weight = config.denoising_weight.at(step)
        if not weight:
            return torch.zeros((), device=model.device), {}
        # batches are sorted by length: other molecules of it at each step
        rows = torch.arange(step % _DENOISED % len(batch), len(batch), _DENOISED, device=model.device)
        with torch.no_grad():
            codes = model.decoder.codes(corrupt(terms.z[0, rows], 1.0, generator))
        logits = model.decoder.logits_of_codes(codes, batch.inputs[rows])
        denoised = sequence_log_prob(logits, batch.tokens[rows]).mean()
        return weight * denoised, {"denoised": denoised}

    return addition


def density(config: MoleculeObjectiveConfig) -> Addition:
    """What beta lacks of ``density_weight``, times log p(code) of a learned prior; nothing else gets a gradient."""
    density_weight = config.density_weight or Schedule(value=0.5)

    def addition(
        model: MoleculeVAE, terms: Terms, batch: TokenBatch, step: int, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        weight = density_weight.at(step) - config.beta.at(step)
        if weight <= 0:
            return torch.zeros((), device=model.device), {}
        assert isinstance(terms.q, FlowPosterior)
        code, _ = terms.q.codes(terms.z)
        point, log_det = terms.q.flow(code.detach())
        return weight * (model.prior.log_prob(point) + log_det).mean(0), {}

    return addition


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
        training: what to learn from; the vocabulary is built from it. Molecules that do not fit the vocabulary are
            left out; ``refused.csv`` in the folder names them.
        held_out: for validation only.
        folder, device, progress, on_log: see :func:`molvae.core.fit.fit`.

    Raises:
        InputError: there is nothing to train on, or no molecule of it fits the vocabulary.
        ConfigError: the initial model has another shape.
        CheckpointError: the initial weights cannot be loaded.

    Several processes (:mod:`molvae.core.processes`) train one model: each returns it, the first alone with its property
    predictor fitted anew at the end.
    """
    group = here()
    if group.number > 1 and config.objective.name in OF_WHOLE_BATCHES:
        raise ConfigError(
            f"{config.objective.name} looks at a whole batch: train with one process, or with another objective"
        )
    if len(training.smiles) == 0:
        raise InputError("no molecule is left to train on: see the reject file for the reasons")
    model = _initial_model(config, training, progress)
    on_disk = folder / TOKENS / str(group.rank) if len(training.smiles) > _IN_MEMORY else None
    dataset, refused = MoleculeDataset.build(training.smiles, model.vocabulary, training.properties, on_disk)
    if len(refused) == len(training.smiles):
        reason = next(iter(refused.values()))
        raise InputError(f"no molecule of the training data fits the vocabulary of the model: {reason}")
    batches = BucketedBatches(dataset, config.batch_size, config.fit.seed)
    validate = Validator(config, held_out, model.vocabulary)
    parts = {
        "training": {training.smiles[row]: reason for row, reason in refused.items()},
        "held-out": validate.refused,
    }
    if group.first:
        report_refused(parts, folder, progress)
    config = in_steps(config, config.fit.steps(batches))
    additions: list[Addition] = []
    if config.model.flow_layers:
        additions.append(density(config.objective))
    if config.objective.denoising_weight.used:
        additions.append(denoising(config.objective))
    distillation = None
    if config.distillation.used:
        distillation = Distillation(config.distillation, config.objective.beta, dataset, config.fit.seed)
        additions.append(distillation)
    objective = vae_objective(config.objective, corruption(config.objective), additions)
    others = {name: _of_one_shape(name, model) for name in config.soup}  # what is wrong with them shows at once
    fit(model, batches, objective, config.fit, folder, validate, device, progress, on_log, distillation)
    if others:
        model.load_state_dict(
            mean_weights(model.state_dict(), [(others[name], share) for name, share in config.soup.items()])
        )
    if group.first and _final_weight_of_properties(config.objective) > 0:
        fit_predictor(model, dataset, validate.dataset, config.predictor, progress)
    return model


def mean_weights(
    weights: Mapping[str, Tensor], others: Sequence[tuple[Mapping[str, Tensor], float]]
) -> dict[str, Tensor]:
    """The weighted mean of the weights of models of one shape.

    Args:
        weights: has what the others leave of 1.
        others: further weights of the same names and shapes, and their shares; what is not a float is not averaged.
    """
    own = 1 - sum(share for _, share in others)
    return {
        name: own * value + sum((share * other[name].to(value) for other, share in others), torch.zeros_like(value))
        if value.is_floating_point()
        else value
        for name, value in weights.items()
    }


def _of_one_shape(name: str, model: MoleculeVAE) -> dict[str, Tensor]:
    """Weights of another model, as those of a model of this architecture."""
    other = MoleculeVAE.from_pretrained(name, "cpu")
    grown = other if other.config == model.config else with_shape(other, model.config)
    if grown is None or other.vocabulary != model.vocabulary:
        raise ConfigError(f"train.soup: {name} is of another architecture or vocabulary than the model that is trained")
    return grown.state_dict()


def _final_weight_of_properties(objective: ObjectiveConfig) -> float:
    weight = objective.weights.get("properties")
    return 0.0 if weight is None else weight.final


def report_refused(refused: Mapping[str, Mapping[str, str]], folder: Path, progress: Progress) -> None:
    """Say which molecules of each part of the data are left out, and write them down; part -> SMILES -> reason."""
    rows = [(part, smiles, reason) for part, found in refused.items() for smiles, reason in found.items()]
    if not rows:
        return
    for part, found in refused.items():
        if found:
            reasons = "; ".join(list(found.values())[:3])
            text = f"left out of the {part} molecules, see {folder / REFUSED}: {reasons}"
            progress(Event(f"refused, {part}", len(found), text=text, milestone=True, ended=True))
    with atomic_path(folder / REFUSED) as temporary:
        pd.DataFrame(rows, columns=["part", "smiles", "reason"]).to_csv(temporary, index=False)


def _initial_model(config: TrainConfig, training: MoleculeData, progress: Progress) -> MoleculeVAE:
    def build() -> MoleculeVAE:
        vocabulary = Vocabulary.build(training.smiles, config.max_length, config.model.tokenizer)
        model = MoleculeVAE(config.model, vocabulary)
        model.predictor.set_scaling(torch.from_numpy(np.array(training.properties)))
        return model

    model = initial_model(MoleculeVAE, config, config.model, build, lambda model: with_shape(model, config.model))
    if config.initial is not None and config.max_length not in (None, model.vocabulary.max_length):
        raise ConfigError(
            f"train.max_length: {config.initial} was made for {model.vocabulary.max_length} tokens: leave it out"
        )
    new = model.vocabulary.unknown(training.smiles) if config.initial is not None else []
    if not new:
        return model
    progress(
        Event("new tokens", len(new), text=f"added to the vocabulary: {' '.join(new)}", milestone=True, ended=True)
    )
    return with_tokens(model, new)


class Validator(BoundValidator):
    """Beside the bound: reconstructed molecules, validity of prior samples and property error.

    Args:
        config: what is trained, and how much to measure.
        held_out: molecules that were not trained on; the first ``validation.molecules`` of them that fit.
        vocabulary: the model's.

    Raises:
        InputError: none of them fits the vocabulary.
    """

    def __init__(self, config: TrainConfig, held_out: MoleculeData, vocabulary: Vocabulary) -> None:
        number = config.validation.molecules
        smiles = list(held_out.smiles[:number])
        self.dataset, refused = MoleculeDataset.build(smiles, vocabulary, np.asarray(held_out.properties[:number]))
        self.smiles = [text for row, text in enumerate(smiles) if row not in refused]
        self.refused = {smiles[row]: reason for row, reason in refused.items()}
        if not self.smiles:
            raise InputError("no held-out molecule fits the vocabulary of the training data: check the held-out file")
        rows = np.array_split(np.arange(len(self.smiles)), max(1, len(self.smiles) // 250))
        super().__init__(config, [self.dataset.batch(part) for part in rows])
        self.prior_samples = config.validation.prior_samples

    def measure(self, model: MoleculeVAE) -> dict[str, float]:
        """Numbers of greedy decoding without mask, and the error of each predicted property."""
        z = model.encode(self.smiles, canonicalise=False)
        rebuilt, _ = model.generate(z, mask="none")
        points = model.prior.sample((self.prior_samples,), torch.Generator().manual_seed(self.seed))
        drawn, _ = model.generate(points, mask="none")
        values = {
            "reconstructed": float(np.mean([a == b for a, b in zip(rebuilt, self.smiles, strict=True)])),
            "prior_validity": float(np.mean([canonical(smiles) is not None for smiles in drawn])),
        }
        if self.dataset.properties is not None and _final_weight_of_properties(self.objective) > 0:
            values |= absolute_errors(model.predict(z), self.dataset.properties)
        return values
