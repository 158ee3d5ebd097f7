"""A model's latent space as the search sees it: items to points, points to candidates, a prior guess."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from molvae.core.candidates import Candidate, PointCandidates
from molvae.core.pretrained import load_model
from molvae.design.objective import Objective
from molvae.design.protocols import Fitting, Model, RefiningModel
from molvae.errors import ConfigError
from molvae.run.progress import silent
from molvae.run.seeds import step_seed


def load_searchable(name: str, device: str = "auto") -> Model:
    """Load a model of any kind whose latent space can be searched.

    Raises:
        CheckpointError: see :func:`~molvae.core.pretrained.load_model`.
        ConfigError: its points do not decode to candidates.
    """
    model = load_model(name, device)
    if not isinstance(model, Model):
        raise ConfigError(f"{name} is a model of kind {model.kind!r}, without candidates: nothing can be searched")
    return model


@dataclass
class LatentSpace:
    """Encoding, decoding and the predicted objective of one model.

    Attributes:
        model: the autoencoder.
        objective: what is optimised, or None if only the oracle knows.
        n_decodings: decodings for each point.
        temperature: of the sampled decodings.
        seed: of the decodings.
        fitting: what makes candidates fit, if they must be like something, or None.
        parents: items that fit, best first, which candidates are made to fit on; set before each step.
        refine: move the encoding of an item until it decodes to it (semi-amortised inference, Kim et al. 2018), so that
            what is learnt of a point is true of what it decodes to (the inversion of Chu et al. 2024).

    Raises:
        ConfigError: encodings are to be refined and the model cannot do that.
    """

    model: Model
    objective: Objective | None = None
    n_decodings: int = 8
    temperature: float = 1.0
    seed: int = 0
    fitting: Fitting | None = None
    parents: Sequence[Any] = ()
    refine: bool = False
    _cache: dict[Any, Tensor] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.refine and not isinstance(self.model, RefiningModel):
            raise ConfigError(f"refine: encodings of {self.model.name} cannot be refined: leave it out")

    @property
    def dimension(self) -> int:
        """D"""
        return self.model.latent_size

    @property
    def typical_norm(self) -> float:
        """sqrt(D): the norm of nearly all draws from N(0, I)."""
        return float(self.dimension**0.5)

    def encode(self, items: Sequence[Any]) -> tuple[Tensor, np.ndarray]:
        """Items to their points: the points (m, D) of those that the model can hold, and a mask (n,)."""
        fresh = [item for item in dict.fromkeys(items) if item not in self._cache]
        held = [item for item in fresh if self.model.accepts(item) is None]
        self._cache |= dict.fromkeys(fresh, torch.full((self.dimension,), torch.nan))
        # one at a time: the rounding of a batched product depends on its shape, and so would a resumed run
        self._cache |= {item: self.model.encode([item])[0] for item in held}
        if self.refine and held:
            assert isinstance(self.model, RefiningModel)
            z = torch.stack([self._cache[item] for item in held])
            self._cache |= zip(held, self.model.refine(held, z, progress=silent), strict=True)
        points = torch.stack([self._cache[item] for item in items]) if items else torch.empty(0, self.dimension)
        mask = torch.isfinite(points).all(-1)
        return points[mask], mask.numpy()

    def forget(self) -> None:
        """The model has changed: encode everything anew."""
        self._cache.clear()

    def decode(self, z: Tensor, step: int) -> list[PointCandidates]:
        """Candidates at points (n, D), each with its votes; reproducible from (seed, step) and the parents.

        Where candidates must fit, those that do come first. Behind them stands one that was made of the most frequent
        decoding, for a point whose own candidates are known already.
        """
        seed = step_seed(self.seed, step)
        points = self.model.propose(z.float(), self.n_decodings, seed, self.temperature)
        if self.fitting is None:
            return points
        return [self._fitted(point, self.fitting, step_seed(seed, row)) for row, point in enumerate(points)]

    def _fitted(self, point: PointCandidates, fitting: Fitting, seed: int) -> PointCandidates:
        if not point.candidates:
            return point
        good = [candidate for candidate in point.candidates if fitting.fits(candidate.item)]
        made = fitting.fit(point.candidates[0].item, self.parents, seed)
        if made is not None and self.model.accepts(made) is None:
            good.append(Candidate(made, votes=0, fitted=True))
        return replace(point, candidates=tuple(good) or point.candidates)  # what does not fit is refused as such

    @property
    def predicted_utility(self) -> Callable[[Tensor], Tensor] | None:
        """z (n, D) -> utility (n,) by the property predictor; None if the objective needs more than it predicts.

        The predictor has seen the properties of its whole training set, so a search that uses it starts with more than
        its own oracle calls; a comparison must say so.
        """
        objective, names = self.objective, self.model.predicted_properties
        if objective is None or not set(objective.properties) <= set(names):
            return None

        def predict(z: Tensor) -> Tensor:
            prediction = self.model.predict(z)
            assert prediction is not None, "the model names properties that it does not predict"
            values = {name: prediction.of(name).cpu() for name in names}
            return (objective.sign * objective.evaluate(values)).to(z.dtype)

        return predict
