"""Exact Gaussian process of the objective, and of feasibility, over points of R^d.

Everything is in double precision. Inputs are on the scale of N(0, I); outputs are standardised here. Hyperparameters
are found by maximum a posteriori with few iterations from where the last fit ended: an uncapped fit costs
twenty times more at n = 1,000, d = 56 and predicts no better.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from botorch.exceptions.warnings import InputDataWarning, OptimizationWarning
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from gpytorch.constraints import GreaterThan
from gpytorch.kernels import Kernel, RBFKernel, ScaleKernel
from gpytorch.likelihoods import GaussianLikelihood
from gpytorch.mlls import ExactMarginalLogLikelihood
from gpytorch.priors import LogNormalPrior
from linear_operator.utils.errors import NotPSDError
from linear_operator.utils.warnings import NumericalWarning
from torch import Tensor

PriorMean = Callable[[Tensor], Tensor]
"""(n, d) -> (n,): a guess of the objective, such as a property predictor's."""


@dataclass(frozen=True)
class Posterior:
    """Joint normal distribution of the objective at n points: mean (n,), covariance (n, n)."""

    mean: Tensor
    covariance: Tensor

    @property
    def std(self) -> Tensor:
        """(n,)"""
        return self.covariance.diagonal().clamp(min=1e-12).sqrt()

    def draw(self, samples: int, generator: torch.Generator) -> Tensor:
        """(samples, n) joint draws."""
        noise = torch.randn(samples, len(self.mean), generator=generator, dtype=self.mean.dtype)
        return self.mean + noise @ _cholesky(self.covariance).t()


class Surrogate:
    """y(z) = a m(z) + b + f(z), f a Gaussian process with an isotropic squared exponential kernel.

    One lengthscale for all dimensions: with a hundred points in 64 dimensions, 64 lengthscales cannot be learnt.
    Its prior grows with sqrt(d) (Hvarfner et al. 2024), so that in high dimensions functions are expected to be smooth.

    Args:
        prior_mean: m(z); without it, a constant.
        max_iterations: of the optimiser of the hyperparameters.
    """

    def __init__(self, prior_mean: PriorMean | None = None, max_iterations: int = 25) -> None:
        self.prior_mean = prior_mean
        self.max_iterations = max_iterations
        self.hyperparameters: dict[str, list[float]] = {}
        self.model: SingleTaskGP | None = None

    def fit(self, z: Tensor, y: Tensor, optimise: bool = True) -> None:
        """Condition on z (n, d) and finite y (n,); ``optimise`` also improves the hyperparameters."""
        self._fit_trend(z, y)
        residual = y - self._trend(z)
        self.scale = float(residual.std()) if len(y) > 1 and float(residual.std()) > 1e-9 else 1.0
        with warnings.catch_warnings():
            # botorch advises to standardise what is constant, or too few to have a standard deviation
            warnings.simplefilter("ignore", InputDataWarning)
            model = SingleTaskGP(
                z,
                (residual / self.scale).unsqueeze(-1),
                covar_module=_scaled(self._base_kernel(z.shape[1])),
                likelihood=_likelihood(),
                outcome_transform=None,
            )
        fresh = {name: value.clone() for name, value in model.state_dict().items()}
        self._load(model)
        if optimise and len(y) >= 3:
            try:
                self._optimise(model)
            except (NotPSDError, ValueError, RuntimeError):
                # a bad warm start is left behind; with the default hyperparameters the kernel is well conditioned
                model.load_state_dict(fresh)
        self.hyperparameters = {name: p.detach().flatten().tolist() for name, p in model.named_parameters()}
        self.model = model.eval()

    def fit_in_stages(self, z: Tensor, y: Tensor, first: int = 500, iterations: int = 5) -> None:
        """As :meth:`fit`, for thousands of points: hyperparameters from the ``first`` of them, then improved by a few
        ``iterations`` on all.
        """
        self.fit(z[:first], y[:first])
        usual, self.max_iterations = self.max_iterations, iterations
        self.fit(z, y)
        self.max_iterations = usual

    def predict(self, z: Tensor) -> Posterior:
        """Posterior about the objective at z (n, d), without observation noise."""
        assert self.model is not None, "fit first"
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore", NumericalWarning)  # jitter was added, as it must be for close points
            posterior = self.model.posterior(z)
            mean = posterior.mean.squeeze(-1)
            covariance = posterior.distribution.covariance_matrix  # type: ignore[union-attr]
        return Posterior(self._trend(z) + self.scale * mean, self.scale**2 * covariance)

    @property
    def noise(self) -> float:
        """Variance of the observation noise, in units of y squared."""
        assert self.model is not None, "fit first"
        return self.scale**2 * float(self.model.likelihood.noise.detach())

    def _base_kernel(self, dimension: int) -> Kernel:
        # two draws of N(0, I) are sqrt(2d) apart; the prior's mode is near half of that
        prior = LogNormalPrior(loc=0.5 * math.log(dimension) + 0.3, scale=0.7)
        return RBFKernel(lengthscale_prior=prior, lengthscale_constraint=GreaterThan(1e-2, initial_value=prior.mode))

    def _fit_trend(self, z: Tensor, y: Tensor) -> None:
        """Least squares for a and b; the slope is shrunk towards 0, where m(z) says nothing."""
        self.slope, self.intercept = 0.0, float(y.mean())
        if self.prior_mean is not None and len(y) >= 3:
            m = self._guess(z)
            centred = m - m.mean()
            variance = float(centred.square().sum())
            if variance > 1e-12:
                self.slope = float((centred * (y - y.mean())).sum()) / (variance * (1 + 2 / len(y)))
                self.intercept = float(y.mean() - self.slope * m.mean())

    def _trend(self, z: Tensor) -> Tensor:
        if self.slope == 0.0:
            return torch.full((len(z),), self.intercept, dtype=z.dtype)
        return self.slope * self._guess(z) + self.intercept

    def _guess(self, z: Tensor) -> Tensor:
        assert self.prior_mean is not None
        with torch.no_grad():
            return self.prior_mean(z).to(z).nan_to_num()

    def _load(self, model: SingleTaskGP) -> None:
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if name in self.hyperparameters:
                    parameter.copy_(torch.tensor(self.hyperparameters[name], dtype=torch.double).view_as(parameter))

    def _optimise(self, model: SingleTaskGP) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OptimizationWarning)  # the cap on iterations was reached: as intended
            warnings.simplefilter("ignore", NumericalWarning)
            fit_gpytorch_mll(
                ExactMarginalLogLikelihood(model.likelihood, model),
                optimizer_kwargs={"options": {"maxiter": self.max_iterations}},
                max_attempts=1,
                pick_best_of_all_attempts=True,
            )


class Feasibility:
    """Probability that a point is feasible: Gaussian process regression of the labels +1 and -1 through a probit link.

    The lengthscale is fixed at half the typical distance of two points; with all points feasible, as most are, there
    is nothing to learn it from. Where no point lies near, the probability is the overall rate.
    """

    def __init__(self, neighbours: int = 400) -> None:
        self.neighbours = neighbours
        self.z = torch.empty(0, 0, dtype=torch.double)
        self.feasible = torch.empty(0, dtype=torch.bool)

    def fit(self, z: Tensor, feasible: Tensor) -> None:
        """Condition on z (n, d) with labels (n,)."""
        self.z, self.feasible = z, feasible

    def predict(self, z: Tensor) -> Tensor:
        """Probability at z (n, d): (n,) in (0, 1)."""
        count = len(self.feasible)
        rate = (float(self.feasible.sum()) + 1.0) / (count + 1.1)  # before any data: about 0.9
        if count == 0 or bool(self.feasible.all()):
            return torch.full((len(z),), rate, dtype=z.dtype)
        known, label = self._informative()
        prior = math.sqrt(2) * float(torch.special.ndtri(torch.tensor(rate, dtype=torch.double)))
        length = 0.5 * math.sqrt(2 * z.shape[1])
        gram = torch.exp(-0.5 * torch.cdist(known, known).square() / length**2)
        gram = gram + 0.1 * torch.eye(len(known), dtype=z.dtype)
        cross = torch.exp(-0.5 * torch.cdist(z, known).square() / length**2)
        factor = _cholesky(gram)
        mean = prior + cross @ torch.cholesky_solve((label - prior).unsqueeze(1), factor).squeeze(1)
        solved = torch.linalg.solve_triangular(factor, cross.t(), upper=False)
        variance = (1 - solved.square().sum(0)).clamp(min=0)
        return torch.special.ndtr(mean / torch.sqrt(1 + variance)).clamp(1e-4, 1 - 1e-4)

    def _informative(self) -> tuple[Tensor, Tensor]:
        """The last infeasible points and as many feasible ones as there is room for."""
        bad = torch.nonzero(~self.feasible).flatten()[-self.neighbours // 2 :]
        good = torch.nonzero(self.feasible).flatten()[-(self.neighbours - len(bad)) :]
        rows = torch.cat([bad, good]).sort().values
        return self.z[rows], torch.where(self.feasible[rows], 1.0, -1.0).to(self.z)


def _scaled(base: Kernel) -> ScaleKernel:
    kernel = ScaleKernel(base, outputscale_prior=LogNormalPrior(0.0, 1.0))
    kernel.outputscale = 1.0
    return kernel


def _likelihood() -> GaussianLikelihood:
    prior = LogNormalPrior(loc=-2.0, scale=1.0)  # molecules that share a neighbourhood do not share their score
    return GaussianLikelihood(noise_prior=prior, noise_constraint=GreaterThan(1e-4, initial_value=prior.mode))


def _cholesky(matrix: Tensor) -> Tensor:
    """Cholesky factor with as little jitter as it takes."""
    scale = float(matrix.diagonal().mean())
    for jitter in (1e-8, 1e-6, 1e-4, 1e-2):
        factor, failed = torch.linalg.cholesky_ex(matrix + jitter * scale * torch.eye(len(matrix), dtype=matrix.dtype))
        if not bool(failed):
            return factor
    return torch.diag(matrix.diagonal().clamp(min=1e-12).sqrt())
