"""Fit the property predictor to a trained model, and calibrate its uncertainty.

While a model is trained, its predictor follows codes that move. Here everything else is frozen, so the codes of all
molecules are known, and the small network can go through them many times. It learns from pairs (u, y) of two kinds:

- molecules of the data: u is the mean of q(u|x), or a draw from it;
- points of the prior and the properties of the molecules that they decode to under the valence mask. A search asks for
  predictions there, and a predictor that has seen encodings alone is far too sure of itself.

The epoch with the largest log-likelihood of held-out molecules is kept. Then each property's standard deviation is
multiplied by one number, so that 68.3 % of the held-out errors lie within it (Kuleshov et al. 2018 fit a whole curve by
the same idea, "Accurate uncertainties for deep learning using calibrated regression").
"""

import copy
import math

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from molvae.chemistry.properties import compute_many, is_property
from molvae.core.schedules import warmup_cosine
from molvae.molecules.dataset import MoleculeDataset
from molvae.molecules.vae import MoleculeVAE
from molvae.run.config import Config, Seed
from molvae.run.device import gains_from_bfloat16
from molvae.run.progress import Event, Progress, on_stderr, track

_ENCODED_TOGETHER = 512


class PredictorFitConfig(Config):
    """How the property predictor is fitted at the end of a training."""

    epochs: int = Field(20, ge=0, le=100_000)
    """Passes over the pairs; 0: leave the predictor as the joint training made it, and uncalibrated."""
    batch_size: int = Field(1024, ge=1, le=1_000_000)
    """Pairs a step."""
    learning_rate: float = Field(5e-4, gt=0, le=10)
    """Where half a cosine begins (AdamW); small, since the weights are those of the joint training to begin with."""
    weight_decay: float = Field(1e-2, ge=0, le=10)
    """Decoupled weight decay."""
    drawn: float = Field(0.5, ge=0, le=1)
    """Share of the molecules whose point is drawn from q(u|x), afresh in each epoch; for the others it is the mean."""
    molecules: int = Field(1_000_000, ge=2, le=100_000_000)
    """Molecules of the data, at most; if there are more, they are drawn. All codes are held in memory."""
    prior_points: int = Field(20_000, ge=0, le=10_000_000)
    """Points of the prior that are decoded, at most as many as there are molecules."""
    seed: Seed = 0
    """Of points, draws and the order of the pairs."""


def fit_predictor(
    model: MoleculeVAE,
    training: MoleculeDataset,
    held_out: MoleculeDataset,
    config: PredictorFitConfig,
    progress: Progress = on_stderr,
) -> None:
    """Train the property predictor alone, in place, and calibrate it; nothing else of the model changes.

    Args:
        model: trained, in eval mode.
        training: molecules with the K properties that the model predicts, NaN where unknown.
        held_out: other molecules with them, which choose the epoch and the calibration.
        config: settings.
        progress: told how far it has come.
    """
    if not config.epochs or not model.predictor.names:
        return
    assert training.properties is not None and held_out.properties is not None
    predictor, device = model.predictor, model.device
    generator = torch.Generator().manual_seed(config.seed)
    if len(training) > config.molecules:
        chosen = np.random.default_rng(config.seed).choice(len(training), config.molecules, replace=False)
        training = training.take(np.sort(chosen))
    means, log_vars = encode(model, training, progress)
    codes, decoded = prior_pairs(model, min(config.prior_points, len(training)), generator, progress)
    means, log_vars = torch.cat([means, codes]), torch.cat([log_vars, torch.full_like(codes, -math.inf)])
    properties = torch.cat([torch.from_numpy(np.array(training.properties)).float(), decoded])
    points = _in_latent_space(model, encode(model, held_out, progress)[0])
    truth = torch.from_numpy(np.array(held_out.properties)).float().to(device)

    optimizer = torch.optim.AdamW(predictor.parameters(), weight_decay=config.weight_decay)
    steps_of_epoch = -(-len(means) // config.batch_size)
    step, best, weights = 0, -math.inf, copy.deepcopy(predictor.state_dict())
    for epoch in range(config.epochs):
        for rows in torch.randperm(len(means), generator=generator).split(config.batch_size):
            rate = warmup_cosine(step, config.learning_rate, 0, config.epochs * steps_of_epoch)
            for group in optimizer.param_groups:
                group["lr"] = rate
            drawn = torch.rand(len(rows), 1, generator=generator) < config.drawn
            noise = torch.randn(len(rows), model.latent_size, generator=generator)
            # a pair of the prior has no spread: its point is where it was decoded
            z = _in_latent_space(model, means[rows] + torch.where(drawn, noise * (0.5 * log_vars[rows]).exp(), 0.0))
            optimizer.zero_grad()
            (-predictor.log_prob(z.unsqueeze(0), properties[rows].to(device)).mean()).backward()
            optimizer.step()
            step += 1
        with torch.no_grad():
            value = float(predictor.log_prob(points.unsqueeze(0), truth).mean())
        if value > best:
            best, weights = value, copy.deepcopy(predictor.state_dict())
        text = f"held-out log-likelihood {value:.3f}"
        progress(Event("predictor", epoch + 1, config.epochs, text, ended=epoch + 1 == config.epochs))
    predictor.load_state_dict(weights)
    predictor.calibrate(points, truth)


@torch.no_grad()
def encode(model: MoleculeVAE, dataset: MoleculeDataset, progress: Progress = on_stderr) -> tuple[Tensor, Tensor]:
    """Mean and log variance of the codes of n molecules, each (n, D) on the CPU, in the order of the data set."""
    means, log_vars = torch.empty(len(dataset), model.latent_size), torch.empty(len(dataset), model.latent_size)
    parts = dataset.batches_by_length(_ENCODED_TOGETHER)
    count = -(-len(dataset) // _ENCODED_TOGETHER)
    for rows, batch in track(parts, "predictor, encoding", count, progress=progress):
        with torch.autocast(model.device.type, torch.bfloat16, enabled=gains_from_bfloat16(model.device)):
            q = model.encoder(batch.to(model.device))
        means[rows], log_vars[rows] = q.mu.float().cpu(), q.log_var.float().cpu()
    return means, log_vars


@torch.no_grad()
def prior_pairs(
    model: MoleculeVAE, count: int, generator: torch.Generator, progress: Progress = on_stderr
) -> tuple[Tensor, Tensor]:
    """Points of the prior and the properties of what they decode to under the valence mask.

    Returns:
        The decoder's codes of the points (m, D), and properties (m, K), both on the CPU; m is ``count`` less the points
        that decode to no molecule. A property that the registry does not know is NaN.
    """
    names = model.predictor.names
    known = [name for name in names if is_property(name)]
    points = model.prior.sample((count if known else 0,), generator).cpu()
    texts: list[str] = []
    for part in track(points.split(_ENCODED_TOGETHER), "predictor, decoding", progress=progress):
        texts += model.generate(part, mask="valence")[0]
    # one process: who calls a training from a script need not guard it
    table = compute_many(texts, known, num_workers=1, progress=progress)
    valid = table["valid"].to_numpy(bool)
    properties = torch.full((int(valid.sum()), len(names)), torch.nan)
    for name in known:
        properties[:, names.index(name)] = torch.tensor(table[name].to_numpy("float32")[valid])
    codes: Tensor = model.decoder.codes(points.to(model.device)).cpu()
    return codes[np.flatnonzero(valid)], properties


@torch.no_grad()
def _in_latent_space(model: MoleculeVAE, codes: Tensor) -> Tensor:
    """The decoder's codes (n, D) -> points (n, D) on the model's device."""
    codes = codes.to(model.device)
    if model.decoder.flow is None:
        return codes
    points: Tensor = model.decoder.flow(codes)[0]
    return points
