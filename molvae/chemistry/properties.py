"""One registry of molecular properties: by name, with units and source."""

import ast
import difflib
import functools
import importlib.util
import math
import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd
from rdkit import Chem, RDConfig, rdBase
from rdkit.Chem import QED, Crippen, Descriptors, GraphDescriptors, Lipinski, rdMolDescriptors

from molvae.chemistry.molecule import parse_smiles
from molvae.chemistry.targets import TARGETS, companions, fingerprints, target_function
from molvae.errors import ConfigError, MissingDependencyError
from molvae.run.progress import Progress, on_stderr, track

_PARALLEL_FROM = 2000  # rows below which starting processes costs more than it saves


@dataclass(frozen=True)
class Property:
    """A number that a molecule has.

    Attributes:
        name: as objectives and tables spell it.
        function: sanitised molecule -> float.
        description: one line.
        unit: empty if it has none.
        source: where its definition comes from.
    """

    name: str
    function: Callable[[Chem.Mol], float]
    description: str
    unit: str = ""
    source: str = "RDKit"


def sas(mol: Chem.Mol) -> float:
    """Synthetic accessibility, 1 (easy) to 10 (hard) (Ertl & Schuffenhauer 2009)."""
    return float(_sascorer().calculateScore(mol))


@functools.cache
def _sascorer() -> Any:
    # RDKit's own module; it reads its fragment table (a file of RDKit's wheel) with RDKit's own code
    path = Path(RDConfig.RDContribDir) / "SA_Score" / "sascorer.py"
    if not path.is_file():
        raise MissingDependencyError(
            f"SAS needs RDKit's Contrib folder, but {path} is missing: install rdkit from PyPI"
        )
    spec = importlib.util.spec_from_file_location("molvae_sascorer", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def largest_ring(mol: Chem.Mol) -> float:
    """Atoms of the largest ring of the smallest set of smallest rings; 0 without rings."""
    return float(max((len(ring) for ring in mol.GetRingInfo().AtomRings()), default=0))


def penalized_logp(mol: Chem.Mol) -> float:
    """logP - SAS - (largest ring - 6, if positive), not normalised (Gomez-Bombarelli et al. 2018)."""
    return float(Crippen.MolLogP(mol)) - sas(mol) - max(0.0, largest_ring(mol) - 6)


def normalised_penalized_logp(mol: Chem.Mol) -> float:
    """penalized logP whose three terms are standardised on ZINC250k (constants of Kusner et al. 2017)."""
    logp = (float(Crippen.MolLogP(mol)) - 2.4570953396190123) / 1.434324401111988
    accessibility = (-sas(mol) + 3.0525811293166134) / 0.8335207024513095
    rings = (-max(0.0, largest_ring(mol) - 6) + 0.0485696876403053) / 0.2860212110245455
    return logp + accessibility + rings


PROPERTIES: dict[str, Property] = {
    each.name: each
    for each in (
        Property("QED", QED.qed, "quantitative estimate of drug-likeness, 0 to 1", source="Bickerton et al. 2012"),
        Property("SAS", sas, "synthetic accessibility score, 1 (easy) to 10", source="Ertl & Schuffenhauer 2009"),
        Property("logP", Crippen.MolLogP, "octanol-water partition", source="Wildman & Crippen 1999"),
        Property("penalized_logP", penalized_logp, "logP - SAS - ring penalty", source="Gomez-Bombarelli et al. 2018"),
        Property(
            "penalized_logP_zinc",
            normalised_penalized_logp,
            "the same, normalised on ZINC250k",
            source="Kusner et al. 2017",
        ),
        Property("TPSA", rdMolDescriptors.CalcTPSA, "topological polar surface area", "Å²", "Ertl et al. 2000"),
        Property("MW", Descriptors.MolWt, "average molecular weight", "g/mol"),
        Property("exact_mass", Descriptors.ExactMolWt, "monoisotopic mass", "Da"),
        Property("HBD", Lipinski.NumHDonors, "hydrogen bond donors"),
        Property("HBA", Lipinski.NumHAcceptors, "hydrogen bond acceptors"),
        Property("rotatable_bonds", Lipinski.NumRotatableBonds, "rotatable bonds"),
        Property("rings", rdMolDescriptors.CalcNumRings, "rings (SSSR)"),
        Property("aromatic_rings", rdMolDescriptors.CalcNumAromaticRings, "aromatic rings"),
        Property("largest_ring", largest_ring, "atoms of the largest ring"),
        Property("heavy_atoms", lambda mol: mol.GetNumHeavyAtoms(), "atoms other than hydrogen"),
        Property("heteroatoms", rdMolDescriptors.CalcNumHeteroatoms, "atoms other than carbon and hydrogen"),
        Property("fraction_csp3", rdMolDescriptors.CalcFractionCSP3, "fraction of carbon that is sp3"),
        Property("formal_charge", Chem.GetFormalCharge, "net charge", "e"),
        Property(
            "stereocenters",
            lambda mol: len(Chem.FindMolChiralCenters(mol, includeUnassigned=True, useLegacyImplementation=False)),
            "stereocentres, assigned or not",
        ),
        Property("spiro_atoms", rdMolDescriptors.CalcNumSpiroAtoms, "spiro atoms"),
        Property("bridgehead_atoms", rdMolDescriptors.CalcNumBridgeheadAtoms, "bridgehead atoms"),
        Property("BertzCT", GraphDescriptors.BertzCT, "topological complexity", source="Bertz 1981"),
        Property("molar_refractivity", Crippen.MolMR, "molar refractivity", "cm³/mol", "Wildman & Crippen 1999"),
    )
}


def find_property(name: str) -> Property:
    """A property by its name, or one made for a target: ``QED``, ``similarity('celecoxib')``.

    Raises:
        ConfigError: there is none; gives the nearest known name.
    """
    check_names([name])
    if name in PROPERTIES:
        return PROPERTIES[name]
    kind, argument = _target(name) or ("", "")
    target = TARGETS[kind]
    return Property(name, target_function(kind, argument), target.description, source=target.source)


def is_property(name: str) -> bool:
    """Whether :func:`find_property` knows it."""
    target = _target(name)
    return name in PROPERTIES or (target is not None and target[0] in TARGETS)


def told_beside(names: Sequence[str]) -> list[str]:
    """Further properties that are told beside these: of a model's prediction, how far it can be trusted."""
    return [target_name(kind, argument) for kind, argument in companions(_targets(names))]


def files_behind(names: Sequence[str]) -> dict[str, str]:
    """SHA-256 of what properties are read from: of the models of ``molvae fit``, by the folder that the name gives."""
    return fingerprints(_targets(names))


def _targets(names: Sequence[str]) -> list[tuple[str, str]]:
    found = [target for name in names if (target := _target(name)) is not None]
    return [target for target in found if target[0] in TARGETS]


def target_name(kind: str, argument: str) -> str:
    """How tables and objectives spell a property that is made for a target."""
    return f"{kind}({argument!r})"


def _target(name: str) -> tuple[str, str] | None:
    match = re.fullmatch(r"(\w+)\((.+)\)", name, re.DOTALL)
    try:
        argument = ast.literal_eval(match[2]) if match else None
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    return (match[1], argument) if match and isinstance(argument, str) else None


def check_names(names: Sequence[str]) -> None:
    """Refuse what is not a property.

    Raises:
        ConfigError: gives the nearest known name.
    """
    for name in names:
        target = _target(name)
        if target is not None and target[0] in TARGETS:
            target_function(*target)  # says what is wrong with its argument
        elif name not in PROPERTIES:
            near = difflib.get_close_matches(name, PROPERTIES, n=1, cutoff=0.4)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(PROPERTIES)}"
            raise ConfigError(f"no property {name!r}; {hint}")


def compute(mol: Chem.Mol, names: Sequence[str]) -> dict[str, float]:
    """Properties of one molecule.

    Raises:
        ConfigError: an unknown name.
    """
    return {name: float(find_property(name).function(mol)) for name in names}


def property_or_reason(mol: Chem.Mol, name: str) -> tuple[float, str]:
    """A property of one molecule, or NaN and why it has none."""
    try:
        return float(find_property(name).function(mol)), ""
    except (ValueError, RuntimeError, ZeroDivisionError, OverflowError) as error:
        return math.nan, f"{name}: {error}"


def compute_many(
    smiles: Sequence[str], names: Sequence[str], num_workers: int = 0, progress: Progress = on_stderr
) -> pd.DataFrame:
    """Properties of many molecules, in the order of the input.

    Args:
        smiles: n SMILES.
        names: properties.
        num_workers: processes; 0 takes all cores if there are many molecules.
        progress: told how far it has come.

    Returns:
        n rows: ``smiles`` (as given), ``valid``, ``error``, and each property (NaN if invalid).

    Raises:
        ConfigError: an unknown name.
    """
    check_names(names)
    work = functools.partial(_row, names=tuple(names))
    rows = list(track(parallel_map(work, smiles, num_workers), "properties", len(smiles), progress))
    return pd.DataFrame(rows, columns=["smiles", "valid", "error", *names])


def parallel_map(work: Callable[[str], Any], items: Sequence[str], num_workers: int = 0) -> Iterator[Any]:
    """``map`` in processes where it pays; keeps the order."""
    workers = num_workers or ((os.cpu_count() or 1) if len(items) >= _PARALLEL_FROM else 1)
    if workers <= 1:
        yield from map(work, items)
        return
    # spawn: a process that holds torch's threads must not be forked
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(work, items, chunksize=256)


def _row(smiles: str, names: tuple[str, ...]) -> tuple[Any, ...]:
    mol, reason = parse_smiles(smiles)
    if mol is None:
        return (smiles, False, reason, *([math.nan] * len(names)))
    with rdBase.BlockLogs():
        results = [property_or_reason(mol, name) for name in names]
    return (smiles, True, "; ".join(reason for _, reason in results if reason), *(value for value, _ in results))
