"""What recipes begin with: data sets by name or file, training and held-out molecules, molecules to start a search."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
import pandas as pd
from pydantic import Field

from molvae.chemistry.domain import MOLECULES
from molvae.chemistry.io import read_molecules
from molvae.chemistry.prepare import PreparedData, prepare
from molvae.core.checkpoint import read_settings
from molvae.design.protocols import Domain
from molvae.errors import CheckpointError, ConfigError
from molvae.experiments.datasets import DATASETS as DATASETS
from molvae.molecules.training import MoleculeData
from molvae.proteins.domain import domain_of
from molvae.run.fetch import fetch
from molvae.run.recipe import Context, Recipe
from molvae.weights import SEARCH_MODEL, weights_folder


def dataset_file(name: str, part: str, mirror: Path | None) -> Path:
    """A part of a data set by name (of one that has a single file, that file), or the file that the name is.

    Raises:
        ConfigError: the data set has no such part.
    """
    if name not in DATASETS:
        return Path(name)
    parts = DATASETS[name].files
    if part not in parts and len(parts) > 1:
        raise ConfigError(f"the data set {name} has no part {part!r}, it has {', '.join(parts)}: name another")
    files = fetch(DATASETS[name], mirror)
    return files[part] if part in files else next(iter(files.values()))


def read_dataset(name: str, part: str, smiles_column: str | None, mirror: Path | None) -> pd.DataFrame:
    """The molecules of a data set by name, or of a file; the column is that of the file."""
    return read_molecules(dataset_file(name, part, mirror), None if name in DATASETS else smiles_column).frame


def searched_domain(model: str) -> Domain | None:
    """What the points of a model decode to, told from its folder without its weights; None if there is no such folder,
    which whoever loads the model says.
    """
    try:
        folder = weights_folder(model)
        kind = read_settings(folder).get("kind")
    except CheckpointError:
        return None
    return domain_of(folder) if kind == "protein-vae" else MOLECULES


class SearchRecipe(Recipe):
    """What a search with a trained model begins with."""

    input: str | None = None
    """File of candidates; a data set name (zinc250k: its training split); default: RDKit's NCI compounds, or the
    measured proteins of a model folder.
    """
    smiles_column: str | None = None
    """Column of the file that holds the SMILES."""
    model: str = SEARCH_MODEL
    """A shipped model or a model folder."""

    def start_table(self, mirror: Path | None) -> pd.DataFrame:
        """The candidates that starting ones are drawn from."""
        domain = searched_domain(self.model) or MOLECULES
        if self.input is None:
            return domain.default_start()
        column = None if self.input in DATASETS else self.smiles_column
        return domain.read(dataset_file(self.input, "train", mirror), column)


class TrainingRecipe(Recipe):
    """What the training of a molecular VAE learns from."""

    data: str = "zinc250k"
    """Data set name, or a file of molecules."""
    held_out: str | None = None
    """File for validation; default: the data set's own split, or a twentieth of the file."""
    max_molecules: int | None = Field(None, ge=1, le=10**9)
    """Use only the first molecules of the data."""
    smiles_column: str | None = None
    """Column of the files that holds the SMILES."""

    def training_data(
        self, properties: tuple[str, ...], context: Context
    ) -> tuple[MoleculeData, MoleculeData, dict[str, Any]]:
        """Training and held-out molecules with these properties, and where they come from."""
        training = prepared(dataset_file(self.data, "train", context.mirror), properties, self.smiles_column, context)
        sources = {"train": source(training)}
        other = self.held_out
        if other is None and self.data in DATASETS:
            other = str(dataset_file(self.data, "valid", context.mirror))
        if other is None:
            return *split(molecule_data(training, self.max_molecules)), sources
        held_out = prepared(Path(other), properties, self.smiles_column, context)
        sources["held_out"] = source(held_out)
        return molecule_data(training, self.max_molecules), molecule_data(held_out), sources


def prepared(file: Path, properties: tuple[str, ...], smiles_column: str | None, context: Context) -> PreparedData:
    """A file, canonicalised and with its properties, from the cache if it was prepared before."""
    return prepare(file, properties, None, smiles_column, context.workers, context.progress)


def molecule_data(data: PreparedData, limit: int | None = None) -> MoleculeData:
    """The first molecules of prepared data; all of them stay on disk, memory-mapped."""
    if limit is None or limit >= len(data):
        return MoleculeData(data, data.properties)
    return MoleculeData(Rows(data, np.arange(limit)), data.properties[:limit])


class Rows(Sequence[str]):
    """Some rows of a sequence of texts, which stay where they are.

    Args:
        texts: n texts.
        rows: (m,) which of them.
    """

    def __init__(self, texts: Sequence[str], rows: np.ndarray) -> None:
        self._texts, self._rows = texts, rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self._texts[int(row)] for row in self._rows[index]]
        return self._texts[int(self._rows[index])]


def split(data: MoleculeData) -> tuple[MoleculeData, MoleculeData]:
    """Training and held-out molecules: every twentieth is held out."""
    number = len(data.smiles)
    rows = np.arange(number)
    held_out = rows % 20 == 19 if number >= 20 else rows == number - 1
    training, other = (
        MoleculeData(Rows(data.smiles, part), data.properties[part])
        for part in (np.flatnonzero(~held_out), np.flatnonzero(held_out))
    )
    return training, other


def source(data: PreparedData) -> Mapping[str, Any]:
    """What identifies a file of molecules: its name, checksum and number of rows."""
    return {"file": data.source_name, "sha256": data.source_sha256, **data.counts}
