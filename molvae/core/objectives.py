"""Variational objectives: pure functions of :class:`~molvae.core.terms.Terms`, in nats per example, to be maximised.

    ELBO        E_q[log p(x|z)] - beta KL(q(z|x) || p(z))             Kingma & Welling 2013, eq. 3
    sampled     E_q[log p(x|z) + log p(z) - log q(z|x)]               the same, eq. 2
    free bits   E_q[log p(x|z)] - beta sum_j max(lambda, KL_j)        Kingma et al. 2016, eq. 15
    in total    E_q[log p(x|z)] - beta max(lambda, KL)                Ha & Eck 2017, eq. 11
    IWAE        E[log 1/S sum_s p(x|z_s) p(z_s) / q(z_s|x)]           Burda et al. 2016, eq. 8
    InfoVAE     E_q[log p(x|z)] - beta KL - w MMD(q(z), p(z))         Zhao et al. 2019, eq. 6
    population  E_q[log p(x|z)] - beta (KL_pop + w KL_ind)            Rivera 2023
    score       (log p(x, z) - log q(z|x) - b) grad log q(z|x)        Williams 1992; Mnih & Gregor 2014, eq. 5
    wake-sleep  log p(x, z), z ~ q;  log q(z|x), (x, z) ~ p           Hinton et al. 1995

To add one: a function of the terms and beta, and a line in ``OBJECTIVES``. Auxiliary terms, schedules and all that
depends on the step are added by :func:`molvae.core.training.vae_objective`, to every one of them.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from molvae.core.distributions import DiagonalGaussian
from molvae.core.priors import StandardNormal
from molvae.core.terms import Terms
from molvae.errors import ConfigError
from molvae.shapes import PerExample, PerSample


def elbo(terms: Terms, beta: float = 1.0) -> PerExample:
    """Evidence lower bound of each example, (B,).

    Kingma & Welling 2013, eq. 3; ``beta`` weighs the KL term (Higgins et al. 2017; annealed as in Bowman et al. 2016).
    """
    return terms.log_px.mean(0) - beta * terms.kl


def sampled_elbo(terms: Terms, beta: float = 1.0) -> PerExample:
    """The bound with KL estimated from the same samples, (B,) (Kingma & Welling 2013, eq. 2 and 6).

    Noisier than the closed form in general; close to convergence the noise of the two terms cancels in part.
    """
    return (terms.log_px + beta * (terms.log_pz - terms.log_qz)).mean(0)


def free_bits(terms: Terms, beta: float = 1.0, floor: float = 0.1) -> PerExample:
    """ELBO in which each independent part of the code may use ``floor`` nats for nothing, (B,).

    Kingma et al. 2016 ("Improved variational inference with inverse autoregressive flow"), eq. 15: below the floor, on
    average over the batch, a dimension feels no pull towards the prior, so it cannot collapse.

    Raises:
        ConfigError: this pair of posterior and prior has no KL of single parts.
    """
    parts = terms.p.kl_per_factor(terms.q)
    if parts is None:
        raise ConfigError("free bits need a posterior with independent dimensions: use diagonal_gaussian")
    return terms.log_px.mean(0) - beta * parts.flatten(0, -2).mean(0).clamp(min=floor).sum()


def total_free_bits(terms: Terms, beta: float = 1.0, floor: float = 0.1) -> PerExample:
    """ELBO in which the whole code may use ``floor`` nats for nothing, on average over the batch, (B,).

    Ha & Eck 2017, eq. 11: where a code is worth its nats the model decides itself which dimensions spend them.
    """
    return terms.log_px.mean(0) - beta * terms.kl.mean().clamp(min=floor)


def iwae(terms: Terms, beta: float = 1.0) -> PerExample:
    """Importance-weighted bound of each example, (B,) (Burda et al. 2016, eq. 8).

    log 1/S sum_s p(x|z_s) (p(z_s) / q(z_s|x))^beta: tightens from the ELBO (S = 1) to log p(x) as S grows; ``beta``
    other than 1 is for warming up only.
    """
    log_weights = terms.log_px + beta * (terms.log_pz - terms.log_qz)
    return torch.logsumexp(log_weights, 0) - math.log(log_weights.shape[0])


def info_vae(terms: Terms, beta: float = 0.0, mmd: float = 100.0) -> PerExample:
    """InfoVAE: the codes of the whole batch are to look like draws of the prior, each less so, (B,).

    Zhao et al. 2019 ("InfoVAE: balancing learning and inference in variational autoencoders"), eq. 6, with
    beta = 1 - alpha and mmd = alpha + lambda - 1; beta = 0 is the MMD-VAE.

    Raises:
        ConfigError: the prior is not N(0, I), or there is one example only.
    """
    return elbo(terms, beta) - mmd * mmd_to_standard_normal(terms)


def mmd_to_standard_normal(terms: Terms) -> Tensor:
    """Squared maximum mean discrepancy of the codes of a batch from N(0, I), a scalar (Gretton et al. 2012, lemma 6).

    The kernel is exp(-|a - b|^2 / (2 s^2)) with s^2 = D. Its means under the prior have a closed form, so nothing is
    drawn: E k(a, b) = (s^2 / (s^2 + 2))^(D/2), and E_b k(a, b) = (s^2 / (s^2 + 1))^(D/2) exp(-|a|^2 / (2 (s^2 + 1))).

    Raises:
        ConfigError: the prior is not N(0, I), or there is one example only.
    """
    _check_discrepancy(terms)
    z = terms.z[0]
    return _discrepancy(z, z.new_ones(len(z)))


def mmd_of_classes(terms: Terms, weights: Tensor) -> Tensor:
    """Mean over classes of the discrepancy of the codes of each from N(0, I), a scalar.

    Louizos et al. 2016 ("The variational fair autoencoder"), section 2.4, with the prior in the place of other classes.
    Where q(z|class) is the prior for every class, z tells nothing of the class.

    Args:
        terms: codes z[0], (B, D), or (K, B, D) if every example was encoded in every class.
        weights: (B, K), to which class an example belongs, zeros and ones or probabilities; a class weighs as much as
            there is of it.

    Raises:
        ConfigError: see :func:`mmd_to_standard_normal`.
    """
    _check_discrepancy(terms)
    z, share = terms.z[0], weights.mean(0)
    codes = z if z.dim() == 3 else z.expand(weights.shape[1], *z.shape)
    # of a class that hardly occurs in the batch there is nothing to tell
    parts = [
        share[k] * _discrepancy(codes[k], weights[:, k])
        for k in range(weights.shape[1])
        if float(weights[:, k].detach().sum()) > 1.5
    ]
    return torch.stack(parts).sum() if parts else z.new_zeros(())


def _check_discrepancy(terms: Terms) -> None:
    if not isinstance(terms.p, StandardNormal):
        raise ConfigError("the MMD has its closed form for the prior standard_normal only")
    if terms.z.shape[-2] < 2:
        raise ConfigError("the MMD compares the codes of a batch: a batch needs two examples or more")


def _discrepancy(z: Tensor, weights: Tensor) -> Tensor:
    """Unbiased squared MMD from N(0, I) of codes (B, D) that count as much as their weights (B,)."""
    size, total = z.shape[-1], weights.sum()
    scale = float(size)
    pairs = torch.exp(-torch.cdist(z, z).square() / (2 * scale))
    own = weights.square()
    among = (weights @ pairs @ weights - (own * pairs.diagonal()).sum()) / (total.square() - own.sum())
    near = torch.exp(-z.square().sum(-1) / (2 * (scale + 1)))
    across = (scale / (scale + 1)) ** (size / 2) * (weights * near).sum() / total
    return among - 2 * across + (scale / (scale + 2)) ** (size / 2)


def population(terms: Terms, beta: float = 1.0, individual: float = 1.0) -> PerExample:
    """The codes of a batch taken together are to be N(0, I), and no single posterior may shrink to a point, (B,).

    After Rivera 2023 ("How to train your VAE"): E_q[log p(x|z)] - beta (KL_pop + w KL_ind), w = ``individual``, with

        KL_pop = KL(N(m, v) || N(0, I)),  m = mean_i mu_i,  v = mean_i (s_i^2 + (mu_i - m)^2)     of the batch
        KL_ind = KL(N(mu_i, s_i^2) || N(mu_i, I)) = 1/2 sum_j (s_ij^2 - 1 - log s_ij^2)           of each example

    m and v are the moments of the mixture of all posteriors of the batch. This is no bound on log p(x): with beta and w
    of 1 it lies 1/2 sum_j (log v_j + 1 - mean_i s_ij^2) nats above the ELBO on average over the batch, about half a nat
    for each dimension that is used. (With the KL of each posterior from N(m, v) in the place of KL_ind it would be the
    ELBO again.) Samples are drawn from N(0, I) all the same.

    Raises:
        ConfigError: another posterior than a diagonal Gaussian, or another prior than N(0, I).
    """
    pop, ind = population_kl(terms)
    return terms.log_px.mean(0) - beta * (pop + individual * ind)


def population_kl(terms: Terms) -> tuple[Tensor, PerExample]:
    """KL_pop of the batch, a scalar, and KL_ind of each example, (B,); see :func:`population`.

    Raises:
        ConfigError: another posterior than a diagonal Gaussian, or another prior than N(0, I).
    """
    q = terms.q
    if not isinstance(q, DiagonalGaussian) or not isinstance(terms.p, StandardNormal):
        raise ConfigError(
            "the objective population needs the posterior diagonal_gaussian and the prior standard_normal"
        )
    variance = q.log_var.exp()
    mean = q.mu.mean(0)
    spread = (variance + (q.mu - mean) ** 2).mean(0)
    pop = 0.5 * (spread + mean**2 - 1 - spread.log()).sum()
    return pop, 0.5 * (variance - 1 - q.log_var).sum(-1)


def reconstruction(terms: Terms, beta: float = 0.0) -> PerExample:
    """E_q[log p(x|z)] alone, (B,): the objective of a plain autoencoder; no bound on log p(x)."""
    return terms.log_px.mean(0)


def score_function(terms: Terms, baseline: PerSample | float = 0.0, beta: float = 1.0) -> PerExample:
    """Surrogate whose gradient is the score-function estimate of the gradient of the ELBO, (B,).

    Its value is the sampled ELBO. For the parameters of q, grad E_q[f] = E_q[(f - b) grad log q(z|x)] with
    f = log p(x|z) + beta (log p(z) - log q(z|x)) (Mnih & Gregor 2014, eq. 5 to 8); those of p get their usual gradient.

    Args:
        terms: made with ``reparameterised=False``.
        baseline: b, (S, B) or a number that does not depend on the sample it is subtracted from.
        beta: weight of the KL term.
    """
    f = terms.log_px + beta * (terms.log_pz - terms.log_qz)
    score = (f.detach() - baseline) * terms.log_qz
    # log p(x, z) carries the gradient of p; E_q[grad log q] = 0, so the f of the value carries none of q
    value = f.detach() + (score - score.detach()) + (terms.log_px - terms.log_px.detach())
    return (value + beta * (terms.log_pz - terms.log_pz.detach())).mean(0)


def leave_one_out(terms: Terms, beta: float = 1.0) -> PerSample:
    """Baseline of each sample: the mean of f over the other samples of its example, (S, B).

    Mnih & Rezende 2016, eq. 7 (with the arithmetic mean); Kool et al. 2019.

    Raises:
        ConfigError: there is only one sample.
    """
    f = (terms.log_px + beta * (terms.log_pz - terms.log_qz)).detach()
    if len(f) < 2:
        raise ConfigError("a leave-one-out baseline needs at least two samples of z")
    return (f.sum(0) - f) / (len(f) - 1)


def _score_function(terms: Terms, beta: float = 1.0) -> PerExample:
    """The score function with the leave-one-out baseline where there are several samples."""
    return score_function(terms, leave_one_out(terms, beta) if len(terms.z) > 1 else 0.0, beta)


def wake(terms: Terms, beta: float = 1.0) -> PerExample:
    """Wake phase: log p(x|z) + beta log p(z) at codes of the encoder, which does not learn from it, (B,).

    Hinton et al. 1995. The sleep phase, :func:`sleep`, needs the model itself.

    Args:
        terms: made with ``reparameterised=False``.
        beta: weight of log p(z), which matters only where the prior learns.
    """
    return (terms.log_px + beta * terms.log_pz).mean(0)


OBJECTIVES: dict[str, Callable[[Terms, float], Tensor]] = {
    "elbo": elbo,
    "sampled_elbo": sampled_elbo,
    "free_bits": free_bits,
    "total_free_bits": total_free_bits,
    "iwae": iwae,
    "info_vae": info_vae,
    "population": population,
    "reconstruction": reconstruction,
    "score_function": _score_function,
    "wake_sleep": wake,
}
