"""Frechet ChemNet distance (Preuer et al. 2018), for who installs the extra ``fcd``.

ChemNet reads SMILES and was trained to predict bioactivities; two sets of molecules are alike if the activations of
its last layer have the same mean and covariance. The network is that of the package of its authors; its weights are
loaded here, by torch's loader of plain tensors, which runs no code from the file.
"""

import warnings
from collections.abc import Sequence
from importlib.resources import as_file, files
from importlib.util import find_spec

import numpy as np

from molvae.core.progress import track

_WEIGHTS = "ChemNet_v0.13_pretrained.pt"
_BATCH = 250


def chemnet_is_installed() -> bool:
    """Whether the extra ``fcd`` is there."""
    return find_spec("fcd") is not None


def frechet_chemnet_distance(smiles: Sequence[str], reference: Sequence[str], quiet: bool = True) -> float:
    """Distance between two sets of canonical SMILES, 0 for the same; NaN if one has fewer than two molecules.

    It depends on the sizes of the sets: below some thousands of molecules it is biased upwards.

    Raises:
        ModuleNotFoundError: the extra is not installed.
    """
    import torch
    from fcd.fcd import get_predictions
    from fcd.utils import load_imported_model

    if min(len(smiles), len(reference)) < 2:
        return float("nan")
    with as_file(files("fcd") / _WEIGHTS) as path:
        model = load_imported_model(torch.load(path, map_location="cpu", weights_only=True)).eval()

    def moments(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        parts = [list(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the package calls numpy by an old name
            seen = [get_predictions(model, part, _BATCH, 0, "cpu") for part in track(parts, "ChemNet", quiet=quiet)]
        activations = np.concatenate(seen).astype(float)
        return activations.mean(0), np.cov(activations, rowvar=False)

    return frechet_distance(*moments(smiles), *moments(reference))


def frechet_distance(mean: np.ndarray, covariance: np.ndarray, mean_2: np.ndarray, covariance_2: np.ndarray) -> float:
    """|m - m'|^2 + Tr(C + C' - 2 (C C')^(1/2)) of two normal distributions, means (d,) and covariances (d, d).

    Dowson & Landau 1982. The trace of the root is that of the symmetric (C^(1/2) C' C^(1/2))^(1/2).
    """
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    inner = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ covariance_2 @ root), 0.0)).sum()
    return float(np.sum((mean - mean_2) ** 2) + np.trace(covariance) + np.trace(covariance_2) - 2 * inner)
