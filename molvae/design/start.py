"""Starting molecules: which rows of the user's file a campaign begins with, and which stay for screening."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from rdkit import RDConfig

from molvae.chemistry.filters import Filters
from molvae.chemistry.io import read_molecules
from molvae.chemistry.molecule import parse_smiles
from molvae.design.settings import CampaignConfig
from molvae.errors import InputError, RunFolderError
from molvae.molecules.vae import MoleculeVAE
from molvae.run.files import write_text

_START, _POOL = "start.smi", "pool.smi"
_MIN_POOL = 1000  # molecules beside those of the start; the report draws them


def nci_molecules() -> pd.DataFrame:
    """5,000 compounds of the US National Cancer Institute, which come with RDKit: the embedded default."""
    return read_molecules(Path(RDConfig.RDDataDir) / "NCI" / "first_5K.smi").frame


def select_start(
    model: MoleculeVAE, start: pd.DataFrame | Sequence[str] | None, config: CampaignConfig
) -> tuple[list[str], list[str]]:
    """Draw the starting molecules, and a pool for screening, from what the user gave.

    Rows that RDKit refuses, that the filters refuse, or that the model cannot hold are passed over.

    Returns:
        Canonical SMILES of at most ``config.start_size`` starting molecules, and of the pool in the order of the draw.

    Raises:
        InputError: no row is left; gives the first reasons.
    """
    table = nci_molecules() if start is None else start
    if isinstance(table, pd.DataFrame):
        if "smiles" not in table.columns:
            raise InputError(
                f"the start table has no column 'smiles'; its columns: {', '.join(map(str, table.columns))}"
            )
        strings = table["smiles"].astype(str).tolist()
    else:
        strings = [str(text) for text in table]
    filters = Filters(config.filters)
    longest = max(_MIN_POOL, config.budget)  # screening never gets through more
    chosen: list[str] = []
    pool: list[str] = []
    seen: set[str] = set()
    reasons: list[str] = []
    for row in np.random.default_rng([config.seed, 1]).permutation(len(strings)):
        if len(chosen) == config.start_size and len(pool) == longest:
            break
        smiles, reason = _acceptable(strings[row], model, filters)
        if smiles is None:
            reasons.append(f"row {row + 1}: {reason}")
        elif smiles not in seen:
            seen.add(smiles)
            (chosen if len(chosen) < config.start_size else pool).append(smiles)
    if not chosen:
        raise InputError(f"none of the {len(strings)} starting molecules can be used: {'; '.join(reasons[:3])}")
    return chosen, pool


def _acceptable(text: str, model: MoleculeVAE, filters: Filters) -> tuple[str | None, str]:
    from rdkit import Chem

    mol, reason = parse_smiles(text)
    if mol is None:
        return None, reason
    refusals = filters.reasons(mol)
    if refusals:
        return None, refusals[0]
    smiles = Chem.MolToSmiles(mol)
    try:
        model.vocabulary.encode(smiles)
    except InputError as error:
        return None, str(error)
    return smiles, ""


def write_start(folder: Path, start: Sequence[str], pool: Sequence[str]) -> None:
    """Keep the molecules in the run folder, so that a resumed run does not depend on the user's file."""
    write_text(folder / _POOL, "".join(f"{smiles}\n" for smiles in pool))
    write_text(folder / _START, "".join(f"{smiles}\n" for smiles in start))


def read_start(folder: Path) -> tuple[list[str], list[str]]:
    """Read what :func:`write_start` wrote.

    Raises:
        RunFolderError: a file is missing.
    """
    try:
        return tuple((folder / name).read_text(encoding="utf-8").split("\n")[:-1] for name in (_START, _POOL))  # type: ignore[return-value]
    except OSError as error:
        raise RunFolderError(f"{folder} is incomplete: {error}; start the campaign again in another folder") from None
