"""Values of formulas over many molecules, in several processes where it pays."""

from collections.abc import Sequence

import numpy as np

from molvae.chemistry.properties import compute_many
from molvae.design.objective import Objective
from molvae.run.progress import Progress, silent


def formula_values(
    objectives: Sequence[Objective], smiles: Sequence[str | None], num_workers: int = 1, progress: Progress = silent
) -> np.ndarray:
    """Values (n, m) of m formulas, in the user's sign, with properties computed by RDKit.

    Args:
        objectives: m formulas over properties that RDKit computes.
        smiles: n molecules; the row of what is None or not a molecule is NaN.
        num_workers: processes; 0 takes all cores if there are many molecules.
        progress: told how far it has come.
    """
    names = tuple(dict.fromkeys(name for objective in objectives for name in objective.properties))
    table = compute_many([text or "" for text in smiles], names, num_workers, progress)
    properties = {name: table[name].to_numpy(float) for name in names}
    columns = [np.broadcast_to(objective.evaluate(properties), len(smiles)) for objective in objectives]
    values = np.stack(columns, 1).astype(float)
    values[~table["valid"].to_numpy(bool)] = np.nan  # NaN ** 0 is 1, so a formula need not be NaN where all is
    return values
