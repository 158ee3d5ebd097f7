"""Pixels that belong to one of K slots: their likelihood, and a posterior that says which (MONet: Burgess et al. 2019).

    log p(x|z)   = sum_i log sum_k m_ik N(x_i; mu_ik, sigma_k^2 I)       eq. 3, first term; i over pixels
    q(c|x)         masks m_k of an attention network, carried by the posterior of z
    p(c|z)         masks of the decoder
    KL(q(c|x) || p(c|z)) = sum_i sum_k m_ik (log m_ik - log p_ik)        eq. 3, last term

A channel has no mask of its own: a pixel with all its channels comes from one slot.
"""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from molvae.core.distributions import LOG_2PI, DiagonalGaussian, standard_normal_like
from molvae.core.mixtures import sample_classes
from molvae.shapes import PerExample

MASKS = "masks"
"""Name of the auxiliary term that holds the decoder's masks to those of the posterior."""


@dataclass(frozen=True)
class SlotMixture:
    """Each pixel from a mixture of K Gaussians, one a slot, with the masks as weights.

    Attributes:
        mu: (..., B, K, C, H, W)
        log_var: log sigma^2, broadcast to ``mu``
        log_masks: (..., B, K, 1, H, W), normalised over the slots
    """

    mu: Tensor
    log_var: Tensor
    log_masks: Tensor

    def with_masks(self, log_masks: Tensor) -> "SlotMixture":
        """The same slots under other masks (B, K, 1, H, W)."""
        return replace(self, log_masks=log_masks)

    def log_prob(self, x: Tensor) -> Tensor:
        """x (B, C, H, W) -> (..., B)"""
        scaled = (x.unsqueeze(-4) - self.mu).square() * torch.exp(-self.log_var)
        # of all channels of a pixel, (..., B, K, 1, H, W)
        log_density = -0.5 * (LOG_2PI + self.log_var + scaled).sum(-3, keepdim=True)
        return torch.logsumexp(self.log_masks + log_density, -4).flatten(-3).sum(-1)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """A slot for each pixel, then its colour: (..., B, C, H, W)."""
        log_masks = self.log_masks.expand(*self.mu.shape[:-3], 1, *self.mu.shape[-2:])
        chosen = self._of_slot(sample_classes(log_masks.squeeze(-3).movedim(-3, -1), generator))
        eps = standard_normal_like(chosen[0], tuple(chosen[0].shape), generator)
        return chosen[0] + torch.exp(0.5 * chosen[1]) * eps

    @property
    def mean(self) -> Tensor:
        return (self.log_masks.exp() * self.mu).sum(-4)

    @property
    def mode(self) -> Tensor:
        """The colour of the heaviest slot at each pixel; the mode itself has no closed form."""
        log_masks = self.log_masks.expand(*self.mu.shape[:-3], 1, *self.mu.shape[-2:])
        return self._of_slot(log_masks.squeeze(-3).argmax(-3))[0]

    def _of_slot(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Index (..., B, H, W) -> mu and log sigma^2 of that slot at each pixel, (..., B, C, H, W)."""
        channels = self.mu.shape[-3]
        index = index.unsqueeze(-3).unsqueeze(-3).expand(*self.mu.shape[:-4], 1, channels, *self.mu.shape[-2:])
        mu, log_var = (part.gather(-4, index).squeeze(-4) for part in (self.mu, self.log_var.expand_as(self.mu)))
        return mu, log_var


@dataclass(frozen=True)
class AttendedSlots(DiagonalGaussian):
    """q(z|x) of K slots, each of what its mask lets through, and q(c|x): the masks.

    Attributes:
        log_masks: (B, K, 1, H, W), normalised over the slots.
    """

    log_masks: Tensor = field(kw_only=True)

    def mask_agreement(self, px: SlotMixture) -> PerExample:
        """-KL(q(c|x) || p(c|z)) summed over pixels, (B,): the mean over the samples that ``px`` is of.

        Args:
            px: with the decoder's masks (S, B, K, 1, H, W).
        """
        difference = self.log_masks.exp() * (self.log_masks - px.log_masks)
        return -difference.flatten(-4).sum(-1).mean(0)
