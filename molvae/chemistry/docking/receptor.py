"""The receptor and its box: files of the user, or one of the 58 targets that the package dockstring brings."""

import difflib
import hashlib
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rdkit import Chem

from molvae.chemistry.docking.settings import DockingConfig
from molvae.errors import ConfigError, OracleError, abbreviate

_ATOM = ("ATOM", "HETATM")
_LARGEST = 50_000_000  # bytes of a receptor
_KEYS = tuple(f"{what}_{axis}" for what in ("center", "size") for axis in "xyz")
_NEAR = 6.0  # angstrom outside the box within which an atom still matters to a ligand in it


@dataclass(frozen=True)
class Receptor:
    """A rigid receptor and the box in which ligands are docked.

    Attributes:
        path: PDBQT file, absolute.
        sha256: of its content.
        center, size: of the box, in angstrom.
    """

    path: str
    sha256: str
    center: tuple[float, float, float]
    size: tuple[float, float, float]


def find_receptor(name: str, config: DockingConfig) -> Receptor:
    """The receptor that ``dock:NAME`` means: a PDBQT file, or a target of dockstring.

    Raises:
        OracleError: no such receptor, a file that is none, or none of its atoms is near the box.
        ConfigError: no box is given.
    """
    path = Path(name)
    if path.suffix.lower() == ".pdbqt" or path.exists():
        path = _checked(path)
        box_file = next((file for file in _beside(path) if file.is_file()), None)
    else:
        path, box_file = _dockstring_target(name)
    atoms = read_receptor(path).coordinates
    center, size = _box(config, path, box_file)
    inside = np.abs(atoms - np.array(center)) <= np.array(size) / 2 + _NEAR
    if not inside.all(1).any():
        raise OracleError(
            f"no atom of {path} lies in the box or within {_NEAR:g} A of it (center {_numbers(center)}, size"
            f" {_numbers(size)}; the receptor spans {_numbers(atoms.min(0))} to {_numbers(atoms.max(0))}):"
            " correct the box"
        )
    return Receptor(str(path.absolute()), hashlib.sha256(path.read_bytes()).hexdigest(), center, size)


@dataclass(frozen=True)
class ReceptorAtoms:
    """Heavy atoms of a receptor.

    Attributes:
        coordinates: (n, 3) in angstrom.
        elements: of each, by the first letter of its AutoDock type.
        residues: of each, such as ``ASP A 189``: name, chain, number with its insertion code.
    """

    coordinates: np.ndarray
    elements: list[str]
    residues: list[str]


def read_receptor(path: Path | str) -> ReceptorAtoms:
    """The heavy atoms of a PDBQT file.

    Raises:
        OracleError: it holds none, or a line that is damaged.
    """
    coordinates, elements, residues = [], [], []
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.startswith(_ATOM):
            continue
        kind = line[77:].strip()
        try:
            point = [float(line[start : start + 8]) for start in (30, 38, 46)]
        except ValueError:
            raise OracleError(f"{path}, line {number}: no coordinates in columns 31 to 54") from None
        if not kind or not np.isfinite(point).all():
            raise OracleError(f"{path}, line {number}: no AutoDock atom type in column 78: is it a PDBQT file?")
        if kind not in ("H", "HD", "HS"):
            coordinates.append(point)
            elements.append("C" if kind == "A" else kind if kind in ("Cl", "Br", "Zn", "Mg", "Fe", "Ca") else kind[0])
            residues.append(
                " ".join(re.sub(r"[^0-9A-Za-z ]", "", f"{line[17:20]} {line[21:22]} {line[22:27]}").split())
            )
    if not coordinates:
        raise OracleError(
            f"{path} holds no atoms: a receptor is a PDBQT file, as meeko's mk_prepare_receptor.py makes it"
        )
    return ReceptorAtoms(np.array(coordinates), elements, residues)


def _checked(path: Path) -> Path:
    if not path.exists():
        raise OracleError(f"no such receptor: {path}")
    if not path.is_file():
        raise OracleError(f"{path} is not a file: a receptor is a .pdbqt file")
    if path.suffix.lower() != ".pdbqt":
        raise OracleError(
            f"{path} is not a .pdbqt file: prepare the receptor with meeko's mk_prepare_receptor.py, which adds"
            " hydrogens, charges and atom types"
        )
    if path.stat().st_size > _LARGEST:
        raise OracleError(f"{path} is larger than {_LARGEST // 10**6} MB: is it a receptor?")
    return path


def _beside(path: Path) -> list[Path]:
    """Files that may hold the box of a receptor file."""
    stem = path.name[: -len(path.suffix)]
    return [path.with_name(f"{stem}{end}") for end in (".box.txt", "_conf.txt")] + [
        path.with_name(f"{stem.removesuffix('_target')}_conf.txt")
    ]


def _dockstring_target(name: str) -> tuple[Path, Path]:
    """Receptor and box of a target of dockstring; the package is only looked at, never imported."""
    spec = importlib.util.find_spec("dockstring")
    if spec is None or not spec.submodule_search_locations:
        raise OracleError(
            f"no such receptor: {abbreviate(name)!r} is no .pdbqt file, and the targets of dockstring are not here:"
            " name a file, or 'pip install --no-deps dockstring' for its 58 targets"
        )
    folder = Path(next(iter(spec.submodule_search_locations))) / "resources" / "targets"
    names = sorted(path.name.removesuffix("_target.pdbqt") for path in folder.glob("*_target.pdbqt"))
    if name not in names:
        near = difflib.get_close_matches(name.upper(), names, n=3)
        known = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names)}"
        raise OracleError(f"{abbreviate(name)!r} is neither a .pdbqt file nor a target of dockstring: {known}")
    return folder / f"{name}_target.pdbqt", folder / f"{name}_conf.txt"


def _box(
    config: DockingConfig, receptor: Path, beside: Path | None
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    if config.center is not None and config.size is not None:
        return config.center, config.size
    if config.reference is not None:
        return _around(Path(config.reference), config.padding)
    file = Path(config.box) if config.box is not None else beside
    if file is None:
        raise ConfigError(
            f"where in {receptor} to dock? Give a box: center and size in the oracle's settings, or a file"
            f" {receptor.name[: -len(receptor.suffix)]}.box.txt beside it with center_x = ... to size_z = ..."
        )
    return _read_box(file)


def _read_box(path: Path) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise OracleError(f"the box {path} cannot be read: {error.strerror}") from None
    values = dict(re.findall(r"^\s*(\w+)\s*=\s*([-+.\deE]+)\s*(?:#.*)?$", text, re.M))
    if missing := [key for key in _KEYS if key not in values]:
        raise OracleError(f"the box {path} lacks {', '.join(missing)}: it has six lines such as 'center_x = 12.5'")
    try:
        numbers = [float(values[key]) for key in _KEYS]
        checked = DockingConfig.create({"center": numbers[:3], "size": numbers[3:]})
    except ValueError as error:
        raise OracleError(f"the box {path} cannot be used: {error}") from None
    assert checked.center is not None and checked.size is not None
    return checked.center, checked.size


def _around(path: Path, padding: float) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """The smallest box that keeps a distance from all atoms of a bound ligand."""
    readers = {".sdf": Chem.MolFromMolFile, ".mol": Chem.MolFromMolFile, ".pdb": Chem.MolFromPDBFile}
    if not path.is_file():
        raise OracleError(f"no such reference ligand: {path}")
    if path.suffix.lower() not in readers:
        raise OracleError(f"{path}: a reference ligand is a .sdf, .mol or .pdb file")
    mol = readers[path.suffix.lower()](str(path), sanitize=False)
    if mol is None or not mol.GetNumConformers() or not mol.GetConformer().Is3D():
        raise OracleError(f"{path} holds no ligand with coordinates in three dimensions")
    points = np.array(mol.GetConformer().GetPositions())
    center, size = (points.max(0) + points.min(0)) / 2, np.ptp(points, axis=0) + 2 * padding
    checked = DockingConfig.create({"center": center.tolist(), "size": np.maximum(size, 3.0).tolist()})
    assert checked.center is not None and checked.size is not None
    return checked.center, checked.size


def _numbers(values: object) -> str:
    return ", ".join(f"{value:.1f}" for value in np.asarray(values, dtype=float))
