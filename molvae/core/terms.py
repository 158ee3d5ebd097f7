"""What objectives are functions of: every log-density of one batch."""

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from molvae.core.distributions import Posterior, Prior
from molvae.shapes import PerExample, PerSample, Samples


@dataclass(frozen=True)
class Terms:
    """What objectives are functions of; S samples of z for each of B examples, in nats per example.

    Attributes:
        log_px: (S, B) log p(x|z)
        log_pz: (S, B) log p(z)
        log_qz: (S, B) log q(z|x)
        kl: (B,) KL(q(z|x) || p(z)): in closed form if this pair has one, else estimated from the samples
        q: the posterior
        p: the prior
        px: the likelihood
        z: (S, B, D)
        aux: further log-likelihoods by name, which an objective may weigh and add, each (B,) in nats per example
    """

    log_px: PerSample
    log_pz: PerSample
    log_qz: PerSample
    kl: PerExample
    q: Posterior
    p: Prior
    px: Any  # a Likelihood: to check that at run time would ask for its mode, which decodes
    z: Samples
    aux: dict[str, Tensor] = field(default_factory=dict)
