"""Frechet ChemNet distance (Preuer et al. 2018), for who installs the extra ``fcd``.

ChemNet reads SMILES and was trained to predict bioactivities; two sets of molecules are alike if the activations of
its last layer have the same mean and covariance. The network is that of the package of its authors. Their file of
weights is an archive of raw numbers beside a pickle that says how they are to be cut; the pickle is left alone here,
and the cutting, which is the same for the one file of this checksum, is written below.
"""

import hashlib
import io
import warnings
import zipfile
from collections.abc import Sequence
from importlib.resources import files
from importlib.util import find_spec
from typing import Any

import numpy as np

from molvae.core.frechet import frechet_distance
from molvae.errors import CheckpointError
from molvae.run.progress import Progress, silent, track

_BATCH = 250
_WEIGHTS = "ChemNet_v0.13_pretrained"
_SHA256 = "c22e977602b30eeabd7f81e6c790dd3234c7d7788c6c3e7979d8720ccc96951a"
# input and output size of two convolutions (four taps, stride 2) and of two LSTMs that read from the end
_CONVOLUTIONS = ((35, 32), (32, 32))
_RECURRENT = ((32, 128), (128, 512))  # the second gives its last state alone


def chemnet_is_installed() -> bool:
    """Whether the extra ``fcd`` is there."""
    return find_spec("fcd") is not None


def frechet_chemnet_distance(smiles: Sequence[str], reference: Sequence[str], progress: Progress = silent) -> float:
    """Distance between two sets of canonical SMILES, 0 for the same; NaN if one has fewer than two molecules.

    It depends on the sizes of the sets: below some thousands of molecules it is biased upwards.

    Raises:
        ModuleNotFoundError: the extra is not installed.
        CheckpointError: the package holds other weights than those that are known here.
    """
    from fcd.fcd import get_predictions

    if min(len(smiles), len(reference)) < 2:
        return float("nan")
    model = _network()

    def moments(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        parts = [list(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the package calls numpy by an old name
            tracked = track(parts, "ChemNet", progress=progress)
            activations = np.concatenate([get_predictions(model, part, _BATCH, 0, "cpu") for part in tracked])
        activations = activations.astype(float)
        return activations.mean(0), np.cov(activations, rowvar=False)

    return frechet_distance(*moments(smiles), *moments(reference))


def _network() -> Any:
    from fcd.utils import load_imported_model

    file = files("fcd") / f"{_WEIGHTS}.pt"
    content = file.read_bytes() if file.is_file() else b""
    if hashlib.sha256(content).hexdigest() != _SHA256:
        raise CheckpointError("the package fcd holds other weights of ChemNet than version 1.2.2: install fcd==1.2.2")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        stored = iter([archive.read(f"{_WEIGHTS}/data/{number}") for number in range(10)])
    layers: list[tuple[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]] = []
    for inputs, outputs in _CONVOLUTIONS:
        weights = {"weight": _tensor(next(stored), outputs, inputs, 4)}
        shape = {"in_channels": inputs, "out_channels": outputs, "kernel_size": 4, "stride": 2, "bias": False}
        layers.append(("Conv1d", (weights, shape, {"activation": "selu", "padding": "same"})))
    for last, (inputs, size) in enumerate(_RECURRENT):
        weights = {
            "weight_ih_l0": _tensor(next(stored), 4 * size, inputs),
            "weight_hh_l0": _tensor(next(stored), 4 * size, size),
            "bias_ih_l0": _tensor(next(stored), 4 * size),
            "bias_hh_l0": _tensor(next(stored), 4 * size),
        }
        shape = {"input_size": inputs, "hidden_size": size, "batch_first": True}
        layers.append(("LSTM", (weights, shape, {"reverse": True, "last": bool(last)})))
    return load_imported_model(layers).eval()


def _tensor(stored: bytes, *shape: int) -> Any:
    """float32 numbers with the first axis running fastest."""
    import torch

    return torch.from_numpy(np.frombuffer(stored, "<f4").reshape(shape[::-1]).T.copy())
