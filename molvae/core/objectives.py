"""Variational objectives: pure functions of :class:`~molvae.core.vae.Terms`, in nats per example, to be maximised."""

import math

import torch
from torch import Tensor

from molvae.core.vae import Terms


def elbo(terms: Terms, beta: float = 1.0) -> Tensor:
    """Evidence lower bound of each example, (B,).

    Kingma & Welling 2013, eq. 3 (closed-form KL where the posterior has one, else its sampled estimate, eq. 2);
    ``beta`` weighs the KL term (Higgins et al. 2017; annealed as in Bowman et al. 2016).
    """
    reconstruction = terms.log_px.mean(0)
    kl = terms.kl if terms.kl is not None else (terms.log_qz - terms.log_pz).mean(0)
    return reconstruction - beta * kl


def iwae(terms: Terms) -> Tensor:
    """Importance-weighted bound of each example, (B,) (Burda et al. 2016, eq. 8).

    log 1/S sum_s p(x|z_s) p(z_s) / q(z_s|x): tightens from the ELBO (S = 1) to log p(x) as S grows.
    """
    log_weights = terms.log_px + terms.log_pz - terms.log_qz
    return torch.logsumexp(log_weights, 0) - math.log(log_weights.shape[0])


def joint(terms: Terms, beta: float, weights: dict[str, float]) -> Tensor:
    """The ELBO plus weighted auxiliary log-likelihoods, (B,): sum_k w_k log p_k(y|z).

    Gomez-Bombarelli et al. 2018, "Joint property prediction": the property predictor shares the latent space.
    """
    total = elbo(terms, beta)
    for name, weight in weights.items():
        total = total + weight * terms.aux[name]
    return total
