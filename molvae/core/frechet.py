"""The Frechet distance of two normal distributions: how far samples are from data, in the features of some network."""

import numpy as np


def frechet_distance(mean: np.ndarray, covariance: np.ndarray, mean_2: np.ndarray, covariance_2: np.ndarray) -> float:
    """|m - m'|^2 + Tr(C + C' - 2 (C C')^(1/2)) of two normal distributions, means (d,) and covariances (d, d).

    Dowson & Landau 1982. The trace of the root is that of the symmetric (C^(1/2) C' C^(1/2))^(1/2).
    """
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    inner = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ covariance_2 @ root), 0.0)).sum()
    return float(np.sum((mean - mean_2) ** 2) + np.trace(covariance) + np.trace(covariance_2) - 2 * inner)


def frechet_of_features(features: np.ndarray, others: np.ndarray) -> float:
    """The distance of the normal distributions that fit features (n, d) and (m, d) (Heusel et al. 2017)."""
    first, second = (
        (part.mean(0), np.cov(part, rowvar=False)) for part in (features.astype(float), others.astype(float))
    )
    return frechet_distance(*first, *second)
