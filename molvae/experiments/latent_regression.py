"""How much of a property an exact Gaussian process finds in latent space: the test of Gomez-Bombarelli's successors.

Kusner et al. 2017 (Grammar VAE), Dai et al. 2018, Jin et al. 2018 and Polykovskiy & Vetrov 2020 (DD-VAE) report the
root mean squared error and the mean log-likelihood of held-out molecules for penalised logP; most of them with a sparse
process on all of ZINC250k. Here the process is exact, on few molecules: as many as an optimisation ever sees.
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from torch import Tensor

from molvae.chemistry.domain import MOLECULES
from molvae.chemistry.tables import score_table
from molvae.design.objective import Objective
from molvae.molecules.base import MolecularModel
from molvae.run.config import Config, Seed
from molvae.run.progress import Progress, on_stderr, track
from molvae.search.surrogate import Surrogate

TARGETS = ("penalized_logP_zinc", "5*QED - SAS")


class RegressionConfig(Config):
    """How the test is done."""

    training: int = Field(2000, ge=0, le=10_000)
    """Molecules that the process is conditioned on; 0 leaves the test out."""
    held_out: int = Field(500, ge=1, le=100_000)
    """Molecules that it predicts, others than those."""
    splits: int = Field(10, ge=1, le=1000)
    """Random splits."""
    seed: Seed = 0
    """Of the splits."""


def regression_test(
    z: Tensor, y: np.ndarray, config: RegressionConfig, progress: Progress = on_stderr
) -> dict[str, float]:
    """Predict y (n,) at points z (n, D) from other points.

    In each split the hyperparameters are fitted to 500 of the training points (from those of the split before), then
    improved on all of them.

    Returns:
        ``rmse`` and ``log_likelihood`` (nats a molecule, observation noise included) in the units of y, their standard
        deviations over splits, and ``rmse_of_mean`` of predicting the training mean. Fewer points than asked for are
        divided in the same proportion.
    """
    usable = np.flatnonzero(np.isfinite(y) & torch.isfinite(z).all(-1).numpy())
    wanted = config.training + config.held_out
    training = config.training * min(len(usable), wanted) // wanted
    random = np.random.default_rng(config.seed)
    surrogate = Surrogate()
    values = torch.from_numpy(np.array(y, dtype=float))
    rows = []
    for _ in track(range(config.splits), "Gaussian process on z", progress=progress):
        order = torch.from_numpy(random.permutation(usable)[:wanted])
        known, new = order[:training], order[training:]
        surrogate.fit_in_stages(z[known].double(), values[known])
        posterior = surrogate.predict(z[new].double())
        variance = posterior.std.square() + surrogate.noise
        error = values[new] - posterior.mean
        density = -0.5 * (math.log(2 * math.pi) + variance.log() + error.square() / variance)
        of_mean = (values[new] - values[known].mean()).square().mean().sqrt()
        rows.append([float(error.square().mean().sqrt()), float(density.mean()), float(of_mean)])
    table = np.array(rows)
    return {
        "rmse": float(table[:, 0].mean()),
        "rmse_std": float(table[:, 0].std()),
        "log_likelihood": float(table[:, 1].mean()),
        "log_likelihood_std": float(table[:, 1].std()),
        "rmse_of_mean": float(table[:, 2].mean()),
    }


def regression_of_model(
    model: MolecularModel,
    smiles: Sequence[str],
    config: RegressionConfig,
    num_workers: int = 0,
    progress: Progress = on_stderr,
) -> dict[str, dict[str, float]]:
    """:func:`regression_test` of each of ``TARGETS`` on the encodings of canonical SMILES that were not trained on.

    Returns:
        Numbers by target; nothing where the test is left out or there are fewer than 20 molecules.
    """
    chosen = list(smiles[: 2 * (config.training + config.held_out)])
    if config.training == 0 or len(chosen) < 20:
        return {}
    z, _ = model.encode_with_errors(chosen, canonicalise=False)
    results = {}
    for target in TARGETS:
        objective = Objective.parse(target, domain=MOLECULES)
        scored = score_table(pd.DataFrame({"smiles": chosen}), objective, num_workers, progress)
        results[target] = regression_test(z, scored["score"].to_numpy(), config, progress)
    return results
