"""Property predictor: a head on z, trained jointly with the autoencoder (Gomez-Bombarelli et al. 2018)."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from molvae.core.candidates import Prediction
from molvae.core.distributions import LOG_2PI

_WITHIN_ONE_SIGMA = math.erf(math.sqrt(0.5))  # of a normal distribution, 68.3 %


def absolute_errors(predicted: Prediction, properties: np.ndarray) -> dict[str, float]:
    """Mean absolute error of each property in its unit, as ``<name>_mae``; of n molecules (n, K), NaN passed over."""
    table = predicted.to_frame()
    return {
        f"{name}_mae": float(np.nanmean(np.abs(table[name].to_numpy() - properties[:, column])))
        for column, name in enumerate(predicted.names)
    }


class PropertyPredictor(nn.Module):
    """z -> a normal distribution for each of K properties.

    The scaling of the properties is part of the module (buffers), so it travels with the weights and every
    prediction is in the user's units. So is the calibration, one factor of each standard deviation.

    Args:
        latent_size: D
        names: the K properties.
        hidden_size: width of the two hidden layers.
    """

    location: Tensor
    scale: Tensor
    calibration: Tensor

    def __init__(self, latent_size: int, names: tuple[str, ...], hidden_size: int = 256) -> None:
        super().__init__()
        self.names = names
        self.layers = nn.Sequential(
            nn.Linear(latent_size, hidden_size),
            nn.GELU(),
            nn.Linear(hidden_size, hidden_size),
            nn.GELU(),
            nn.Linear(hidden_size, 2 * len(names)),
        )
        self.register_buffer("location", torch.zeros(len(names)))
        self.register_buffer("scale", torch.ones(len(names)))
        self.register_buffer("calibration", torch.ones(len(names)))

    def set_scaling(self, properties: Tensor) -> None:
        """Take mean and standard deviation from the training data (n, K); NaN are passed over."""
        known = torch.where(properties.isnan(), 0.0, properties).double()
        count = (~properties.isnan()).sum(0).clamp(min=1)
        mean = known.sum(0) / count
        centred = torch.where(properties.isnan(), 0.0, properties - mean)
        self.location.copy_(mean)
        self.scale.copy_((centred.square().sum(0) / count).sqrt().clamp(min=1e-6))

    @torch.no_grad()
    def calibrate(self, z: Tensor, properties: Tensor) -> None:
        """Make 68.3 % of the errors of held-out pairs lie within one standard deviation: z (n, D), properties (n, K).

        The quantile, not the factor of maximum likelihood (the root mean square of errors in standard deviations):
        errors have heavier tails than a normal distribution, and a few gross ones would widen all intervals. A property
        that is unknown (NaN) everywhere keeps its standard deviation.
        """
        mean, log_std = self._standardised(z)
        errors = ((properties - self.location) / self.scale - mean).abs() * torch.exp(-log_std)
        factors = errors.nanquantile(_WITHIN_ONE_SIGMA, 0)
        self.calibration.copy_(factors.nan_to_num(nan=1.0).clamp(min=1e-3))

    def forward(self, z: Tensor) -> Prediction:
        """z (..., D) -> prediction (..., K) in real units."""
        mean, log_std = self._standardised(z)
        return Prediction(self.names, mean * self.scale + self.location, log_std.exp() * self.calibration * self.scale)

    def log_prob(self, z: Tensor, properties: Tensor) -> Tensor:
        """log p(y|z) of standardised properties in nats, averaged over samples: z (S, B, D), y (B, K) -> (B,).

        An unknown property (NaN) contributes nothing. The standard deviation is the one that is learnt, before it is
        calibrated.
        """
        mean, log_std = self._standardised(z)
        target = (properties - self.location) / self.scale
        density = -0.5 * (LOG_2PI + 2 * log_std + ((target.nan_to_num() - mean) * torch.exp(-log_std)) ** 2)
        return torch.where(target.isnan(), 0.0, density).sum(-1).mean(0)

    def _standardised(self, z: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_std = self.layers(z).float().chunk(2, -1)
        # bounded: a standard deviation far below what the data carry would let one molecule rule the gradient
        return mean, 4.0 * torch.tanh(log_std / 4.0)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        # weights that were saved before there was a calibration are those of an uncalibrated predictor
        state_dict.setdefault(f"{prefix}calibration", torch.ones(len(self.names)))
        super()._load_from_state_dict(state_dict, prefix, *args)
