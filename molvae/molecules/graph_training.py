"""Train a graph VAE: the recipe's settings, and the validation of a run. Loop, bound and schedules are the core's."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from pydantic import Field

from molvae.core.fit import FitConfig, fit
from molvae.core.schedules import Schedule, in_steps
from molvae.core.training import BoundValidator, TrainingConfig, initial_model, vae_objective
from molvae.errors import ConfigError, InputError
from molvae.molecules.cluster_vocabulary import ClusterVocabulary
from molvae.molecules.graph_config import GraphVAEConfig
from molvae.molecules.graph_vae import GraphVAE
from molvae.molecules.predictor import absolute_errors
from molvae.molecules.training import BoundOfMolecules, MoleculeData, ValidationConfig, report_refused
from molvae.molecules.tree_batches import TreeBatches
from molvae.molecules.tree_data import cached_arrays
from molvae.run.progress import Progress, on_stderr


class GraphObjectiveConfig(BoundOfMolecules):
    """E[log p(x|z)] - beta KL + w log p(y|z), in nats per molecule."""

    beta: Schedule = Schedule(kind="shares", shares=((0.0, 0.0), (0.2, 0.03)))
    """Weight of the KL term: while it is small, the code is learnt; every point decodes to a molecule all the same."""
    weights: dict[str, Schedule] = Field(default_factory=lambda: {"properties": Schedule(value=0.2)})
    """Weights of auxiliary terms; ``properties`` is the log-likelihood of the property predictor."""


class GraphTrainConfig(TrainingConfig):
    """One training run of a graph VAE."""

    batch_size: int = Field(64, ge=1, le=100_000)
    """Molecules a step."""
    max_clusters: int | None = Field(None, ge=1, le=1000)
    """Most clusters of a molecule; default: a tenth above the largest molecule of the training data."""
    model: GraphVAEConfig = GraphVAEConfig()
    objective: GraphObjectiveConfig = GraphObjectiveConfig()
    fit: FitConfig = FitConfig(epochs=8, learning_rate=2e-3, average=0.999, clip_norm=20.0)
    validation: ValidationConfig = ValidationConfig()


def train_graph(
    config: GraphTrainConfig,
    training: MoleculeData,
    held_out: MoleculeData,
    folder: Path,
    device: str = "auto",
    progress: Progress = on_stderr,
    on_log: Callable[[int, dict[str, float]], None] | None = None,
    num_workers: int = 0,
    cache_dir: Path | None = None,
) -> GraphVAE:
    """Train, or go on training, and return the model with its best weights.

    Args:
        config: all settings.
        training: what to learn from; the vocabulary of clusters is built from it. Molecules without a junction tree
            are left out; ``refused.csv`` in the folder names them.
        held_out: for validation only.
        folder, device, progress, on_log: see :func:`molvae.core.fit.fit`.
        num_workers: processes that take molecules apart; 0 takes all cores.
        cache_dir: where their trees are kept; default: :func:`~molvae.run.fetch.default_cache`.

    Raises:
        InputError: no molecule can be learnt from.
        ConfigError: the initial model has another shape.
        CheckpointError: the initial weights cannot be loaded.
    """
    if len(training.smiles) == 0:
        raise InputError("no molecule is left to train on: see the reject file for the reasons")
    arrays = cached_arrays(training.smiles, num_workers, cache_dir, progress)

    def build() -> GraphVAE:
        model = GraphVAE(config.model, ClusterVocabulary.build(arrays, config.max_clusters))
        model.predictor.set_scaling(torch.from_numpy(np.array(training.properties)))
        return model

    model = initial_model(GraphVAE, config, config.model, build)
    if config.initial is not None and config.max_clusters not in (None, model.vocabulary.max_clusters):
        raise ConfigError(
            f"train.max_clusters: {config.initial} was made for {model.vocabulary.max_clusters}: leave it out"
        )
    dataset = model.dataset_of(arrays, training.properties)
    if len(dataset) == 0:
        raise InputError(f"the model can hold no molecule of the training data: {next(iter(dataset.refused.values()))}")
    batches = TreeBatches(dataset, config.batch_size, config.fit.seed)
    validate = GraphValidator(config, held_out, model)
    parts = {
        "training": {training.smiles[row]: reason for row, reason in dataset.refused.items()},
        "held-out": validate.refused,
    }
    report_refused(parts, folder, progress)
    config = in_steps(config, config.fit.steps(batches))
    objective = vae_objective(config.objective)
    fit(model, batches, objective, config.fit, folder, validate, device, progress, on_log)
    if validate.dataset.properties is not None:
        model.predictor.calibrate(validate.means(model).to(model.device), validate.properties.to(model.device))
    return model


class GraphValidator(BoundValidator):
    """Beside the bound: reconstructed molecules, different molecules of the prior, and property error.

    A molecule is rebuilt if its canonical SMILES without stereo marks is. All molecules of the prior are valid, so what
    is told of them is how many are different.

    Args:
        config: what is trained, and how much to measure.
        held_out: molecules that were not trained on; the first ``validation.molecules`` of them that fit.
        model: says what fits.

    Raises:
        InputError: none of them fits.
    """

    def __init__(self, config: GraphTrainConfig, held_out: MoleculeData, model: GraphVAE) -> None:
        number = config.validation.molecules
        smiles = list(held_out.smiles[:number])
        self.dataset, refused = model.dataset(smiles, np.asarray(held_out.properties[:number]))
        self.wanted = [model.held(text) for row, text in enumerate(smiles) if row not in refused]
        self.refused = {smiles[row]: reason for row, reason in refused.items()}
        if not self.wanted:
            raise InputError("the model can hold no held-out molecule: check the held-out file")
        rows = np.array_split(np.arange(len(self.wanted)), max(1, len(self.wanted) // 250))
        super().__init__(config, [self.dataset.batch(part) for part in rows])
        self.prior_samples = config.validation.prior_samples

    @property
    def properties(self) -> torch.Tensor:
        """Of the molecules, (n, K)."""
        assert self.dataset.properties is not None
        return torch.from_numpy(self.dataset.properties)

    @torch.no_grad()
    def means(self, model: GraphVAE) -> torch.Tensor:
        """Posterior means of the molecules, (n, D) on the CPU."""
        return torch.cat([model.posterior(batch.to(model.device)).mean.cpu() for batch in self.batches])

    def measure(self, model: GraphVAE) -> dict[str, float]:
        """Numbers of greedy decoding, and the error of each predicted property."""
        z = self.means(model)
        rebuilt, _ = model.generate(z)
        points = model.prior.sample((self.prior_samples,), torch.Generator().manual_seed(self.seed))
        drawn, _ = model.generate(points)
        values = {
            "reconstructed": float(np.mean([a == b for a, b in zip(rebuilt, self.wanted, strict=True)])),
            "prior_uniqueness": len(set(drawn)) / len(drawn),
        }
        weight = self.objective.weights.get("properties")
        if self.dataset.properties is not None and weight is not None and weight.final > 0:
            values |= absolute_errors(model.predict(z), self.dataset.properties)
        return values
