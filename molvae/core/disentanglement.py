"""Do single latent dimensions stand for single factors of variation? For made data, whose factors are known.

MIG     mean_k (I(z_j1; v_k) - I(z_j2; v_k)) / H(v_k), j1 and j2 the best two   Chen et al. 2018, eq. 6
R^2     of factors from the two dimensions that tell most of them, linearly
"""

import itertools

import numpy as np
from torch import Tensor

from molvae.errors import InputError


def mutual_information_gap(codes: Tensor, factors: Tensor, bins: int = 20) -> float:
    """MIG from posterior means, in 0 to 1 (Chen et al. 2018; with histograms as in Locatello et al. 2019).

    Args:
        codes: (n, D)
        factors: (n, F); one of more than ``bins`` values is cut into so many bins, as every code is.
        bins: of equal width.

    Raises:
        InputError: fewer than two dimensions, or a factor that does not vary.
    """
    if codes.shape[1] < 2:
        raise InputError("the gap between the best two dimensions needs at least two")
    z = [_binned(column, bins) for column in codes.double().cpu().numpy().T]
    gaps = []
    for number, values in enumerate(factors.double().cpu().numpy().T):
        v = _binned(values, bins)
        entropy = _entropy(v)
        if entropy == 0:
            raise InputError(f"factor {number} has one value only: leave it out")
        best, second = sorted((entropy + _entropy(one) - _entropy(one * (bins + 1) + v) for one in z), reverse=True)[:2]
        gaps.append((best - second) / entropy)
    return float(np.mean(gaps))


def best_pair(codes: Tensor, targets: Tensor) -> tuple[tuple[int, int], float]:
    """The two dimensions from which a linear map tells most of the targets: their numbers, and R^2.

    Args:
        codes: (n, D)
        targets: (n, T); R^2 is the mean over them.
    """
    z, y = codes.double().cpu().numpy(), targets.double().cpu().numpy()
    z, y = z - z.mean(0), y - y.mean(0)
    total, found = (y**2).sum(0), []
    for pair in itertools.combinations(range(z.shape[1]), 2):
        residual = y - z[:, pair] @ np.linalg.lstsq(z[:, pair], y, rcond=None)[0]
        found.append((float(np.mean(1 - (residual**2).sum(0) / total)), pair))
    best, pair = max(found)
    return (int(pair[0]), int(pair[1])), best


def _binned(values: np.ndarray, bins: int) -> np.ndarray:
    distinct, place = np.unique(values, return_inverse=True)
    if len(distinct) <= bins:
        return np.asarray(place)
    edges = np.linspace(values.min(), values.max(), bins + 1)[1:-1]
    return np.digitize(values, edges)


def _entropy(classes: np.ndarray) -> float:
    """In nats, of the distribution of the values."""
    share = np.unique(classes, return_counts=True)[1] / len(classes)
    return float(-(share * np.log(share)).sum())
