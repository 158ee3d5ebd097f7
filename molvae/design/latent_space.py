"""A model's latent space as the search sees it: molecules to points, points to candidate molecules, a prior guess."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from molvae.design.objective import Objective
from molvae.molecules.reranking import PointDecodings, decode_points
from molvae.molecules.vae import MoleculeVAE


@dataclass
class LatentSpace:
    """Encoding, decoding and the predicted objective of one model.

    Attributes:
        model: the autoencoder.
        objective: what is optimised, or None if only the oracle knows.
        n_decodings: decodings for each point.
        temperature: of the sampled decodings.
        seed: of the decodings.
    """

    model: MoleculeVAE
    objective: Objective | None = None
    n_decodings: int = 8
    temperature: float = 1.0
    seed: int = 0
    _cache: dict[str, Tensor] = field(default_factory=dict, repr=False)

    @property
    def dimension(self) -> int:
        """D"""
        return self.model.config.latent_size

    @property
    def typical_norm(self) -> float:
        """sqrt(D): the norm of nearly all draws from N(0, I)."""
        return float(self.dimension**0.5)

    def encode(self, smiles: Sequence[str]) -> tuple[Tensor, np.ndarray]:
        """Canonical SMILES to posterior means: the points (m, D) of those that the model can hold, and a mask (n,)."""
        new = [text for text in dict.fromkeys(smiles) if text not in self._cache]
        if new:
            # one at a time: the rounding of a batched product depends on its shape, and so would a resumed run
            for text in new:
                z, _ = self.model.encode_with_errors([text], canonicalise=False)
                self._cache[text] = z[0]
        points = torch.stack([self._cache[text] for text in smiles]) if smiles else torch.empty(0, self.dimension)
        held = torch.isfinite(points).all(-1)
        return points[held], held.numpy()

    def forget(self) -> None:
        """The model has changed: encode everything anew."""
        self._cache.clear()

    def decode(self, z: Tensor, step: int) -> list[PointDecodings]:
        """Candidate molecules at points (n, D), each with its votes; reproducible from (seed, step)."""
        seed = self.seed * 1_000_003 + step
        return decode_points(
            self.model, z.float(), self.n_decodings, self.temperature, mask="valence", seed=seed, choose="votes"
        )

    @property
    def predicted_utility(self) -> Callable[[Tensor], Tensor] | None:
        """z (n, D) -> utility (n,) by the property predictor; None if the objective needs more than it predicts.

        The predictor has seen the properties of its whole training set, so a search that uses it starts with more than
        its own oracle calls; a comparison must say so.
        """
        objective = self.objective
        predictor = self.model.predictor
        if objective is None or not set(objective.properties) <= set(predictor.names):
            return None

        def predict(z: Tensor) -> Tensor:
            mean = predictor(z.to(next(predictor.parameters()))).mean.cpu()
            values = {name: mean[:, place] for place, name in enumerate(predictor.names)}
            return (objective.sign * objective.evaluate(values)).to(z.dtype)

        return predict
