"""Train a language model of SMILES by maximum likelihood, with the core's loop."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from molvae.chemistry.molecule import canonical
from molvae.core.fit import FitConfig, fit
from molvae.errors import InputError
from molvae.molecules.dataset import BucketedBatches, MoleculeDataset, TokenBatch
from molvae.molecules.language_model import LanguageModel, LanguageModelConfig
from molvae.molecules.training import MoleculeData, ValidationConfig, report_refused
from molvae.molecules.vocabulary import Vocabulary
from molvae.run.config import Config
from molvae.run.progress import Progress, on_stderr


class LanguageTrainConfig(Config):
    """One training run of a language model."""

    batch_size: int = Field(128, ge=1, le=100_000)
    """Molecules a step."""
    max_length: int | None = Field(None, ge=1, le=10_000)
    """Longest molecule in tokens; default: a tenth above the longest in the training data."""
    model: LanguageModelConfig = LanguageModelConfig()
    fit: FitConfig = FitConfig(epochs=3, learning_rate=2e-3, average=0.999)
    validation: ValidationConfig = ValidationConfig()


def train_language_model(
    config: LanguageTrainConfig,
    training: MoleculeData,
    held_out: MoleculeData,
    folder: Path,
    device: str = "auto",
    progress: Progress = on_stderr,
    on_log: Callable[[int, dict[str, float]], None] | None = None,
) -> LanguageModel:
    """Train, or go on training, and return the model with its best weights.

    Args:
        config: all settings.
        training: what to learn from; the vocabulary is built from it. Molecules that do not fit the vocabulary are
            left out; ``refused.csv`` in the folder names them.
        held_out: for validation only.
        folder, device, progress, on_log: see :func:`molvae.core.fit.fit`.

    Raises:
        InputError: there is nothing to train on, or nothing to validate with.
    """
    vocabulary = Vocabulary.build(training.smiles, config.max_length)
    dataset, refused = MoleculeDataset.build(training.smiles, vocabulary)
    tested = list(held_out.smiles[: config.validation.molecules])
    other, refused_other = MoleculeDataset.build(tested, vocabulary)
    if not len(dataset) or not len(other):
        raise InputError("no molecule is left to train on, or none to validate with: check the files of molecules")
    parts = {
        "training": {training.smiles[row]: reason for row, reason in refused.items()},
        "held-out": {tested[row]: reason for row, reason in refused_other.items()},
    }
    report_refused(parts, folder, progress)
    model = LanguageModel(config.model, vocabulary)
    batches = BucketedBatches(dataset, config.batch_size, config.fit.seed)

    def validate(network: nn.Module, step: int) -> dict[str, float]:
        assert isinstance(network, LanguageModel)
        values = [network.log_prob(batch.to(network.device)) for _, batch in other.batches_by_length(250)]
        generator = torch.Generator().manual_seed(config.fit.seed)
        drawn = network.sample(config.validation.prior_samples, generator, mask="none")
        valid = [smiles for smiles in map(canonical, drawn) if smiles is not None]
        return {
            "objective": float(torch.cat(values).mean()),
            "validity": len(valid) / len(drawn),
            "uniqueness": len(set(valid)) / max(1, len(valid)),
        }

    fit(model, batches, _log_likelihood, config.fit, folder, validate, device, progress, on_log)
    return model


def _log_likelihood(
    model: nn.Module, batch: TokenBatch, step: int, generator: torch.Generator
) -> tuple[Tensor, dict[str, Any]]:
    assert isinstance(model, LanguageModel)
    value = model.log_prob(batch)
    tokens = np.count_nonzero(batch.tokens.cpu().numpy(), axis=1)  # <pad> is 0
    return value, {"nats_per_token": -value.detach() / torch.from_numpy(tokens).to(value)}
