"""The model of an assay as users hold it: in the style of scikit-learn, and kept in a folder without pickles.

model = ActivityModel().fit(smiles, y)
mean, sd = model.predict(smiles, return_std=True)
model.save("activity"); ActivityModel.load("activity")
"""

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from rdkit import Chem
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import NotFittedError

from molvae.activity.features import Features, featurise, parse_all
from molvae.activity.process import KERNELS, Learned, Limits, Process, learn, merge
from molvae.chemistry.fingerprints import CountFingerprints
from molvae.chemistry.molecule import parse_smiles
from molvae.core.checkpoint import load_model_folder, save_model_folder
from molvae.core.pretrained import CARD
from molvae.errors import CheckpointError, ConfigError, InputError
from molvae.molecules.vae import MoleculeVAE
from molvae.run.progress import Progress, silent
from molvae.search.mixed import Hyperparameters
from molvae.weights import DEFAULT_MODEL, weights_folder

KIND = "activity"
TRAINING = "training.csv"
DOMAIN_PERCENTILE = 5.0
"""A molecule is inside the domain if it is at least as similar to its nearest training molecule as all but so many per
cent of the training molecules are to theirs."""
WRITTEN: Counter[Path] = Counter()
"""How often this process has saved into each folder: who keeps a loaded model sees that it is no longer the same."""
_DOMAIN_SAMPLE = 2000  # training molecules that the percentile is taken of


class ActivityModel(RegressorMixin, BaseEstimator):
    """A Gaussian process over molecules, see :mod:`molvae.activity.process`.

    A scikit-learn regressor whose X is a list of SMILES: it can be cloned, cross-validated and searched over.

    Args:
        kernel: ``fingerprint``, ``latent``, ``sum``, or ``auto``: the one that the data choose.
        vae: shipped model or model folder that gives the latent points; not loaded for ``fingerprint``.
        max_fitted, max_exact, neighbours: see :class:`~molvae.activity.process.Limits`.
        seed: of the draw of measurements for the hyperparameters, where there are more than ``max_fitted``.
        device: of the VAE.

    Attributes:
        learned_: the kernel and its hyperparameters.
        compared_: the same of every kernel that was tried, best first.
        noise_sd_: standard deviation of one measurement, as learned.
        threshold_: least similarity to the nearest training molecule inside the domain.
        smiles_: m distinct training molecules, canonical.
        y_: (m,) mean of the measurements of each; ``counts_`` their number.
        target, unit: what is predicted; for the record.
        card: what the folder's README says.
    """

    target: str = "value"
    unit: str = ""
    card: str = ""
    _vae: tuple[str, MoleculeVAE] | None = None

    def __init__(
        self,
        kernel: str = "auto",
        vae: str = DEFAULT_MODEL,
        max_fitted: int = Limits.max_fitted,
        max_exact: int = Limits.max_exact,
        neighbours: int = Limits.neighbours,
        seed: int = 0,
        device: str = "auto",
    ) -> None:
        self.kernel, self.vae = kernel, vae
        self.max_fitted, self.max_exact, self.neighbours = max_fitted, max_exact, neighbours
        self.seed, self.device = seed, device

    # --- learning -----------------------------------------------------------------------------------------------

    def fit(self, X: Sequence[str], y: Any, progress: Progress = silent) -> Self:
        """Learn from n SMILES and n measurements; the same molecule may stand there more than once.

        Raises:
            InputError: a SMILES is not valid, a value is not finite, or fewer than three molecules are left.
            ConfigError: no such kernel.
        """
        # not by what an earlier fit has chosen: this one compares all kernels anew
        kernels, mols, values = self._kernels(), parse_all(X), np.asarray(y, dtype=float)
        if values.shape != (len(mols),) or not np.isfinite(values).all():
            raise InputError(f"y must hold one finite number for each of the {len(mols)} molecules")
        names, molecule = _distinct([Chem.MolToSmiles(mol) for mol in mols])
        first = {int(place): row for row, place in reversed(list(enumerate(molecule)))}
        features = featurise([mols[first[place]] for place in range(len(names))], self._vae_for(kernels), progress)
        return self.fit_features(names, features, values, molecule)

    def fit_features(self, smiles: Sequence[str], features: Features, y: np.ndarray, molecule: np.ndarray) -> Self:
        """As :meth:`fit`, from features of m distinct molecules and n measurements, each of its ``molecule`` (n,)."""
        if len(smiles) < 3:
            raise InputError(f"a model needs three molecules at least, not {len(smiles)}")
        limits = self.limits
        self.compared_ = learn(features, y, molecule, self._kernels(), limits, self.seed)
        self.smiles_, self.features_ = list(smiles), features
        self.y_, self.counts_ = merge(y, molecule)
        self.threshold_ = domain_threshold(features, self.seed)
        self._condition(self.compared_[0])
        return self

    def _condition(self, learned: Learned) -> None:
        self.learned_, self.noise_sd_ = learned, float(np.sqrt(learned.hyperparameters.noise))
        self.process_ = Process(self.features_, self.y_, self.counts_, learned, self.limits)

    def _kernels(self) -> tuple[str, ...]:
        if self.kernel != "auto" and self.kernel not in KERNELS:
            raise ConfigError(f"a kernel is auto, {', '.join(KERNELS)}, not {self.kernel!r}")
        return KERNELS if self.kernel == "auto" else (self.kernel,)

    @property
    def limits(self) -> Limits:
        """From ``max_fitted``, ``max_exact`` and ``neighbours``."""
        return Limits(self.max_fitted, self.max_exact, self.neighbours)

    def _loaded_vae(self) -> MoleculeVAE | None:
        """The VAE, if the kernel that was learned needs it."""
        return self._vae_for([self.learned_.kernel])

    def _vae_for(self, kernels: Sequence[str]) -> MoleculeVAE | None:
        """The VAE, if one of these kernels needs it."""
        if set(kernels) == {"fingerprint"}:
            return None
        if self._vae is None or self._vae[0] != self.vae:
            self._vae = (self.vae, MoleculeVAE.from_pretrained(self.vae, self.device))
        return self._vae[1]

    # --- predicting ---------------------------------------------------------------------------------------------

    def predict(self, X: Sequence[str], return_std: bool = False) -> Any:
        """Mean (n,) of n SMILES, and with ``return_std`` the standard deviation (n,) of what each molecule has.

        The noise of a measurement is not in it: a new measurement has the variance ``sd**2 + noise_sd_**2``.

        Raises:
            InputError: a SMILES is not valid.
        """
        mean, sd = self.process_.predict(self._features(parse_all(X))) if self._fitted() else (None, None)
        return (mean, sd) if return_std else mean

    def predict_mols(self, mols: Sequence[Chem.Mol]) -> pd.DataFrame:
        """Predictions of n molecules.

        Returns:
            n rows: ``mean``, ``sd`` (of what the molecule has), ``sd_measurement`` (of a new measurement of it),
            ``nearest_similarity`` (to the training molecule that is most like it, MinMax of ECFP4 counts), ``nearest``
            (its SMILES), ``in_domain`` (whether that similarity reaches ``threshold_``).
        """
        self._fitted()
        features = self._features(mols)
        mean, sd = self.process_.predict(features)
        similarity, row = nearest(features, self.features_)
        return pd.DataFrame(
            {
                "mean": mean,
                "sd": sd,
                "sd_measurement": np.hypot(sd, self.noise_sd_),
                "nearest_similarity": similarity,
                "nearest": [self.smiles_[index] for index in row],
                "in_domain": similarity >= self.threshold_,
            }
        )

    def predict_table(self, smiles: Sequence[str]) -> pd.DataFrame:
        """As :meth:`predict_mols`, of any texts: also ``valid`` and ``error``; what is no molecule has no numbers."""
        parsed = [parse_smiles(text) for text in smiles]
        good = [row for row, (mol, _) in enumerate(parsed) if mol is not None]
        predicted = self.predict_mols([parsed[row][0] for row in good])
        table = predicted.set_index(np.array(good, dtype=int)).reindex(range(len(parsed)))
        table["in_domain"] = table["in_domain"].astype("boolean")
        table.insert(0, "smiles", list(smiles))
        table.insert(1, "valid", [mol is not None for mol, _ in parsed])
        table.insert(2, "error", [reason for _, reason in parsed])
        return table

    def _features(self, mols: Sequence[Chem.Mol]) -> Features:
        return featurise(mols, self._loaded_vae())

    def _fitted(self) -> bool:
        if not hasattr(self, "process_"):
            raise NotFittedError("this ActivityModel has not been fitted: call fit, or load a folder")
        return True

    # --- folders ------------------------------------------------------------------------------------------------

    def save(self, folder: str | Path, extra_files: Sequence[str] = ()) -> None:
        """Write a model folder: safetensors, JSON, the training molecules as CSV, and the card.

        The training molecules and their values are part of the model: who has the folder has them.

        Args:
            folder: created if need be.
            extra_files: files that lie there already and belong to the model, such as pictures.
        """
        self._fitted()
        features = self.features_
        tensors = {
            "elements": torch.from_numpy(features.fingerprints.elements),
            "ends": torch.from_numpy(features.fingerprints.ends),
            "y": torch.from_numpy(self.y_),
            "counts": torch.from_numpy(self.counts_),
        }
        needs_vae = self.learned_.kernel != "fingerprint"
        if needs_vae:
            assert features.z is not None
            tensors["z"] = torch.from_numpy(features.z)
        vae = self._loaded_vae()
        settings = {
            "kind": KIND,
            "target": self.target,
            "unit": self.unit,
            "parameters": {**self.get_params(), "vae": self.vae if vae is None else vae.name},
            "learned": [asdict(each) for each in self.compared_],
            "threshold": self.threshold_,
            "vae_fingerprint": None if vae is None else vae.fingerprint(),
        }
        stream = io.StringIO(newline="")
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(["smiles", "mean", "measurements"])
        rows.writerows(zip(self.smiles_, self.y_.tolist(), self.counts_.tolist(), strict=True))
        texts = {TRAINING: stream.getvalue(), **({CARD: self.card} if self.card else {})}
        save_model_folder(Path(folder), tensors, settings, texts, extra_files)
        WRITTEN[Path(folder).resolve()] += 1

    @classmethod
    def load(cls, folder: str | Path, device: str = "auto") -> Self:
        """Load a folder that :meth:`save` wrote, or the run folder of ``molvae fit`` that holds one.

        Raises:
            CheckpointError: no such folder, one of another kind, incomplete, damaged or altered; or the VAE that it was
                made with is not there or has changed.
        """
        place = model_folder(folder)
        tensors, settings = load_model_folder(place)
        if settings.get("kind") != KIND:
            raise CheckpointError(
                f"{place} holds a model of kind {settings.get('kind')!r}, not one of an assay: make one with molvae fit"
            )
        try:
            return cls._build(place, tensors, settings, device)
        except CheckpointError:
            raise
        except (LookupError, TypeError, ValueError, AssertionError) as error:
            raise CheckpointError(f"the config.json in {place} cannot be used ({error}): get it again") from None

    @classmethod
    def _build(cls, place: Path, tensors: Mapping[str, torch.Tensor], settings: Mapping[str, Any], device: str) -> Self:
        model = cls(**{**settings["parameters"], "device": device})
        model.target, model.unit = str(settings["target"]), str(settings["unit"])
        arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
        fingerprints = CountFingerprints(arrays["elements"], arrays["ends"])
        model.features_ = Features(fingerprints, arrays.get("z"))
        model.y_, model.counts_, model.threshold_ = arrays["y"], arrays["counts"], float(settings["threshold"])
        with (place / TRAINING).open(newline="", encoding="utf-8") as file:
            model.smiles_ = [row["smiles"] for row in csv.DictReader(file)]
        model.compared_ = [
            Learned(each["kernel"], Hyperparameters(**each["hyperparameters"]), each["criterion"])
            for each in settings["learned"]
        ]
        if not len(model.smiles_) == len(model.y_) == len(fingerprints):
            raise ValueError("the numbers of molecules and of values differ")
        model._condition(model.compared_[0])
        vae = model._loaded_vae()
        if vae is not None and vae.fingerprint() != settings["vae_fingerprint"]:
            raise CheckpointError(
                f"{place} was made with another VAE than {model.vae} is now: get that one back, or fit the model anew"
            )
        card = place / CARD
        model.card = card.read_text(encoding="utf-8") if card.is_file() else ""
        return model


def model_folder(folder: str | Path) -> Path:
    """The folder of the model itself.

    Raises:
        CheckpointError: no such folder.
    """
    if not Path(folder).is_dir():
        raise CheckpointError(f"no folder {str(folder)!r}: give one that 'molvae fit' has made")
    return weights_folder(Path(folder).resolve())


def nearest(features: Features, training: Features) -> tuple[np.ndarray, np.ndarray]:
    """Similarity to the most similar training molecule, and its row, each (n,).

    Args:
        features: of n molecules.
        training: of the training molecules.
    """
    best, which = np.zeros(len(features)), np.zeros(len(features), dtype=int)
    for start in range(0, len(features), 500):
        rows = np.arange(start, min(start + 500, len(features)))
        similarity = features.take(rows).similarity(training)
        which[rows] = similarity.argmax(1)
        best[rows] = similarity.max(1)
    return best, which


def domain_threshold(features: Features, seed: int = 0) -> float:
    """The ``DOMAIN_PERCENTILE``-th percentile of the similarity of training molecules to their nearest others."""
    number = len(features)
    rows = np.arange(number)
    if number > _DOMAIN_SAMPLE:
        rows = np.sort(np.random.default_rng(seed).choice(number, _DOMAIN_SAMPLE, replace=False))
    values = []
    for start in range(0, len(rows), 500):
        part = rows[start : start + 500]
        similarity = features.take(part).similarity(features)
        similarity[np.arange(len(part)), part] = -1.0
        values.append(similarity.max(1))
    return float(np.percentile(np.concatenate(values), DOMAIN_PERCENTILE))


def _distinct(smiles: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Distinct texts in the order of their first place, and which of them each is (n,)."""
    places: dict[str, int] = {}
    rows = np.array([places.setdefault(text, len(places)) for text in smiles], dtype=int)
    return list(places), rows
