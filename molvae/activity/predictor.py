"""Activity models where an objective names them: ``model('runs/fit')`` and its relatives.

The text of a formula names a folder to be read. Where formulas come from strangers, as behind a web page, either parse
them with ``MoleculeDomain(files=False)``, which knows no such property, or set the environment variable
``MOLVAE_MODEL_FOLDERS`` for the whole process and all that it starts: a model then loads only from inside the folders
that it lists (separated as in ``PATH``), and from none if it is empty.
"""

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rdkit import Chem

from molvae.activity.model import WRITTEN, ActivityModel, model_folder
from molvae.core.checkpoint import CONFIG
from molvae.errors import CheckpointError, ConfigError

ALLOWED = "MOLVAE_MODEL_FOLDERS"
Predictor = Callable[[Chem.Mol], Mapping[str, float]]


@dataclass(frozen=True)
class _Held:
    place: Path
    checksum: str
    written: int
    predict: Predictor


_held: dict[Path, _Held] = {}  # by the folder as it is named, made absolute


def predictor(folder: str) -> Predictor:
    """Molecule -> ``mean``, ``sd``, ``lower`` (mean - sd), ``upper`` (mean + sd), ``similarity`` (to the nearest
    training molecule), ``in_domain`` (1 or 0).

    A process loads a folder once and keeps to what it has loaded: another process that fits a model into the same
    folder does not change a campaign that runs. What is loaded anew is a folder that this process itself has saved into
    again, or whose :func:`fingerprint` was asked for and is another.

    Raises:
        ConfigError: no such model, a damaged one, or one that may not be read here.
    """
    name = Path(folder).absolute()
    held = _held.get(name)
    if held is None or held.written != WRITTEN[held.place]:
        place = checked_folder(folder)
        held = _held[name] = _Held(place, fingerprint_of_folder(place), WRITTEN[place], _load(place))
    else:
        _check_allowed(folder, Path(folder).resolve())
        _check_allowed(folder, held.place)
    return held.predict


def fingerprint(folder: str) -> str:
    """SHA-256 that changes with anything in the model's folder; what is predicted from now on is of that model.

    Raises:
        ConfigError: as :func:`predictor`.
    """
    checksum = fingerprint_of_folder(checked_folder(folder))
    name = Path(folder).absolute()
    if name in _held and _held[name].checksum != checksum:
        del _held[name]
    return checksum


def checked_folder(folder: str) -> Path:
    """The model's folder, links resolved.

    Raises:
        ConfigError: it may not be read here, or is none.
    """
    try:
        # judged before anything is looked at, so that the answer does not say what else exists; and again, since the
        # model's folder inside a run folder may be a link that leads elsewhere
        _check_allowed(folder, Path(folder).resolve())
        place = model_folder(folder).resolve()
        _check_allowed(folder, place)
    except (CheckpointError, OSError, ValueError) as error:
        raise ConfigError(str(error)) from None
    return place


def _check_allowed(folder: str, place: Path) -> None:
    allowed = os.environ.get(ALLOWED)
    if allowed is None:
        return
    roots = [Path(root).resolve() for root in allowed.split(os.pathsep) if root]
    if not any(place.is_relative_to(root) for root in roots):
        raise ConfigError(f"models may not be read from {folder!r} here ({ALLOWED} says from where)")


def fingerprint_of_folder(place: Path) -> str:
    """SHA-256 of its ``config.json``, which holds those of all other files."""
    try:
        return hashlib.sha256((place / CONFIG).read_bytes()).hexdigest()
    except OSError:
        raise ConfigError(f"{place} is not a model folder: it has no {CONFIG}") from None


def _load(place: Path) -> Predictor:
    try:
        model = ActivityModel.load(place)
    except CheckpointError as error:
        raise ConfigError(str(error)) from None
    last: tuple[Chem.Mol | None, dict[str, float]] = (None, {})

    def predict(mol: Chem.Mol) -> Mapping[str, float]:
        nonlocal last
        if last[0] is not mol:  # mean, sd and similarity are asked for one after another
            row = model.predict_mols([mol]).iloc[0]
            mean, sd = float(row["mean"]), float(row["sd"])
            values = {"mean": mean, "sd": sd, "lower": mean - sd, "upper": mean + sd}
            values["similarity"] = float(row["nearest_similarity"])
            values["in_domain"] = float(np.float64(row["in_domain"]))
            last = (mol, values)
        return last[1]

    return predict
