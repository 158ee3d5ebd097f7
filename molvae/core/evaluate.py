"""Numbers that describe any VAE: reconstruction, KL, active units, bounds. In nats per example."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from molvae.core.distributions import DiagonalGaussian, kl_per_dimension
from molvae.core.objectives import elbo, iwae
from molvae.core.vae import VAE


def active_units(means: Tensor, threshold: float = 0.01) -> int:
    """Latent dimensions whose posterior mean varies over the data: Var_x(E[z|x]) > 0.01 (Burda et al. 2016)."""
    return int((means.var(0) > threshold).sum())


@torch.no_grad()
def evaluate_bounds(
    model: VAE, batches: Iterable[Any], samples: int = 1, seed: int = 0, active_threshold: float = 0.01
) -> dict[str, float]:
    """Reconstruction, KL, ELBO and active units over a data set; with ``samples`` > 1 also the importance-weighted NLL.

    Args:
        model: in eval mode.
        batches: each an input of the model with a length, on the model's device.
        samples: S samples of z for each example.
        seed: of the samples.
        active_threshold: of the variance of the posterior mean.
    """
    generator = torch.Generator().manual_seed(seed)
    sums: dict[str, float] = {}
    means, count = [], 0
    for batch in batches:
        terms = model.terms(batch, samples, generator)
        values = {"reconstruction": terms.log_px.mean(0), "elbo": elbo(terms)}
        if isinstance(terms.q, DiagonalGaussian):
            values["kl"] = kl_per_dimension(terms.q).sum(-1)
        if samples > 1:
            values["nll"] = -iwae(terms)
        for name, value in values.items():
            sums[name] = sums.get(name, 0.0) + float(value.sum())
        means.append(terms.q.mean.cpu())
        count += len(batch)
    result = {name: value / max(1, count) for name, value in sums.items()}
    return {**result, "active_units": active_units(torch.cat(means), active_threshold)}
