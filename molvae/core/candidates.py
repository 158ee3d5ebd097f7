"""What a latent point may stand for, whatever the model decodes it to, and what is predicted of it."""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

import numpy as np
import pandas as pd
from torch import Tensor


class Item(Protocol):
    """A valid candidate, parsed once: a molecule, a protein. Equal and hashed by its identity.

    ``identity`` is the canonical text by which it is stored, compared and drawn.
    """

    @property
    def identity(self) -> str: ...

    def __hash__(self) -> int: ...


@dataclass(frozen=True)
class Candidate:
    """One item that a latent point decodes to.

    Attributes:
        item: what it is.
        votes: number of decodings that gave it.
        log_prob: the largest log p(x|z) among them, in nats.
        fitted: it is not what was decoded or bred, but was made of that, to be like what is searched.
    """

    item: Item
    votes: int = 1
    log_prob: float = float("nan")
    fitted: bool = False


@dataclass(frozen=True)
class PointCandidates:
    """All that came out of one latent point.

    Attributes:
        candidates: the valid ones, best first.
        error: why there is none, or an empty string.
        text: the most probable decoding as text, kept for the record where nothing valid came.
    """

    candidates: tuple[Candidate, ...]
    error: str = ""
    text: str = ""


@dataclass(frozen=True)
class Prediction:
    """N(mean, std^2) of K properties at n points, in the properties' own units.

    Attributes:
        names: the K properties.
        mean, std: (n, K)
    """

    names: tuple[str, ...]
    mean: Tensor
    std: Tensor

    def of(self, name: str) -> Tensor:
        """Mean of one property, (n,)."""
        return self.mean[..., self.names.index(name)]

    def to_frame(self) -> pd.DataFrame:
        """One row a point: each property, and its uncertainty as ``<name>_std``."""
        columns = {}
        for column, name in enumerate(self.names):
            columns[name] = self.mean[:, column].detach().cpu().numpy()
            columns[f"{name}_std"] = self.std[:, column].detach().cpu().numpy()
        return pd.DataFrame(columns)


def coverage(mean: np.ndarray, std: np.ndarray, observed: np.ndarray, level: float) -> float:
    """Fraction of observations (n,) inside the central interval of probability ``level`` of N(mean, std^2).

    Pairs that are not known (NaN) do not count; NaN if none is.
    """
    deviations = np.abs(observed - mean) / np.maximum(std, 1e-12)
    deviations = deviations[~np.isnan(deviations)]
    return float(np.mean(deviations <= NormalDist().inv_cdf(0.5 + level / 2))) if len(deviations) else float("nan")
