"""Model folders and training checkpoints: safetensors and JSON, written atomically; never pickle.

A model folder holds ``model.safetensors``, ``config.json`` (the model's settings and the SHA-256 of every other
file) and whatever text belongs to the model (a vocabulary, a card). A training checkpoint is one safetensors file
whose header carries the loop's counters, so that it is whole or not there at all.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from molvae.errors import CheckpointError
from molvae.run.files import atomic_path, write_text

WEIGHTS, CONFIG = "model.safetensors", "config.json"
FORMAT = 1


def save_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any] | None = None) -> None:
    """Write tensors and a JSON header as one safetensors file, whole or not at all."""
    # safetensors refuses tensors that share memory or are not contiguous
    copies = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        save_file(copies, temporary, metadata={"header": json.dumps(header or {}, sort_keys=True)})


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what :func:`save_tensors` wrote.

    Raises:
        CheckpointError: the file is missing, truncated or not safetensors.
    """
    if not path.is_file():
        raise CheckpointError(f"{path} is missing: the folder is incomplete")
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("header", "{}"))
            return {name: file.get_tensor(name) for name in file.keys()}, header  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is truncated or damaged ({error}): get it again") from None


def save_model_folder(
    folder: Path,
    tensors: Mapping[str, Tensor],
    settings: Mapping[str, Any],
    texts: Mapping[str, str],
    extra_files: Sequence[str] = (),
) -> None:
    """Write a model folder; ``config.json`` comes last, so a folder with one is complete.

    Args:
        folder: created if need be; other files in it are left alone.
        tensors: the weights.
        settings: what it takes to build the model again (JSON).
        texts: further text files by name.
        extra_files: files in the folder whose checksums are to be kept too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).unlink(missing_ok=True)
    save_tensors(folder / WEIGHTS, tensors)
    for name, text in texts.items():
        write_text(folder / name, text)
    seal(folder, settings, [WEIGHTS, *texts, *extra_files])


def seal(folder: Path, settings: Mapping[str, Any], names: list[str]) -> None:
    """Write ``config.json`` with the settings and the SHA-256 of the named files."""
    sums = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    write_text(folder / CONFIG, json.dumps({"format": FORMAT, **settings, "sha256": sums}, indent=1, sort_keys=True))


def load_model_folder(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weights and settings of a model folder, every file checked against its SHA-256.

    Raises:
        CheckpointError: something is missing, truncated, altered, or of a newer format.
    """
    settings = read_settings(folder)
    for name, expected in settings.pop("sha256", {}).items():
        path = folder / name
        if not path.is_file():
            raise CheckpointError(f"{path} is missing: the model folder is incomplete, get it again")
        if hashlib.sha256(path.read_bytes()).hexdigest() != expected:
            raise CheckpointError(f"{path} is truncated or altered: its SHA-256 is not that in {CONFIG}; get it again")
    tensors, _ = load_tensors(folder / WEIGHTS)
    return tensors, settings


def read_settings(folder: Path) -> dict[str, Any]:
    """The content of ``config.json``.

    Raises:
        CheckpointError: missing, no JSON, or of a newer format.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise CheckpointError(f"{folder} is not a model folder: it has no {CONFIG}")
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        version = settings.pop("format")
    except (ValueError, KeyError, AttributeError):
        raise CheckpointError(f"{path} is damaged: get the model folder again") from None
    if "settings" in settings:
        raise CheckpointError(f"{folder} is a run folder without a trained model: it has no model/ in it")
    if version != FORMAT:
        raise CheckpointError(f"{path} has format {version}; this molvae reads format {FORMAT}: upgrade molvae")
    return settings


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The state of an optimizer as named tensors."""
    state = optimizer.state_dict()["state"]
    return {
        f"{index}.{key}": torch.as_tensor(value) for index, values in state.items() for key, value in values.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give back what :func:`optimizer_tensors` took."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
