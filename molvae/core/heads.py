"""From a network's raw outputs to a distribution: the registries of posteriors and likelihoods.

A head is a small module with a size (how many outputs it needs) and a ``forward`` that returns the distribution. Heads
of posteriors are made from the event shape of the code: ``(D,)`` for a vector, ``(N, C)`` for N variables of C classes.
To add a posterior or a likelihood: write its class in :mod:`molvae.core.distributions`, its head here, and one line in
the registry at the end; configuration, models and the shared property tests then know it by name. Priors have their own
registry, :data:`molvae.core.priors.PRIORS`.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from molvae.core.categorical import Categorical
from molvae.core.discretised import DiscretisedLogistic
from molvae.core.distributions import Bernoulli, DiagonalGaussian, FullGaussian, Gaussian, Laplace, PointMass

MIN_LOG_VAR, MAX_LOG_VAR = -14.0, 10.0
"""Bounds of log sigma^2 that networks predict: beyond them a density overflows before it means anything."""
MIN_LOG_SCALE, MAX_LOG_SCALE = -8.0, 3.0
"""The same of the scale of a logistic density of values in [0, 1]; a level is exp(-5.5) wide."""


class DiagonalGaussianHead(nn.Module):
    """(..., 2 D) -> N(mu, diag(sigma^2))."""

    def __init__(self, *event_shape: int) -> None:
        super().__init__()
        self.event_shape, self.outputs = event_shape, 2 * math.prod(event_shape)

    def forward(self, raw: Tensor) -> DiagonalGaussian:
        mu, log_var = raw.float().chunk(2, -1)
        return DiagonalGaussian(mu, log_var.clamp(MIN_LOG_VAR, MAX_LOG_VAR), self.event_shape)


class FullGaussianHead(nn.Module):
    """(..., D + D (D + 1) / 2) -> N(mu, L L^T)."""

    def __init__(self, latent_size: int) -> None:
        super().__init__()
        self.latent_size = latent_size
        self.outputs = latent_size + latent_size * (latent_size + 1) // 2
        self.register_buffer("triangle", torch.tril_indices(latent_size, latent_size), persistent=False)

    def forward(self, raw: Tensor) -> FullGaussian:
        raw = raw.float()
        mu, entries = raw[..., : self.latent_size], raw[..., self.latent_size :]
        lower = raw.new_zeros(*mu.shape, self.latent_size)
        rows, columns = self.get_buffer("triangle")
        lower[..., rows, columns] = entries
        diagonal = lower.diagonal(dim1=-2, dim2=-1)
        # the diagonal holds log sigma, as in the diagonal Gaussian it grew from
        sigma = (0.5 * (2 * diagonal).clamp(MIN_LOG_VAR, MAX_LOG_VAR)).exp()
        return FullGaussian(mu, lower - torch.diag_embed(diagonal) + torch.diag_embed(sigma))


class PointMassHead(nn.Module):
    """(..., D) -> the point itself."""

    def __init__(self, *event_shape: int) -> None:
        super().__init__()
        self.event_shape, self.outputs = event_shape, math.prod(event_shape)

    def forward(self, raw: Tensor) -> PointMass:
        return PointMass(raw.float(), self.event_shape)


class CategoricalHead(nn.Module):
    """(..., N C) -> N independent variables of C classes."""

    def __init__(self, variables: int, classes: int) -> None:
        super().__init__()
        self.event_shape, self.outputs = (variables, classes), variables * classes

    def forward(self, raw: Tensor) -> Categorical:
        return Categorical(torch.log_softmax(raw.float().unflatten(-1, self.event_shape), -1))


class BernoulliHead(nn.Module):
    """(..., C, H, W) logits -> independent binary pixels."""

    channels = 1

    def __init__(self, sigma: float = 0.1) -> None:
        super().__init__()

    def forward(self, raw: Tensor) -> Bernoulli:
        return Bernoulli(raw.float())


class GaussianHead(nn.Module):
    """(..., 2 C, H, W) -> N(mu, sigma^2), a sigma for every pixel from the network (AEVB appendix C.2)."""

    channels = 2

    def __init__(self, sigma: float = 0.1) -> None:
        super().__init__()

    def forward(self, raw: Tensor) -> Gaussian:
        mu, log_var = raw.float().chunk(2, -3)
        # data in [0, 1] has pixels that never vary: without a floor their density, and the bound, grow for ever
        return Gaussian(mu, log_var.clamp(2 * math.log(0.01), MAX_LOG_VAR))


class SharedSigmaHead(nn.Module):
    """(..., C, H, W) -> N(mu, sigma^2) with one learned sigma for all pixels (Rybkin et al. 2021)."""

    channels = 1

    def __init__(self, sigma: float = 0.1) -> None:
        super().__init__()
        self.log_var = nn.Parameter(torch.tensor(2 * math.log(sigma)))

    def forward(self, raw: Tensor) -> Gaussian:
        return Gaussian(raw.float(), self.log_var.clamp(MIN_LOG_VAR, MAX_LOG_VAR))


class FixedSigmaHead(nn.Module):
    """(..., C, H, W) -> N(mu, sigma^2) with a sigma that the user chose: it is then the weight of the KL term."""

    channels = 1

    def __init__(self, sigma: float = 0.1) -> None:
        super().__init__()
        self.register_buffer("log_var", torch.tensor(2 * math.log(sigma)))

    def forward(self, raw: Tensor) -> Gaussian:
        return Gaussian(raw.float(), self.get_buffer("log_var"))


class FixedScaleLaplaceHead(nn.Module):
    """(..., C, H, W) -> Laplace densities with a standard deviation sigma that the user chose, b = sigma / sqrt(2).

    The absolute error of one value has the weight 1 / b beside the KL term; a loss w MAE, the mean over n values, is
    b = n / w.
    """

    channels = 1

    def __init__(self, sigma: float = 0.1) -> None:
        super().__init__()
        self.register_buffer("log_scale", torch.tensor(math.log(sigma / math.sqrt(2))))

    def forward(self, raw: Tensor) -> Laplace:
        return Laplace(raw.float(), self.get_buffer("log_scale"))


class SharedScaleLaplaceHead(nn.Module):
    """(..., C, H, W) -> Laplace densities with one learned scale for all pixels, which becomes their mean error."""

    channels = 1

    def __init__(self, sigma: float = 0.1) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(sigma / math.sqrt(2))))

    def forward(self, raw: Tensor) -> Laplace:
        return Laplace(raw.float(), self.log_scale.clamp(MIN_LOG_VAR / 2, MAX_LOG_VAR / 2))


class DiscretisedLogisticHead(nn.Module):
    """(..., 2 C, H, W) -> logistic densities of 256 grey values, mean and scale of every pixel from the network."""

    channels = 2

    def __init__(self, sigma: float = 0.1) -> None:
        super().__init__()
        # the standard deviation of a logistic density is pi / sqrt(3) times its scale
        self.log_scale = math.log(sigma * math.sqrt(3) / math.pi)

    def forward(self, raw: Tensor) -> DiscretisedLogistic:
        mu, log_scale = raw.float().chunk(2, -3)
        return DiscretisedLogistic(0.5 + mu, (self.log_scale + log_scale).clamp(MIN_LOG_SCALE, MAX_LOG_SCALE))


POSTERIORS: dict[str, Callable[..., nn.Module]] = {
    "diagonal_gaussian": DiagonalGaussianHead,
    "full_gaussian": FullGaussianHead,
    "point_mass": PointMassHead,
    "categorical": CategoricalHead,
}
"""Name -> event shape, such as (D,) or (N, C) -> head."""

LIKELIHOODS: dict[str, Callable[[float], nn.Module]] = {
    "bernoulli": BernoulliHead,
    "gaussian": GaussianHead,
    "gaussian_shared_sigma": SharedSigmaHead,
    "gaussian_fixed_sigma": FixedSigmaHead,
    "laplace_shared_scale": SharedScaleLaplaceHead,
    "laplace_fixed_scale": FixedScaleLaplaceHead,
    "discretised_logistic": DiscretisedLogisticHead,
}
