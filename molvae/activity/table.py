"""Whole tables through a model: every row comes back, a refused one with its reason."""

import pandas as pd

from molvae.activity.model import ActivityModel
from molvae.chemistry.tables import beside
from molvae.run.progress import Progress, silent, track

_BLOCK = 500  # rows between two words about progress


def predict_table(model: ActivityModel, table: pd.DataFrame, progress: Progress = silent) -> pd.DataFrame:
    """``smiles, valid, error``, the target, ``sd`` and what else a prediction has, and the other columns.

    A column of the table that is named like the target is kept as ``<target>_given``.

    Args:
        model: of one assay.
        table: molecules, in a column ``smiles``.
        progress: told how far it has come.
    """
    smiles = table["smiles"].astype(str).tolist()
    starts = range(0, len(smiles), _BLOCK)
    blocks = [
        model.predict_table(smiles[start : start + _BLOCK]) for start in track(starts, "predicting", None, progress)
    ]
    predicted = pd.concat(blocks, ignore_index=True).rename(columns={"mean": model.target})
    return beside(predicted, table.rename(columns={model.target: f"{model.target}_given"}))
