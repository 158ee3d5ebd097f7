"""The variational autoencoder: an encoder, a prior and a decoder, and the terms that every objective is made of.

    q  = encoder(x)        posterior    rsample, log_prob, mean
    p  = prior             p(z)         sample, log_prob, kl_from(q)
    px = decoder(z)        likelihood   log_prob(x), sample, mode

What x is (pixels, a batch of token sequences) is between encoder and decoder; nothing here looks inside. All of it is
hard and final: what anneals during training (a temperature) is applied by the objective, at its step.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from molvae.core.distributions import Likelihood, Posterior, Prior
from molvae.core.terms import Terms
from molvae.errors import ConfigError


class VAE(nn.Module):
    """Encoder + prior + decoder (Kingma & Welling 2013; Rezende et al. 2014).

    Args:
        encoder: module, x -> :class:`~molvae.core.distributions.Posterior`
        prior: p(z), in what the code's event shape is; learned if it is a module with parameters.
        decoder: module, z (S, B, D) -> :class:`~molvae.core.distributions.Likelihood`
    """

    def __init__(self, encoder: nn.Module, prior: Prior, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.prior = prior
        self.decoder = decoder

    @property
    def latent_size(self) -> int:
        """D"""
        return math.prod(self.prior.event_shape)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next((weight.device for weight in self.parameters()), torch.device("cpu"))

    def posterior(self, x: Any) -> Posterior:
        """q(z|x); a model whose input carries more than the data (labels) takes it apart here."""
        q: Posterior = self.encoder(x)
        return q

    def prior_for(self, x: Any) -> Prior:
        """p(z); a conditional model returns p(z|x) of what x holds beside the data (Sohn et al. 2015)."""
        return self.prior

    def likelihood(self, z: Tensor, x: Any) -> Likelihood:
        """p(x|z) at points z (S, B, D); ``x`` may hold what else the decoder needs (labels)."""
        px: Likelihood = self.decoder(z)
        return px

    def target(self, x: Any) -> Any:
        """What the likelihood is the density of."""
        return x

    def terms(
        self,
        x: Any,
        samples: int = 1,
        generator: torch.Generator | None = None,
        q: Posterior | None = None,
        reparameterised: bool = True,
        perturb: Callable[[Tensor], Tensor] | None = None,
    ) -> Terms:
        """Draw S samples z ~ q(z|x) and evaluate every term of the variational bounds.

        Args:
            x: a batch of B examples.
            samples: S.
            generator: randomness of z.
            q: posterior to use instead of the encoder's (inference that is not amortised, an encoding kept, or one that
                is relaxed for this step).
            reparameterised: let the gradient flow through z (AEVB section 2.4); without it z is a constant, as the
                score-function estimator wants it.
            perturb: z (S, B, D) -> what is decoded in its place; every other term is of z itself.
        """
        q = self.posterior(x) if q is None else q
        z = q.rsample(samples, generator)
        if not reparameterised:
            z = z.detach()
        px = self.likelihood(z if perturb is None else perturb(z), x)
        p = self.prior_for(x)
        log_px, log_pz, log_qz, kl = px.log_prob(self.target(x)), p.log_prob(z), q.log_prob(z), p.kl_from(q)
        return Terms(
            log_px=log_px,
            log_pz=log_pz,
            log_qz=log_qz,
            kl=(log_qz - log_pz).mean(0) if kl is None else kl,
            q=q,
            p=p,
            px=px,
            z=z,
            aux=self.auxiliary(x, z),
        )

    def predictive(self, x: Any, samples: int = 1, generator: torch.Generator | None = None) -> Tensor:
        """log p(x|z) at draws of the prior, z ~ p(z) or p(z|x): (S, B), differentiable where those draws are."""
        z = self.prior_for(x).sample((samples,), generator).to(self.device)
        # the same z serve every example, unless each has its own prior
        return self.likelihood(z.unsqueeze(1) if z.dim() == 2 else z, x).log_prob(self.target(x))

    def dream(self, x: Any, generator: torch.Generator | None = None) -> tuple[Any, Tensor]:
        """A batch that the model makes up, like x in number and kind, and the codes (B, D) that it is made from.

        z ~ p(z), x ~ p(x|z), both constants for the gradient.

        Raises:
            ConfigError: a model whose batches are more than one tensor, and which does not say how to make one.
        """
        if not isinstance(x, Tensor):
            raise ConfigError("this model cannot make up a batch of its data: choose another objective than wake_sleep")
        with torch.no_grad():
            z = self.prior.sample((len(x),), generator).to(self.device)
            made: Tensor = self.likelihood(z.unsqueeze(0), x).sample(generator).squeeze(0)
        return made, z

    def auxiliary(self, x: Any, z: Tensor) -> dict[str, Tensor]:
        """Further log-likelihoods that an objective may weigh and add, each (B,); a plain VAE has none."""
        return {}
