"""Docking as an oracle: ``dock:RECEPTOR``."""

import importlib.util
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar, Self

import pandas as pd
from rdkit import Chem

from molvae.chemistry.docking.engine import AFFINITY, cache_folder, cached_pose, check_engine, dock, versions
from molvae.chemistry.docking.ligand import NO_DIMORPHITE
from molvae.chemistry.docking.pictures import pose_panel
from molvae.chemistry.docking.receptor import Receptor, find_receptor
from molvae.chemistry.docking.settings import DockingConfig
from molvae.errors import ConfigError, MissingDependencyError
from molvae.run.files import write_text
from molvae.run.panels import Panel

POSES = "poses.sdf"
_WRITTEN = 50  # best poses in the file
_DRAWN = 6


class DockingOracle:
    """AutoDock Vina (Eberhardt et al. 2021) on a rigid receptor; see :class:`molvae.design.oracle.named.NamedOracle`.

    It answers with ``affinity`` (kcal/mol, more negative binds better), ``efficiency`` (-affinity for each heavy atom),
    and as the score -affinity, so that more is better.

    Args:
        receptor: where to dock.
        config: how.
    """

    names: ClassVar[tuple[str, ...]] = (AFFINITY, "efficiency")
    settings: ClassVar[type[DockingConfig]] = DockingConfig

    def __init__(self, receptor: Receptor, config: DockingConfig) -> None:
        self.receptor, self.config = receptor, config

    @classmethod
    def create(cls, argument: str, settings: dict[str, Any]) -> Self:
        """Find the receptor and the programs; nothing is docked yet.

        Raises:
            MissingDependencyError: a package is not installed.
            OracleError, ConfigError: receptor, box or settings cannot be used.
        """
        config = DockingConfig.create(settings)
        if missing := [name for name in ("vina", "meeko", "gemmi") if importlib.util.find_spec(name) is None]:
            raise MissingDependencyError(f'docking needs {", ".join(missing)}: pip install "molvae[docking]"')
        if config.ph is not None and importlib.util.find_spec("dimorphite_dl") is None:
            raise MissingDependencyError(NO_DIMORPHITE)
        return cls(find_receptor(argument, config), config)

    @property
    def facts(self) -> dict[str, Any]:
        """What a resumed campaign must find unchanged."""
        box = {"center": self.receptor.center, "size": self.receptor.size}
        programs = {**versions(self.config), "gemmi": metadata.version("gemmi")}  # gemmi: what meeko reads with
        return {"receptor": self.receptor.sha256, **box, "versions": programs}

    def prepare(self) -> None:
        """What a worker does first: load the programs, compute the maps, dock ethanol."""
        check_engine(self.receptor, self.config)

    def __call__(self, smiles: str) -> dict[str, float]:
        """The score of one ligand and what belongs to it.

        Raises:
            InputError: it cannot be prepared or docked.
        """
        pose = dock(self.receptor, self.config, smiles)
        affinity = pose.GetDoubleProp(AFFINITY)
        return {"score": -affinity, AFFINITY: affinity, "efficiency": -affinity / pose.GetNumHeavyAtoms()}

    def full(self) -> "DockingOracle":
        """The same with the full exhaustiveness, by which the best are confirmed.

        Raises:
            ConfigError: it is no better than that of the search.
        """
        cheap, full = self.config.exhaustiveness, self.config.full_exhaustiveness
        if full <= cheap:
            raise ConfigError(
                f"nothing to confirm: the search docks with exhaustiveness {cheap} already, and full_exhaustiveness is"
                f" {full}; search with exhaustiveness = 1, or leave confirm out"
            )
        return DockingOracle(self.receptor, self.config.model_copy(update={"exhaustiveness": full}))

    def write(self, table: pd.DataFrame, folder: Path, score: Callable[[Sequence[str]], object]) -> list[Panel]:
        """Write ``poses.sdf`` with the best poses and draw the first of them.

        Args:
            table: scored molecules, best first: ``smiles``, ``score``, ``call``.
            folder: of the run.
            score: docks molecules again whose poses are gone from the cache.
        """
        best = table.head(_WRITTEN)
        cache = cache_folder(self.receptor, self.config)
        gone = [smiles for smiles in best["smiles"] if cached_pose(cache, smiles) is None]
        if gone:
            score(gone)
        found = [(row, cached_pose(cache, row["smiles"])) for row in best.to_dict("records")]
        poses = [(row, pose) for row, pose in found if pose is not None]
        blocks = []
        for row, pose in poses:
            pose.SetProp("_Name", f"call-{row['call']}")
            pose.SetProp("score", f"{row['score']:.4f}")
            blocks.append(Chem.SDWriter.GetText(pose))
        write_text(folder / POSES, "".join(blocks))
        return [pose_panel(self.receptor, [pose for _, pose in poses[:_DRAWN]], self.describe())] if poses else []

    def describe(self) -> str:
        """One sentence: how was docked."""
        config = self.config
        state = "as drawn" if config.ph is None else f"the most probable one at pH {config.ph:g} (Dimorphite-DL)"
        size = " x ".join(f"{edge:g}" for edge in self.receptor.size)
        return (
            f"AutoDock Vina, scoring function {config.scoring}, exhaustiveness {config.exhaustiveness},"
            f" seed {config.seed}, rigid receptor, box of {size} A; one ETKDG conformer to begin with, protonation"
            f" state {state}."
        )
