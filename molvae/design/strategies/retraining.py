"""The autoencoder is trained on during the search, every 50 candidates; then all of them are encoded anew.

- ``weighted``: what is trained on is drawn with weights 1 / (k n + rank), k = 0.001 (Tripp et al. 2020);
- ``lolbo``: the bound plus the marginal likelihood of a Gaussian process on the encodings, so that encoder, decoder and
  kernel are fitted end to end, in a trust region around the best candidate (Maus et al. 2022; there a variational
  process, with a further network between z and the kernel);
- ``metric``: weighted retraining with a triplet loss that keeps like scores together (Grosnit et al. 2021).

Here only what the oracle has scored is trained on: every score counts. The autoencoder is a copy; the model of the
campaign stays as it is. What is trained follows from the seed and the outcomes, so a resumed campaign trains the same
again.
"""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from molvae.core.objectives import elbo
from molvae.design.protocols import TrainableModel
from molvae.design.strategies.base import Outcome, Setup
from molvae.design.strategies.points import PointSearch, published
from molvae.errors import ConfigError
from molvae.run.seeds import step_seed

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(encodings (B, D), standardised scores (B,), log lengthscale, outputscale and noise of a kernel (3,)) -> a number."""


class RetrainedSearch(PointSearch):
    """Search by points, in a latent space that moves.

    Args:
        setup: of the campaign.
        loss: added to the negative bound.

    Raises:
        ConfigError: the model cannot be trained.
    """

    moving = True  # a point means something only until the next training
    every = 50
    steps = 60
    batch = 32
    rate = 3e-4
    beta = 0.08  # of the KL term, as at the end of training
    temperature = 1e-3  # k of the weights

    def __init__(self, setup: Setup, loss: Loss | None) -> None:
        model = _own_copy(setup)
        super().__init__(replace(setup, space=replace(setup.space, model=model, objective=None, _cache={})))
        self.network: nn.Module = model
        self.loss = loss
        self.known: dict[Any, float] = {}
        self.trained = 0  # items known at the last training
        # of the Gaussian process of lolbo: log lengthscale, log outputscale, log noise
        self.kernel = nn.Parameter(torch.tensor([0.5 * math.log(self.space.dimension), 0.0, -2.0]))

    def begin(self, items: Sequence[Any], utility: np.ndarray) -> None:
        super().begin(items, utility)
        self._remember(items, utility)

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        super().tell(outcomes)
        scored = [outcome for outcome in outcomes if outcome.item is not None]
        self._remember([outcome.item for outcome in scored], [outcome.utility for outcome in scored])
        if len(self.known) >= self.trained + self.every:
            self._retrain()

    def _remember(self, items: Sequence[Any], utility: Sequence[float] | np.ndarray) -> None:
        first = not self.known
        self.known |= {item: float(u) for item, u in zip(items, utility, strict=True) if np.isfinite(u)}
        if first:
            self.trained = len(self.known)

    def _retrain(self) -> None:
        self.trained = len(self.known)
        model = self.space.model
        assert isinstance(model, TrainableModel)
        accepted = [item for item in self.known if model.accepts(item) is None]
        if len(accepted) < 4:
            return
        y = torch.tensor([self.known[item] for item in accepted])
        y = (y - y.mean()) / y.std().clamp(min=1e-6)
        rank = (-y).argsort().argsort().double()
        weights = 1 / (self.temperature * len(y) + rank)
        generator = torch.Generator().manual_seed(step_seed(self.config.seed, self.trained))
        optimizer = torch.optim.Adam([*self.network.parameters(), self.kernel], lr=self.rate)
        self.network.train()
        for _ in range(self.steps):
            rows = torch.multinomial(weights, min(self.batch, len(y)), replacement=False, generator=generator)
            terms = model.terms(model.batch([accepted[row] for row in rows]), 1, generator)
            value = elbo(terms, self.beta).mean()
            if self.loss is not None:
                z = terms.q.mean
                value = value - self.loss(z, y[rows].to(z), self.kernel)
            optimizer.zero_grad()
            (-value).backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
            optimizer.step()
        self.network.eval()
        self._encode_anew()

    def _encode_anew(self) -> None:
        """Every item lies where the encoder puts it now; what was infeasible has no place in the new space."""
        self.space.forget()
        z, mask = self.space.encode(list(self.known))
        utility = torch.tensor(list(self.known.values()), dtype=torch.double)[torch.from_numpy(mask)]
        before = self.search
        self.search = self.make_search()
        self.search.tell(z.double(), utility, torch.ones(len(z), dtype=torch.bool))
        self.search.region, self.search.hyperparameters = before.region, before.hyperparameters


def _own_copy(setup: Setup) -> Any:
    """A copy of the model that is both a network and a :class:`~molvae.design.protocols.TrainableModel`."""
    model: Any = setup.model
    if not isinstance(model, nn.Module) or not isinstance(model, TrainableModel):
        raise ConfigError(
            f"the strategy {setup.config.strategy!r} trains the model during the search, and this one cannot be "
            "trained: choose another strategy"
        )
    return copy.deepcopy(model)


def gaussian_process_loss(z: Tensor, y: Tensor, kernel: Tensor) -> Tensor:
    """Negative log marginal likelihood of y (B,) at the encodings z (B, D), an item (Maus et al. 2022, eq. 5)."""
    length, scale, noise = kernel.exp()
    gram = scale * torch.exp(-0.5 * torch.cdist(z, z).square() / length**2)
    covariance = gram + (noise + 1e-4) * torch.eye(len(y), device=z.device)
    density = torch.distributions.MultivariateNormal(torch.zeros_like(y), covariance)
    return -density.log_prob(y) / len(y)


def triplet_loss(z: Tensor, y: Tensor, kernel: Tensor, near: float = 0.3) -> Tensor:
    """softplus(d(a, p) - d(a, n)) over all triples whose scores differ by less (p) and more (n) than ``near``.

    Grosnit et al. 2021, eq. 8, with hard in place of soft weights; scores are standardised. The kernel has no part.
    """
    distance = torch.cdist(z, z)
    alike = (y.unsqueeze(0) - y.unsqueeze(1)).abs() < near
    positive = alike & ~torch.eye(len(y), dtype=torch.bool, device=y.device)
    triples = positive.unsqueeze(2) & ~alike.unsqueeze(1)
    values = nn.functional.softplus(distance.unsqueeze(2) - distance.unsqueeze(1))
    return torch.where(triples, values, 0.0).sum() / triples.sum().clamp(min=1)


def weighted_retraining(setup: Setup) -> RetrainedSearch:
    """Tripp et al. 2020."""
    return RetrainedSearch(published(setup, region="global"), None)


def metric_retraining(setup: Setup) -> RetrainedSearch:
    """Grosnit et al. 2021."""
    return RetrainedSearch(published(setup, region="global"), triplet_loss)


def lolbo(setup: Setup) -> RetrainedSearch:
    """Maus et al. 2022."""
    return RetrainedSearch(published(setup, centres=1), gaussian_process_loss)
