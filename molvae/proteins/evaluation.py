"""What a representation of proteins knows of their function, and what designs have in common with natural sequences."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from molvae.errors import InputError
from molvae.proteins.alignment import identity
from molvae.proteins.kmers import GAPS, counts, similarity
from molvae.proteins.sequence import RESIDUES

FOLDS = 5
NEIGHBOURS = 5
RIDGE = 100.0  # penalty on the coefficients of standardised features
_PAIRS = slice(20, 20 + 400 * len(GAPS))  # of the counts
_NEAREST = 200  # designs whose nearest natural sequence is aligned


@dataclass(frozen=True)
class Split:
    """How sequences are told apart that a classifier learns from and those that it is asked about.

    Attributes:
        name: for the table.
        folds: (n,) number of the fold in which each is asked about; -1: never.
    """

    name: str
    folds: np.ndarray


def random_split(positive: np.ndarray, seed: int = 0) -> Split:
    """Folds at random, as many positives (n,) in each."""
    folds = np.empty(len(positive), dtype=int)
    rng = np.random.default_rng(seed)
    for value in (False, True):
        rows = rng.permutation(np.flatnonzero(positive == value))
        folds[rows] = np.arange(len(rows)) % FOLDS
    return Split("random", folds)


def group_split(groups: Sequence[str], seed: int = 0) -> Split:
    """Whole groups are held out, those without a group as one of their own: what is asked about has no near kin in
    what was learnt from.
    """
    names, inverse, sizes = np.unique(np.array(groups, dtype=str), return_inverse=True, return_counts=True)
    load, fold_of = np.zeros(FOLDS), np.empty(len(names), dtype=int)
    for place in np.argsort(-sizes, kind="stable"):  # the largest first, each to the emptiest fold
        fold_of[place] = int(load.argmin())
        load[fold_of[place]] += sizes[place]
    return Split("whole groups held out", fold_of[inverse])


def within(split: Split, rows: np.ndarray, name: str) -> Split:
    """The folds of a split, of a mask (n,) of rows only: nothing else is learnt from or asked about."""
    return Split(name, np.where(rows, split.folds, -1))


def auroc(score: np.ndarray, positive: np.ndarray) -> float:
    """Probability that a positive has a higher score than a negative; NaN without one of either."""
    from scipy.stats import rankdata

    yes, no = int(positive.sum()), int((~positive).sum())
    if not yes or not no:
        return float("nan")
    return float((rankdata(score)[positive].sum() - yes * (yes + 1) / 2) / (yes * no))


def function_scores(features: np.ndarray, value: np.ndarray, split: Split, method: str) -> np.ndarray:
    """Predicted value (n,) of every sequence, from the others folds of a split; NaN for those that are never asked.

    Args:
        features: (n, d); each column is standardised.
        value: (n,) what was measured, or zeros and ones.
        split: which are predicted from which.
        method: ``neighbours`` (mean of the nearest five, by distance) or ``ridge`` (linear).
    """
    from sklearn.linear_model import Ridge
    from sklearn.neighbors import KNeighborsRegressor

    predicted = np.full(len(value), np.nan)
    for fold in range(FOLDS):
        asked, learnt = split.folds == fold, (split.folds != fold) & (split.folds >= 0)
        if not asked.any() or not learnt.any():
            continue
        mean, scale = features[learnt].mean(0), features[learnt].std(0) + 1e-6
        x, y = (features[learnt] - mean) / scale, value[learnt]
        if method == "neighbours":
            model: Any = KNeighborsRegressor(min(NEIGHBOURS, len(y)), weights="distance")
        else:
            model = Ridge(RIDGE)
        predicted[asked] = model.fit(x, y).predict((features[asked] - mean) / scale)
    return predicted


def function_row(
    features: np.ndarray, value: np.ndarray, positive: np.ndarray, splits: Sequence[Split]
) -> dict[str, float]:
    """AUROC of both methods for every split: each fold's AUROC is not averaged, all predictions are ranked together."""
    row = {}
    for split in splits:
        for method in ("neighbours", "ridge"):
            score = function_scores(features, value, split, method)
            known = np.isfinite(score)
            row[f"{split.name}, {method}"] = auroc(score[known], positive[known])
    return row


def label_accuracy(features: np.ndarray, labels: Sequence[str], split: Split) -> dict[str, float]:
    """Share of sequences whose nearest neighbours vote for their label, and the mean of it over the labels."""
    from sklearn.neighbors import KNeighborsClassifier

    truth = np.array(labels, dtype=str)
    right = np.zeros(len(truth), dtype=bool)
    for fold in range(FOLDS):
        asked = split.folds == fold
        mean, scale = features[~asked].mean(0), features[~asked].std(0) + 1e-6
        model = KNeighborsClassifier(NEIGHBOURS, weights="distance").fit(
            (features[~asked] - mean) / scale, truth[~asked]
        )
        right[asked] = model.predict((features[asked] - mean) / scale) == truth[asked]
    return {
        "accuracy": float(right.mean()),
        "mean over labels": float(np.mean([right[truth == name].mean() for name in np.unique(truth)])),
    }


def composition(sequences: Sequence[str]) -> np.ndarray:
    """Shares of the residues of each sequence, (n, 20)."""
    return np.array([[text.count(residue) / len(text) for residue in RESIDUES] for text in sequences])


def pair_counts(sequences: Sequence[str]) -> np.ndarray:
    """Counts of residues and of pairs at small distances, (n, 1620)."""
    return np.array([counts(text)[: _PAIRS.stop] for text in sequences])


def reduced(features: np.ndarray, size: int = 64, seed: int = 0) -> np.ndarray:
    """The first principal components (n, size) of many features."""
    from sklearn.decomposition import PCA

    return np.asarray(
        PCA(min(size, *features.shape), svd_solver="randomized", random_state=seed).fit_transform(features)
    )


def design_statistics(designs: Sequence[str], training: Sequence[str], natural: Sequence[str]) -> dict[str, float]:
    """What designs have in common with natural sequences that were not trained on.

    Args:
        designs: valid sequences.
        training: what the model was trained on, for novelty.
        natural: the others.

    Returns:
        ``number``, ``unique``, ``novel`` (not in training), ``length mean``, ``length sd``, ``length distance``
        (Kolmogorov-Smirnov), ``composition`` and ``pairs`` (Pearson correlation of the shares of residues, and of the
        correlation of pairs: how much more often they stand together than their residues would by chance), ``nearest``
        and ``nearest sd`` (identity to the most similar training sequence).

    Raises:
        InputError: there are none.
    """
    from scipy.stats import ks_2samp

    if not designs or not natural:
        raise InputError("there are no sequences to compare")
    lengths = np.array([len(text) for text in designs], dtype=float)
    known = set(training)
    some = list(dict.fromkeys(designs))[:_NEAREST]
    nearest = nearest_identities(some, training)
    residues, others = composition(designs).mean(0), composition(natural).mean(0)
    return {
        "number": len(designs),
        "unique": len(set(designs)) / len(designs),
        "novel": float(np.mean([text not in known for text in designs])),
        "length mean": float(lengths.mean()),
        "length sd": float(lengths.std()),
        "length distance": float(ks_2samp(lengths, [len(text) for text in natural]).statistic),
        "composition": float(np.corrcoef(residues, others)[0, 1]),
        "pairs": float(np.corrcoef(pair_excess(designs), pair_excess(natural))[0, 1]),
        "nearest": float(nearest.mean()),
        "nearest sd": float(nearest.std()),
    }


def pair_excess(sequences: Sequence[str]) -> np.ndarray:
    """log of how much more often each pair stands at each distance than its residues would by chance, (1600,)."""
    total = pair_counts(sequences).sum(0)
    single = (total[:20] + 1) / (total[:20] + 1).sum()
    pairs = total[_PAIRS].reshape(len(GAPS), 400) + 1
    chance = np.outer(single, single).ravel()
    return np.log(pairs / pairs.sum(1, keepdims=True) / chance).ravel()


def nearest_identities(sequences: Sequence[str], others: Sequence[str]) -> np.ndarray:
    """Identity (n,) of each sequence to the one of the others with which it shares most pairs and triplets."""
    best = similarity(sequences, others).argmax(1)
    return np.array([identity(text, others[row]) for text, row in zip(sequences, best, strict=True)])


def table_of(rows: dict[str, dict[str, float]], first: str) -> pd.DataFrame:
    """Rows by name as a table whose first column holds the names."""
    return pd.DataFrame(rows).T.rename_axis(first).reset_index()
