"""The molecules that a model was trained on."""

from pathlib import Path

from molvae.core.training_set import TrainingSet
from molvae.weights import weights_folder

KNOWN = "known.npy"


def known_molecules(model: str | Path) -> TrainingSet | None:
    """The training set of a shipped model or model folder, or None if it was not kept."""
    path = weights_folder(model) / KNOWN
    return TrainingSet.load(path) if path.is_file() else None
