"""How good the model of an assay is on molecules that it has not seen: honestly, so everything is learned again.

In each fold kernel, hyperparameters, baselines and domain come from the training part alone; the held-out part is only
predicted. ``chosen`` is therefore what a user gets who lets the data choose, not the kernel that did best on what it is
measured on.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.model_selection import GroupKFold

from molvae.activity.assay import FEWEST
from molvae.activity.features import Features
from molvae.activity.model import domain_threshold, nearest
from molvae.activity.process import Limits, Process, learn, merge
from molvae.core.candidates import coverage
from molvae.run.progress import Progress, silent, track

CHOSEN, MEAN, NEIGHBOUR = "chosen", "mean", "nearest neighbour"
SPLITS = {"random": "molecules drawn at random", "scaffold": "whole Murcko scaffolds"}
_ALL_FOLDS = 2000  # molecules up to which every fold is held out in turn; above, one
_MOST_PREDICTED = 500  # held-out measurements of one split


@dataclass(frozen=True)
class Validation:
    """One split.

    Attributes:
        name: of ``SPLITS``.
        predictions: a row for each held-out measurement and method: ``method``, ``fold``, ``molecule``, ``measured``,
            ``mean``, ``sd`` (of a measurement, noise included), ``nearest_similarity``, ``in_domain``.
        kernels: that were chosen, one a fold.
        note: what a reader should know of this split.
    """

    name: str
    predictions: pd.DataFrame
    kernels: tuple[str, ...]
    note: str = ""

    def of(self, method: str) -> pd.DataFrame:
        """Held-out measurements as one method predicts them."""
        return self.predictions[self.predictions["method"] == method]

    def table(self) -> pd.DataFrame:
        """One row a method: :func:`metrics`."""
        methods = self.predictions["method"].unique()
        table = pd.DataFrame([{"split": self.name, "method": method, **metrics(self.of(method))} for method in methods])
        # the mean orders nothing; that it differs from fold to fold is no merit
        table.loc[table["method"] == MEAN, "Spearman"] = math.nan
        return table


def metrics(predictions: pd.DataFrame) -> dict[str, float]:
    """Of held-out measurements.

    Returns:
        ``n``; ``RMSE``, ``MAE``; ``Spearman`` (NaN where all predictions are equal); ``R2``, 1 - the mean squared error
        over the variance of what was measured; ``NLPD``, mean negative log predictive density in nats, smaller is
        better; ``inside 50 %`` and ``inside 90 %``, the share of measurements in those central predictive intervals.
    """
    y, mean, sd = (predictions[name].to_numpy(float) for name in ("measured", "mean", "sd"))
    error, sd = y - mean, np.maximum(sd, 1e-12 * (float(np.abs(y).max(initial=0)) or 1.0))
    constant = len(y) < 2 or np.ptp(mean) == 0 or np.ptp(y) == 0
    return {
        "n": len(y),
        "RMSE": float(np.sqrt(np.mean(error**2))),
        "MAE": float(np.mean(np.abs(error))),
        "Spearman": math.nan if constant else float(spearmanr(mean, y).statistic),
        "R2": float(1 - np.mean(error**2) / np.var(y)) if np.ptp(y) else math.nan,
        "NLPD": float(np.mean(0.5 * math.log(2 * math.pi) + np.log(sd) + 0.5 * (error / sd) ** 2)),
        "inside 50 %": coverage(mean, sd, y, 0.5),
        "inside 90 %": coverage(mean, sd, y, 0.9),
    }


def folds_of(split: str, scaffolds: Sequence[str], folds: int, seed: int) -> tuple[np.ndarray, str]:
    """The fold (m,) of each molecule, and a note; fewer folds where there are fewer groups.

    Scaffolds are dealt out so that folds are as equal as may be; all molecules without rings are one group.
    """
    number = len(scaffolds)
    if split == "random":
        order = np.random.default_rng(seed).permutation(number)
        fold = np.empty(number, dtype=int)
        fold[order] = np.arange(number) % min(folds, number)
        return fold, ""
    groups, sizes = np.unique(np.array(scaffolds, dtype=object).astype(str), return_inverse=True, return_counts=True)[
        1:
    ]
    if len(sizes) < 2:
        return np.zeros(number, dtype=int), "all molecules have the same scaffold: this split cannot be made"
    fold = np.empty(number, dtype=int)
    splitter = GroupKFold(min(folds, len(sizes)))
    for index, (_, held_out) in enumerate(splitter.split(np.zeros(number), groups=groups)):
        fold[held_out] = index
    largest = int(sizes.max())
    note = f"{largest} of {number} molecules share one scaffold" if largest > number / 2 else ""
    return fold, note


def _usable(split: str, fold: np.ndarray, note: str) -> tuple[list[int], str]:
    """The folds without which there is enough to learn from, and the note with those that are passed over."""
    sizes = np.bincount(fold)
    if len(sizes) < 2:
        return [], note
    # a draw leaves a share of the molecules that everyone knows; what a scaffold leaves may be next to nothing
    fewest = FEWEST if split == "scaffold" else 1
    used = [index for index, size in enumerate(sizes) if len(fold) - size >= fewest]
    if len(used) < len(sizes):
        passed = (
            f"{len(sizes) - len(used)} of {len(sizes)} folds passed over, which leave fewer than {fewest} molecules"
        )
        note = "; ".join([*([note] if note else []), f"{passed} to learn from"])
    return used, note


def validate(
    features: Features,
    scaffolds: Sequence[str],
    y: np.ndarray,
    molecule: np.ndarray,
    kernels: Sequence[str],
    limits: Limits,
    folds: int = 5,
    seed: int = 0,
    progress: Progress = silent,
) -> list[Validation]:
    """Hold out each fold of each split in turn; above 2,000 molecules one fold of each alone.

    Of a fold at most 500 measurements, drawn at random, are predicted, however large the table is. A fold of the
    scaffold split that leaves fewer than ten molecules to learn from is passed over, and the note says so; a split
    without any other fold is not in the result.

    Args:
        features: of m distinct molecules.
        scaffolds: (m) of them.
        y: (n,) measurements.
        molecule: (n,) row of the features that each is of: replicates are never on both sides.
        kernels: among which the data choose.
        limits: of the process.
        folds: of each split.
        seed: of the random split.
        progress: told how far it has come.
    """
    plans = []
    for split in SPLITS:
        fold, note = folds_of(split, scaffolds, folds, seed)
        used, note = _usable(split, fold, note)
        plans.append((split, fold, note, used if len(scaffolds) <= _ALL_FOLDS else used[:1]))
    total = sum(len(used) for *_, used in plans)
    done = iter(track(range(total), "validating", total, progress))
    results = []
    for split, fold, note, used in plans:
        parts, chosen = [], []
        for index in used:
            next(done)
            rows, kernel = _hold_out(features, y, molecule, fold == index, kernels, limits, seed)
            parts.append(rows.assign(fold=index))
            chosen.append(kernel)
        if parts:
            results.append(Validation(split, pd.concat(parts, ignore_index=True), tuple(chosen), note))
    next(done, None)
    return results


def _hold_out(
    features: Features,
    y: np.ndarray,
    molecule: np.ndarray,
    held_out: np.ndarray,
    kernels: Sequence[str],
    limits: Limits,
    seed: int,
) -> tuple[pd.DataFrame, str]:
    """Predictions of the measurements of the molecules (m,) that are held out, by every method; the kernel chosen."""
    known, test = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    measured = np.flatnonzero(held_out[molecule])
    if len(measured) > _MOST_PREDICTED:
        measured = np.sort(np.random.default_rng(seed).choice(measured, _MOST_PREDICTED, replace=False))
        test = np.unique(molecule[measured])
    trained = ~held_out[molecule]
    place = np.searchsorted(known, molecule[trained])
    training, new = features.take(known), features.take(test)
    values, counts = merge(y[trained], place)
    learned = learn(training, y[trained], place, kernels, limits, seed)
    similarity, row = nearest(new, training)
    threshold = domain_threshold(training, seed)

    which = np.searchsorted(test, molecule[measured])
    frame = pd.DataFrame(
        {
            "molecule": molecule[measured],
            "measured": y[measured],
            "nearest_similarity": similarity[which],
            "in_domain": similarity[which] >= threshold,
        }
    )

    def predicted(method: str, mean: np.ndarray, sd: np.ndarray) -> pd.DataFrame:
        return frame.assign(method=method, mean=mean[which], sd=sd[which])

    def tables() -> Iterator[pd.DataFrame]:
        for each in learned:
            mean, sd = Process(training, values, counts, each, limits).predict(new)
            table = predicted(each.kernel, mean, np.hypot(sd, math.sqrt(each.hyperparameters.noise)))
            if each is learned[0]:
                yield table.assign(method=CHOSEN)
            if len(learned) > 1:
                yield table
        spread = float(y[trained].std())
        yield predicted(MEAN, np.full(len(test), y[trained].mean()), np.full(len(test), spread))
        error = _neighbour_error(training, values, seed)
        yield predicted(NEIGHBOUR, values[row], np.full(len(test), max(error, 1e-6 * spread)))

    return pd.concat(tables(), ignore_index=True), learned[0].kernel


def _neighbour_error(training: Features, values: np.ndarray, seed: int) -> float:
    """Root mean squared error of predicting a training molecule by the most similar other one."""
    rows = np.arange(len(values))
    if len(rows) > 500:
        rows = np.sort(np.random.default_rng(seed).choice(rows, 500, replace=False))
    similarity = training.take(rows).similarity(training)
    similarity[np.arange(len(rows)), rows] = -1.0
    return float(np.sqrt(np.mean((values[rows] - values[similarity.argmax(1)]) ** 2)))


def domain_table(validations: Sequence[Validation]) -> pd.DataFrame:
    """:func:`metrics` of the chosen model inside and outside the domain, for each split."""
    rows = []
    for validation in validations:
        chosen = validation.of(CHOSEN)
        for inside, name in ((True, "inside"), (False, "outside")):
            part = chosen[chosen["in_domain"] == inside]
            if len(part):
                rows.append({"split": validation.name, "domain": name, **metrics(part)})
    return pd.DataFrame(rows)


def calibration_curve(validations: Sequence[Validation]) -> pd.DataFrame:
    """Share of held-out measurements inside the central interval of each probability, a column a split."""
    levels = np.linspace(0.05, 0.95, 19)
    columns = {"interval": levels}
    for validation in validations:
        chosen = validation.of(CHOSEN)
        y, mean, sd = (chosen[name].to_numpy(float) for name in ("measured", "mean", "sd"))
        columns[f"{validation.name} split"] = np.array([coverage(mean, sd, y, level) for level in levels])
    return pd.DataFrame(columns)
