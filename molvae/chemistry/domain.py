"""Small molecules as the domain of a campaign: what a candidate is, how it is judged, measured, mutated and drawn."""

import functools
import random
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rdkit import DataStructs, RDConfig
from rdkit.Chem.Scaffolds import MurckoScaffold

from molvae.chemistry.breeding import Breeder, morgan_features
from molvae.chemistry.drawing import molecule_svg
from molvae.chemistry.filters import FilterConfig, Filters
from molvae.chemistry.genetic import GraphGA
from molvae.chemistry.io import read_molecules, write_molecules
from molvae.chemistry.molecule import Molecule
from molvae.chemistry.morgan import morgan_generator
from molvae.chemistry.properties import PROPERTIES, compute, files_behind, is_property, target_name, told_beside
from molvae.chemistry.targets import TARGETS, target_function
from molvae.chemistry.tasks import TASKS
from molvae.errors import ConfigError


class MoleculeDomain:
    """See :class:`molvae.design.protocols.Domain`; needs no torch, so that a worker process starts quickly.

    Args:
        files: whether formulas may name folders to be read, ``model('runs/fit')``. Parse those of strangers with
            ``MoleculeDomain(files=False)``.
    """

    name = "molecules"
    column = "smiles"
    suffix = ".smi"
    properties: Collection[str] = PROPERTIES
    tasks: Mapping[str, str] = {name: task.formula for name, task in TASKS.items()}
    default_objective = "5*QED - SAS"  # Gomez-Bombarelli et al. 2018
    default_strategy = "hybrid"
    reported: tuple[str, ...] = ("QED", "SAS", "logP", "MW")
    state = ""
    filter_settings: type[Any] = FilterConfig

    def __init__(self, files: bool = True) -> None:
        self.targets: Collection[str] = [kind for kind, target in TARGETS.items() if files or not target.reads_files]

    def restored(self, state: str) -> "MoleculeDomain":
        return self

    def parse(self, text: str) -> tuple[Molecule | None, str]:
        return Molecule.parse(text)

    def target(self, kind: str, argument: str) -> str:
        if kind not in self.targets:
            raise ConfigError(f"{kind} is not allowed here")
        target_function(kind, argument)  # says what is wrong with the argument
        return target_name(kind, argument)

    def is_property(self, name: str) -> bool:
        return is_property(name)

    def compute(self, item: Molecule, names: Sequence[str]) -> dict[str, float]:
        return compute(item.mol, [*names, *told_beside(names)])

    def files_behind(self, names: Sequence[str]) -> dict[str, str]:
        return files_behind(names)

    def scaffold(self, item: Molecule) -> str:
        """Bemis-Murcko, as SMILES; empty without rings."""
        return str(MurckoScaffold.MurckoScaffoldSmiles(mol=item.mol))

    def filters(self, settings: FilterConfig) -> Filters:
        return Filters(settings)

    def evolution(self, population_size: int, seed: int, fitting: Any = None) -> GraphGA:
        return GraphGA(population_size, random.Random(seed), fitting=fitting)

    def breeder(self) -> Breeder:
        return Breeder()

    def features(self, item: Molecule) -> np.ndarray:
        return morgan_features(item.mol)

    def similarity(self, rows: Sequence[Molecule], columns: Sequence[Molecule]) -> np.ndarray:
        """Tanimoto similarity of ECFP4 counts, sum of minima over sum of maxima (Ralaivola et al. 2005)."""
        right = [_counts(item) for item in columns]
        values = [DataStructs.BulkTanimotoSimilarity(_counts(item), right) for item in rows]
        return np.array(values, dtype=float).reshape(len(rows), len(columns))

    def draw(self, text: str, width: int, height: int) -> str:
        return molecule_svg(text, width, height)

    def read(self, path: Path, column: str | None = None) -> pd.DataFrame:
        return read_molecules(path, column).frame

    def write(self, table: pd.DataFrame, folder: Path, stem: str) -> dict[str, Path]:
        """All rows as CSV; as SDF those that have a score, if the table says which."""
        paths = {"table": folder / f"{stem}.csv", "structures": folder / f"{stem}.sdf"}
        write_molecules(table, paths["table"])
        write_molecules(table[table["status"] == "ok"] if "status" in table else table, paths["structures"])
        return paths

    def default_start(self) -> pd.DataFrame:
        return nci_molecules()


MOLECULES = MoleculeDomain()


@functools.lru_cache(maxsize=20_000)
def _counts(molecule: Molecule) -> Any:
    """ECFP4 counts; a search compares the same molecules again and again."""
    return morgan_generator().GetSparseCountFingerprint(molecule.mol)


def nci_molecules() -> pd.DataFrame:
    """5,000 compounds of the US National Cancer Institute, which come with RDKit: the embedded default."""
    return read_molecules(Path(RDConfig.RDDataDir) / "NCI" / "first_5K.smi").frame
