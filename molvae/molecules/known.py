"""The molecules that a model was trained on."""

from pathlib import Path

from molvae.core.training_set import KNOWN as KNOWN
from molvae.core.training_set import TrainingSet, known_file
from molvae.weights import weights_folder


def known_molecules(model: str | Path) -> TrainingSet | None:
    """The training set of a shipped model or model folder, or None if it was not kept."""
    path = known_file(weights_folder(model))
    return None if path is None else TrainingSet.load(path)
