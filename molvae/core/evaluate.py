"""Numbers that describe any VAE, in nats per example: reconstruction, KL, active units, bounds, likelihood.

log p(x) = log E_q[p(x|z) p(z) / q(z|x)]    importance sampling    Burda et al. 2016, section 5
log p(x) = log E_p[p(x|z)]                  prior sampling         useless beyond a few dimensions
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from molvae.core.distributions import PointMass
from molvae.core.objectives import elbo, iwae
from molvae.core.terms import Terms
from molvae.core.vae import VAE
from molvae.errors import ConfigError
from molvae.run.progress import Progress, silent, track


def active_units(means: Tensor, threshold: float = 0.01) -> int:
    """Latent dimensions whose posterior mean varies over the data: Var_x(E[z|x]) > 0.01 (Burda et al. 2016)."""
    return int((means.var(0) > threshold).sum()) if len(means) > 1 and means.numel() else 0  # one does not vary


def parts_of_bound(terms: Terms) -> dict[str, Tensor]:
    """Reconstruction and KL of each example, (B,) each; a point mass has no density, so no KL from any prior."""
    parts = {"reconstruction": terms.log_px.mean(0)}
    return parts if isinstance(terms.q, PointMass) else {**parts, "kl": terms.kl}


@torch.no_grad()
def evaluate_bounds(model: VAE, batches: Iterable[Any], samples: int = 1, seed: int = 0) -> dict[str, float]:
    """Reconstruction, KL, ELBO and active units over a data set; with ``samples`` > 1 also the importance-weighted NLL.

    A plain autoencoder has no bound: of it only reconstruction and active units are told.

    Args:
        model: in eval mode.
        batches: each an input of the model with a length; moved to the model's device.
        samples: S samples of z for each example.
        seed: of the samples.
    """
    generator = torch.Generator().manual_seed(seed)
    sums: dict[str, float] = {}
    means, count = [], 0
    for batch in batches:
        terms = model.terms(batch.to(model.device), samples, generator)
        values = parts_of_bound(terms)
        if "kl" in values:
            values["elbo"] = elbo(terms)
            if samples > 1:
                values["nll"] = -iwae(terms)
        for name, value in values.items():
            sums[name] = sums.get(name, 0.0) + float(value.sum())
        means.append(terms.q.mean.cpu())
        count += len(batch)
    result = {name: value / max(1, count) for name, value in sums.items()}
    return {**result, "active_units": active_units(torch.cat(means))}


@dataclass(frozen=True)
class LogLikelihood:
    """Estimates of log p(x), one an example.

    Attributes:
        values: (N,) nats.
        samples: S draws of z for each.
    """

    values: Tensor
    samples: int

    @property
    def nll(self) -> float:
        """Mean negative log-likelihood; on average too large, by ever less as S grows."""
        return -float(self.values.mean())

    @property
    def standard_error(self) -> float:
        """Of the mean over examples."""
        return float(self.values.std() / math.sqrt(len(self.values))) if len(self.values) > 1 else float("nan")


@torch.no_grad()
def importance_log_likelihood(
    model: VAE, batches: Sequence[Any], samples: int = 5000, seed: int = 0, chunk: int = 50, progress: Progress = silent
) -> LogLikelihood:
    """log p(x) by importance sampling from the posterior (Burda et al. 2016, section 5).

    Args:
        model: in eval mode.
        batches: each an input of the model with a length; moved to the model's device.
        samples: S draws of z for each example; 5,000 is the custom of the literature.
        seed: of the draws.
        chunk: draws at a time; memory grows with it, the result does not depend on it but through the noise.
        progress: told how far it has come.

    Raises:
        ConfigError: the posterior has no density, so there are no importance weights.
    """
    generator = torch.Generator().manual_seed(seed)
    values = []
    for given in track(batches, f"log-likelihood, {samples} samples", progress=progress):
        batch = given.to(model.device)
        q = model.posterior(batch)
        if isinstance(q, PointMass):
            raise ConfigError("a plain autoencoder has no density q(z|x), so its log p(x) cannot be estimated")
        total = torch.full((len(batch),), -math.inf)
        for begin in range(0, samples, chunk):
            terms = model.terms(batch, min(chunk, samples - begin), generator, q=q)
            log_weights = terms.log_px + terms.log_pz - terms.log_qz
            total = torch.logaddexp(total, log_weights.logsumexp(0).cpu())
        values.append(total - math.log(samples))
    return LogLikelihood(torch.cat(values), samples)


@torch.no_grad()
def prior_log_likelihood(
    model: VAE, batch: Any, samples: int, marks: Sequence[int], seed: int = 0, chunk: int = 50
) -> Tensor:
    """log 1/S sum_s p(x|z_s), z_s ~ p(z), after each number of samples in ``marks``: (len(marks), B).

    Unbiased for p(x), but its logarithm is dominated by the best single sample: where the posterior is a tiny part of
    the prior, no number of samples that anyone can afford meets it. Here to be shown beside importance sampling.

    Args:
        model: in eval mode.
        batch: B examples; moved to the model's device.
        samples: the largest S.
        marks: rising numbers of samples, at most ``samples``.
        seed: of the draws.
        chunk: draws at a time.
    """
    generator = torch.Generator().manual_seed(seed)
    total, drawn, rows = torch.full((len(batch),), -math.inf), 0, []
    batch = batch.to(model.device)
    for mark in marks:
        while drawn < min(mark, samples):
            number = min(chunk, mark - drawn)
            log_px = model.predictive(batch, number, generator)
            total = torch.logaddexp(total, log_px.logsumexp(0).cpu())
            drawn += number
        rows.append(total - math.log(drawn))
    return torch.stack(rows)
