"""The docking itself, in the process that calls it: a worker, which AutoDock Vina may take down with it.

The maps of a receptor are computed once a process. Every pose is kept in the user's cache folder under all that it
depends on, so that campaigns on the same receptor, and baselines with the same start, dock no molecule twice.
"""

import functools
import hashlib
import json
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from rdkit import Chem, rdBase

from molvae.chemistry.docking.ligand import conformer, ligand_pdbqt, protonated
from molvae.chemistry.docking.receptor import Receptor
from molvae.chemistry.docking.settings import DockingConfig
from molvae.errors import InputError, OracleError
from molvae.run.fetch import default_cache
from molvae.run.files import write_text

AFFINITY = "affinity"
_TEST_LIGAND = "CCO"
_PACKAGES = ("vina", "meeko", "rdkit")


def cache_folder(receptor: Receptor, config: DockingConfig) -> Path:
    """Where the poses of one receptor, one set of settings and one set of programs are kept."""
    names = ("exhaustiveness", "ph", "scoring", "spacing", "seed")
    facts = {name: getattr(config, name) for name in names}
    facts |= {"receptor": receptor.sha256, "center": receptor.center, "size": receptor.size}
    facts |= versions(config)
    return default_cache() / "docking" / hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:20]


def versions(config: DockingConfig) -> dict[str, str]:
    """Of the programs that decide what a ligand scores."""
    names = _PACKAGES if config.ph is None else (*_PACKAGES, "dimorphite_dl")
    return {name: metadata.version(name) for name in names}


def cached_pose(folder: Path, smiles: str) -> Chem.Mol | None:
    """The best pose of a molecule as it was docked before, hydrogens and the property ``affinity`` included."""
    path = _pose_file(folder, smiles)
    if not path.is_file():
        return None
    try:
        with rdBase.BlockLogs():
            mol = next(iter(Chem.SDMolSupplier(str(path), removeHs=False)), None)
    except OSError:  # an empty file
        return None
    if mol is None or not mol.HasProp(AFFINITY) or not mol.HasProp("smiles"):  # a damaged one
        return None
    return mol if mol.GetProp("smiles") == smiles else None


def dock(receptor: Receptor, config: DockingConfig, smiles: str) -> Chem.Mol:
    """The best pose of a ligand, from the cache if it was docked before.

    Its properties: ``affinity`` in kcal/mol, ``smiles``, ``docked`` (SMILES of what was docked, with its protonation
    and the configuration of every stereocentre), ``exhaustiveness`` and ``seconds``.

    Raises:
        InputError: the ligand cannot be prepared or docked.
    """
    folder = cache_folder(receptor, config)
    pose = cached_pose(folder, smiles)
    if pose is not None:
        return pose
    started = time.perf_counter()
    text = ligand_pdbqt(conformer(protonated(smiles, config.ph), config.seed))
    engine = vina_engine(receptor, config.scoring, config.spacing, config.cores, config.seed)
    try:
        engine.set_ligand_from_string(text)
        engine.dock(exhaustiveness=config.exhaustiveness, n_poses=1)
        affinity = float(engine.energies(n_poses=1)[0][0])
        pose = _as_molecule(engine.poses(n_poses=1))
    except (TypeError, RuntimeError, ValueError, IndexError) as error:  # what Vina's C++ exceptions become
        raise InputError(
            f"Vina cannot dock the ligand: {' '.join(str(error).split()) or type(error).__name__}"
        ) from None
    flat = Chem.Mol(pose)
    Chem.AssignStereochemistryFrom3D(flat)
    pose.SetProp(AFFINITY, f"{affinity:.3f}")
    pose.SetProp("smiles", smiles)
    pose.SetProp("docked", Chem.MolToSmiles(Chem.RemoveHs(flat)))
    pose.SetProp("exhaustiveness", str(config.exhaustiveness))
    pose.SetProp("seconds", f"{time.perf_counter() - started:.2f}")
    write_text(_pose_file(folder, smiles), Chem.SDWriter.GetText(pose))
    return pose


def check_engine(receptor: Receptor, config: DockingConfig) -> None:
    """Compute the maps, and dock ethanol: what cannot work at all shows here.

    Raises:
        OracleError: it does not work.
    """
    try:
        engine = vina_engine(receptor, config.scoring, config.spacing, config.cores, config.seed)
        protonated(_TEST_LIGAND, config.ph)
        engine.set_ligand_from_string(ligand_pdbqt(conformer(_TEST_LIGAND, config.seed)))
        engine.dock(exhaustiveness=1, n_poses=1)
        _as_molecule(engine.poses(n_poses=1))
    except (InputError, TypeError, RuntimeError, ValueError, IndexError) as error:
        raise OracleError(f"docking into {receptor.path} does not work: {' '.join(str(error).split())}") from None


@functools.lru_cache(maxsize=2)
def vina_engine(receptor: Receptor, scoring: str, spacing: float, cores: int, seed: int) -> Any:
    """Vina with the maps of a receptor, computed once a process; what it docks does not depend on what came before."""
    from vina import Vina

    engine = Vina(sf_name=scoring, cpu=cores, seed=seed, verbosity=0)
    engine.set_receptor(receptor.path)
    engine.compute_vina_maps(list(receptor.center), list(receptor.size), spacing)
    return engine


def _as_molecule(pdbqt: str) -> Chem.Mol:
    """Vina's PDBQT -> the molecule with all hydrogens, bonds from the SMILES that meeko has written into it."""
    from meeko import PDBQTMolecule, RDKitMolCreate

    (mol,) = RDKitMolCreate.from_pdbqt_mol(PDBQTMolecule(pdbqt, skip_typing=True))
    if mol is None:
        raise ValueError("the pose cannot be read back")
    return Chem.Mol(mol, confId=mol.GetConformers()[0].GetId())


def _pose_file(folder: Path, smiles: str) -> Path:
    return folder / f"{hashlib.sha256(smiles.encode()).hexdigest()[:24]}.sdf"
