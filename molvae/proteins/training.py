"""Stage three: the VAE of a family over the frozen encoder and compression (Sevgen et al. 2025).

The published method freezes the decoder too, and trains nothing but the small networks between code and z. That needs a
decoder that writes a family it has hardly seen; a small one does not, so by default decompression and decoder go on
learning on the family (``tuned = "decoder"``); ``tuned = "nothing"`` is the published way.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import nn

from molvae.core.fit import FitConfig, fit
from molvae.core.objectives import OBJECTIVES
from molvae.core.schedules import Schedule, in_steps
from molvae.core.training import BoundValidator, ObjectiveConfig, TrainingConfig, vae_objective
from molvae.errors import CheckpointError, ConfigError, InputError
from molvae.proteins.batches import PAD, FamilyBatches, ResidueBatch
from molvae.proteins.config import ProteinVAEConfig
from molvae.proteins.function import FunctionModel
from molvae.proteins.pretraining import Backbone
from molvae.proteins.vae import ProteinVAE
from molvae.run.config import one_of
from molvae.run.progress import Progress, on_stderr


class FamilyObjectiveConfig(ObjectiveConfig):
    """E[log p(x|z)] - beta KL - w MMD, and how near the code of z comes to that of x; nats per sequence."""

    name: Annotated[str, one_of(OBJECTIVES)] = "info_vae"
    """A name of ``core.objectives.OBJECTIVES``; ``elbo`` for the plain bound."""
    beta: Schedule = Schedule(kind="shares", shares=((0.0, 0.0), (0.3, 0.02)))
    """Weight of the KL term: small, since a decoder that reads what it has written lets z collapse under more; the MMD
    makes the codes look like the prior.
    """
    weights: dict[str, Schedule] = Field(
        default_factory=lambda: {"code": Schedule(kind="shares", shares=((0.0, 0.2), (0.5, 0.0)))}
    )
    """Weights of auxiliary terms; ``code`` is the log-density of the compressed code around that of z."""


class FamilyTrainConfig(TrainingConfig):
    """One training run of the VAE of a family."""

    batch_size: int = Field(32, ge=2, le=100_000)
    """Sequences a step."""
    latent_size: int = Field(16, ge=1, le=1024)
    """D"""
    hidden_size: int = Field(256, ge=8, le=8192)
    """Of the networks between code and z."""
    max_length: int | None = Field(None, ge=2, le=4096)
    """Longest sequence in residues; default: a tenth above the longest of the training data."""
    tuned: Literal["decoder", "nothing"] = "decoder"
    """What goes on learning beside the VAE: decompression and decoder, or nothing, as published."""
    drop: float = Field(0.3, ge=0, lt=1)
    """Share of the decoder's input residues that is masked in training, so that it has need of z."""
    objective: FamilyObjectiveConfig = FamilyObjectiveConfig()
    fit: FitConfig = FitConfig(epochs=20, learning_rate=2e-3, clip_norm=50.0, average=0.995)


def family_model(
    config: FamilyTrainConfig, backbone: Backbone, training: Sequence[str], function: FunctionModel | None = None
) -> ProteinVAE:
    """The model that stage three begins with: its frozen parts from stage two, standardised to a family.

    Args:
        config: all settings.
        backbone: of stage two.
        training: sequences of the family.
        function: what was fitted to measurements of the family, or None.

    Raises:
        CheckpointError: the backbone has no compression.
        ConfigError: the family is longer than the positions of the transformer.
    """
    if backbone.config is None or backbone.compression is None or backbone.decompression is None:
        raise CheckpointError("this transformer has no compression: give the run folder of stage two")
    longest = max(map(len, training))
    room = backbone.transformer.config.max_length
    if config.max_length is None and longest > room:
        raise ConfigError(
            f"a sequence of {longest} residues is longer than the transformer's {room} positions: set train.max_length"
            " to leave such sequences out, or pretrain with a larger transformer.max_length"
        )
    shape = ProteinVAEConfig(
        latent_size=config.latent_size,
        hidden_size=config.hidden_size,
        transformer=backbone.transformer.config,
        encoder=backbone.local,
        compression=backbone.config,
        max_length=min(room, -(-longest * 11 // 10)) if config.max_length is None else config.max_length,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.fit.seed)
        model = ProteinVAE(shape, function)
    if backbone.local is None:
        model.encoder.transformer.load_state_dict(backbone.transformer.encoder.state_dict())
    model.encoder.compression.load_state_dict(backbone.compression.state_dict())
    model.decoder.decompression.load_state_dict(backbone.decompression.state_dict())
    model.decoder.writer.load_state_dict(backbone.transformer.decoder.state_dict())
    frozen: list[nn.Module] = [model.encoder.transformer, model.encoder.compression]
    if config.tuned == "nothing":
        frozen += [model.decoder.decompression, model.decoder.writer]
    for part in frozen:
        part.requires_grad_(False)
    return model


def standardise(model: ProteinVAE, codes: torch.Tensor) -> None:
    """Let the networks between code and z see codes of mean 0 and deviation 1."""
    mean, scale = codes.mean(0), codes.std(0).clamp(min=1e-3)
    for part in (model.encoder, model.decoder):
        part.mean.copy_(mean)
        part.scale.copy_(scale)


def train_family(
    config: FamilyTrainConfig,
    backbone: Backbone,
    training: Sequence[str],
    held_out: Sequence[str],
    folder: Path,
    function: FunctionModel | None = None,
    device: str = "auto",
    progress: Progress = on_stderr,
    on_log: Callable[[int, dict[str, float]], None] | None = None,
) -> ProteinVAE:
    """Train, or go on training, and return the model with its best weights.

    Args:
        config: all settings.
        backbone: of stage two.
        training: what to learn from; longer sequences than the model holds are left out.
        held_out: for validation only.
        function: what was fitted to measurements of the family, or None.
        folder, device, progress, on_log: see :func:`molvae.core.fit.fit`.

    Raises:
        InputError: no sequence is left.
        CheckpointError: the backbone has no compression.
    """
    if config.initial is not None:
        raise ConfigError("initial: a family begins with a transformer, not with another family: leave it out")
    if not training:
        raise InputError("there is no sequence to train on")
    model = family_model(config, backbone, training, function)
    training, held_out = (
        [text for text in part if len(text) <= model.config.max_length] for part in (training, held_out)
    )
    if not training or not held_out:
        raise InputError(f"no sequence of up to {model.config.max_length} residues is left: raise train.max_length")
    codes = model.codes(training)
    standardise(model, codes)
    batches = FamilyBatches(training, codes, config.batch_size, config.fit.seed, config.drop)
    config = in_steps(config, config.fit.steps(batches))
    validate = ResidueValidator(config, model.in_order(held_out))
    fit(model, batches, vae_objective(config.objective), config.fit, folder, validate, device, progress, on_log)
    return model


class ResidueValidator(BoundValidator):
    """Beside the bound: the share of residues that are right, told those before them, at the posterior mean."""

    def measure(self, model: Any) -> dict[str, float]:
        return {"residue_accuracy": residue_accuracy(model, self.batches)}


@torch.no_grad()
def residue_accuracy(model: Any, batches: Sequence[ResidueBatch], shuffled: bool = False) -> float:
    """Share of the residues that are the decoder's first choice, told z and the true residues before them.

    Args:
        model: a VAE of sequences, in eval mode.
        batches: of held-out sequences.
        shuffled: at the z of another sequence: what the decoder knows without a code.
    """
    right = total = 0
    for given in batches:
        batch = given.to(model.device)
        z = model.posterior(batch).mean
        if shuffled:
            z = z[torch.from_numpy(np.roll(np.arange(len(z)), 1))]
        logits = model.likelihood(z.unsqueeze(0), batch).logits(batch)
        there = batch.tokens != PAD
        right += int(((logits.argmax(-1) == batch.tokens) & there).sum())
        total += int(there.sum())
    return right / max(1, total)
