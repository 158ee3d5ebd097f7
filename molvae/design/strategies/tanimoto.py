"""Bayesian optimisation on fingerprints, with the autoencoder as the source of candidates.

The surrogate is a Gaussian process with the Tanimoto kernel on ECFP4 counts (Ralaivola et al. 2005; Tripp et al. 2021),
which knows nothing of the latent space and needs no training. The autoencoder proposes: it decodes points near the best
molecules and between pairs of them. That the surrogate lives on molecules and the model only proposes follows Moss et
al. 2025 (COWBOYS).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator
from torch import Tensor

from molvae.core.sampling import slerp
from molvae.design.latent_space import LatentSpace
from molvae.design.strategies.base import Judge, Option, Outcome, Suggestion
from molvae.search.kernel_process import KernelProcess, choose_batch

_PARENTS = 50  # best molecules that candidates are made from
_NOISE = (0.15, 0.7)  # standard deviation of the step from a parent, drawn log-uniformly between these


@dataclass
class FingerprintSearch:
    """The ``tanimoto`` strategy.

    Attributes:
        space: decodes the candidates.
        seed: of the candidates.
        oversample: latent points decoded for each molecule that is scored.
        known: canonical SMILES -> utility, NaN where scoring failed.
    """

    space: LatentSpace
    seed: int
    oversample: int = 8
    known: dict[str, float] = field(default_factory=dict)
    _prints: dict[str, Any] = field(default_factory=dict, repr=False)

    def begin(self, smiles: Sequence[str], utility: np.ndarray) -> None:
        self.known |= dict(zip(smiles, utility.tolist(), strict=True))

    def propose(self, count: int, step: int, judge: Judge) -> list[Suggestion]:
        scored = {text: value for text, value in self.known.items() if np.isfinite(value)}
        best = sorted(scored, key=lambda text: (-scored[text], text))[:_PARENTS]
        parents, _ = self.space.encode(best)
        if not len(parents):
            return []
        z = self._points(parents, count * self.oversample, step)
        pool: dict[str, tuple[int, int]] = {}  # molecule -> row of its point, votes
        for row, point in enumerate(self.space.decode(z, step)):
            for option in point.molecules:
                if option.smiles not in self.known:
                    pool.setdefault(option.smiles, (row, option.votes))
        if not pool:
            return []
        names, candidates = list(scored), list(pool)
        process = KernelProcess(self._kernel(names, names), np.array([scored[text] for text in names]))
        mean, covariance = process.posterior(self._kernel(candidates, names), self._kernel(candidates, candidates))
        # validation is slow: only what would be chosen is judged
        chosen = choose_batch(mean, covariance, max(scored.values()), count, lambda place: judge(candidates[place]))
        spread = np.sqrt(np.maximum(np.diag(covariance), 0.0))
        return [
            Suggestion(
                options=(Option(candidates[place], pool[candidates[place]][1]),),
                z=z[pool[candidates[place]][0]].double().numpy(),
                mean=float(mean[place]),
                std=float(spread[place]),
                acquisition=gain,
            )
            for place, gain in chosen
        ]

    def _points(self, parents: Tensor, number: int, step: int) -> Tensor:
        """Half near one parent, half on the arc between two; better parents more often: (number, D)."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        weights = 1.0 / (torch.arange(len(parents)) + 5.0)  # by rank
        first, second = (torch.multinomial(weights, number, replacement=True, generator=generator) for _ in range(2))
        t = torch.rand(number, 1, generator=generator)
        between = torch.cat([slerp(parents[a], parents[b], at) for a, b, at in zip(first, second, t, strict=True)])
        near = torch.arange(number).unsqueeze(1) % 2 == 0
        low, high = _NOISE
        width = low * (high / low) ** torch.rand(number, 1, generator=generator)
        width = torch.where(near, width, torch.full_like(width, low))
        z = torch.where(near, parents[first], between)
        return z + width * torch.randn(z.shape, generator=generator)

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        self.known |= {outcome.smiles: outcome.utility for outcome in outcomes if outcome.smiles is not None}

    def state(self) -> dict[str, Any]:
        return {}

    def load_state(self, state: dict[str, Any]) -> None: ...

    def _kernel(self, rows: Sequence[str], columns: Sequence[str]) -> np.ndarray:
        right = [self._print(text) for text in columns]
        return np.array([DataStructs.BulkTanimotoSimilarity(self._print(text), right) for text in rows])

    def _print(self, smiles: str) -> Any:
        if smiles not in self._prints:
            generator = rdFingerprintGenerator.GetMorganGenerator(radius=2)
            self._prints[smiles] = generator.GetSparseCountFingerprint(Chem.MolFromSmiles(smiles))
        return self._prints[smiles]
