"""Models by name: which class a model folder holds, and how to load it."""

from pathlib import Path
from typing import Any

from molvae.core.checkpoint import read_settings
from molvae.run.registry import Registry
from molvae.weights import weights_folder

MODELS: Registry[Any] = Registry(
    "kind of model",
    {
        "molecule-vae": ("molvae.molecules.vae:MoleculeVAE", "SMILES"),
        "image-vae": ("molvae.images.vae:ImageVAE", "images"),
    },
)


def load_model(name_or_folder: str | Path, device: str = "auto") -> Any:
    """A shipped model by name, or the model of any model folder or run folder, by its ``kind``.

    Raises:
        CheckpointError: no such model, or its folder is incomplete, damaged or altered.
        ConfigError: a kind of model that there is not.
    """
    folder = weights_folder(name_or_folder)
    folder = folder / "model" if (folder / "model").is_dir() else folder
    return MODELS[str(read_settings(folder).get("kind"))].from_pretrained(folder, device)
