"""Published latent-space optimisers, for comparison with the default.

They share one skeleton: ask for latent points, decode them, tell the scores at these points. None is given the property
predictor's guess (``use_predictor`` is off). Published settings are kept where they are stated; what differs is said
with each class.
"""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from molvae.core.objectives import elbo
from molvae.design.latent_space import LatentSpace
from molvae.design.settings import CampaignConfig
from molvae.design.strategies.base import Judge, Outcome, Suggestion
from molvae.design.strategies.baselines import suggestions
from molvae.design.strategies.latent import LatentSearch
from molvae.molecules.dataset import MoleculeDataset, TokenBatch
from molvae.search import Search


class PointSearch(LatentSearch):
    """Ask for points, decode each, tell its score at the point that was asked for.

    - ``global``: Gaussian process with expected improvement over all of the prior (Gomez-Bombarelli et al. 2018; there
      sparse, and maximised by gradient, here exact over a finite set of candidates);
    - ``constrained``: the same, weighted with the learned probability that a point decodes to a molecule (Griffiths &
      Hernandez-Lobato 2020; there a Bayesian neural network);
    - ``turbo``: Thompson sampling in one trust region around the best point (Eriksson et al. 2019).
    """

    def propose(self, count: int, step: int, judge: Judge) -> list[Suggestion]:
        asked = self.search.ask(count, step)
        made = suggestions(self.space, self.from_search_space(asked.z), step, mean=asked.mean)
        return [
            replace(
                suggestion,
                std=float(asked.std[row]),
                acquisition=float(asked.acquisition[row]),
                feasibility=float(asked.feasibility[row]),
            )
            for row, suggestion in enumerate(made)
        ]

    def from_search_space(self, points: Tensor) -> Tensor:
        """Points of the search (n, d) -> latent points (n, D)."""
        return points


class SubspaceSearch(PointSearch):
    """The trust-region search in the space of the first principal components of the starting molecules.

    A Gaussian process needs far fewer points in 16 dimensions than in 64 (Wang et al. 2016, "REMBO", with random
    directions; principal directions lie where molecules are).
    """

    components = 16

    def begin(self, smiles: Sequence[str], utility: np.ndarray) -> None:
        z, _ = self.space.encode(smiles)
        z = z.double()
        self.centre = z.mean(0)
        _, singular, directions = torch.linalg.svd(z - self.centre, full_matrices=False)
        number = min(self.components, max(1, len(z) - 1))
        spread = (singular[:number] / math.sqrt(max(1, len(z) - 1))).clamp(min=1e-6)
        self.basis = directions[:number] * spread.unsqueeze(1)  # (d, D): one standard deviation along each
        self.search = Search(number, self.config.search, seed=self.config.seed)
        super().begin(smiles, utility)

    def to_search_space(self, z: Tensor) -> Tensor:
        scale = self.basis.square().sum(1)
        return (z.double() - self.centre) @ self.basis.t() / scale

    def from_search_space(self, points: Tensor) -> Tensor:
        return self.centre + points @ self.basis


Loss = Callable[["RetrainedSearch", TokenBatch, Tensor], Tensor]


class RetrainedSearch(PointSearch):
    """The autoencoder is trained on during the search, every 50 molecules; then all molecules are encoded anew.

    - ``weighted``: training molecules are drawn with weights 1 / (k n + rank), k = 0.001 (Tripp et al. 2020);
    - ``lolbo``: the bound plus the marginal likelihood of a Gaussian process on the encodings, so that encoder, decoder
      and kernel are fitted end to end, in a trust region around the best molecule (Maus et al. 2022; there a
      variational process, with a further network between z and the kernel);
    - ``metric``: weighted retraining with a triplet loss that keeps molecules of like score together (Grosnit et al.
      2021).

    Here only molecules that the oracle has scored are trained on: every score counts. The autoencoder is a copy; the
    model of the campaign stays as it is. What is trained follows from the seed and the outcomes, so a resumed campaign
    trains the same again.
    """

    every = 50
    steps = 60
    batch = 32
    rate = 3e-4
    beta = 0.08  # of the KL term, as at the end of training
    temperature = 1e-3  # k of the weights

    def __init__(self, space: LatentSpace, config: CampaignConfig, loss: Loss | None) -> None:
        model = copy.deepcopy(space.model)
        model.folder = space.model.folder
        own = LatentSpace(model, None, space.n_decodings, space.temperature, space.seed)
        super().__init__(own, config)
        self.loss = loss
        self.known: dict[str, float] = {}
        self.trained = 0  # molecules known at the last training
        # of the Gaussian process of lolbo: log lengthscale, log outputscale, log noise
        self.kernel = nn.Parameter(torch.tensor([0.5 * math.log(space.dimension), 0.0, -2.0]))

    def begin(self, smiles: Sequence[str], utility: np.ndarray) -> None:
        super().begin(smiles, utility)
        self._remember(smiles, utility)

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        super().tell(outcomes)
        scored = [outcome for outcome in outcomes if outcome.smiles is not None]
        self._remember([str(outcome.smiles) for outcome in scored], [outcome.utility for outcome in scored])
        if len(self.known) >= self.trained + self.every:
            self._retrain()

    def _remember(self, smiles: Sequence[str], utility: Sequence[float] | np.ndarray) -> None:
        finite = {text: float(u) for text, u in zip(smiles, utility, strict=True) if np.isfinite(u)}
        first = not self.known
        self.known |= finite
        if first:
            self.trained = len(self.known)

    def _retrain(self) -> None:
        self.trained = len(self.known)
        model = self.space.model
        names, y = list(self.known), torch.tensor(list(self.known.values()))
        dataset, refused = MoleculeDataset.build(names, model.vocabulary)
        y = y[[row for row in range(len(names)) if row not in refused]]
        if len(y) < 4:
            return
        y = (y - y.mean()) / y.std().clamp(min=1e-6)
        rank = (-y).argsort().argsort().double()
        weights = 1 / (self.temperature * len(y) + rank)
        generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + self.trained)
        optimizer = torch.optim.Adam([*model.parameters(), self.kernel], lr=self.rate)
        model.train()
        for _ in range(self.steps):
            rows = torch.multinomial(weights, min(self.batch, len(y)), replacement=False, generator=generator)
            batch = dataset.batch(rows.numpy()).to(model.device)
            terms = model.terms(batch, 1, generator)
            value = elbo(terms, self.beta).mean()
            if self.loss is not None:
                value = value - self.loss(self, batch, y[rows].to(model.device))
            optimizer.zero_grad()
            (-value).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
        model.eval()
        self._encode_anew()

    def _encode_anew(self) -> None:
        """Every molecule lies where the encoder puts it now; what was infeasible has no place in the new space."""
        self.space.forget()
        z, held = self.space.encode(list(self.known))
        utility = torch.tensor(list(self.known.values()), dtype=torch.double)[torch.from_numpy(held)]
        before = self.search
        self.search = self.make_search()
        self.search.tell(z.double(), utility, torch.ones(len(z), dtype=torch.bool))
        self.search.region, self.search.hyperparameters = before.region, before.hyperparameters


def gaussian_process_loss(search: RetrainedSearch, batch: TokenBatch, y: Tensor) -> Tensor:
    """Negative log marginal likelihood of y (B,) at the encodings, a molecule (Maus et al. 2022, eq. 5)."""
    z = search.space.model.posterior(batch).mean
    length, scale, noise = search.kernel.exp()
    gram = scale * torch.exp(-0.5 * torch.cdist(z, z).square() / length**2)
    covariance = gram + (noise + 1e-4) * torch.eye(len(y), device=z.device)
    density = torch.distributions.MultivariateNormal(torch.zeros_like(y), covariance)
    return -density.log_prob(y) / len(y)


def triplet_loss(search: RetrainedSearch, batch: TokenBatch, y: Tensor, near: float = 0.3) -> Tensor:
    """softplus(d(a, p) - d(a, n)) over all triples whose scores differ by less (p) and more (n) than ``near``.

    Grosnit et al. 2021, eq. 8, with hard in place of soft weights; scores are standardised.
    """
    z = search.space.model.posterior(batch).mean
    distance = torch.cdist(z, z)
    alike = (y.unsqueeze(0) - y.unsqueeze(1)).abs() < near
    positive = alike & ~torch.eye(len(y), dtype=torch.bool, device=y.device)
    triples = positive.unsqueeze(2) & ~alike.unsqueeze(1)
    values = nn.functional.softplus(distance.unsqueeze(2) - distance.unsqueeze(1))
    return torch.where(triples, values, 0.0).sum() / triples.sum().clamp(min=1)
