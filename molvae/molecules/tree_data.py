"""Junction trees of a whole data set as flat arrays: made in parallel, once, and kept in the cache.

What is kept does not depend on a vocabulary: labels are numbered in the order in which the data set has them first. A
model takes them over by name, see :class:`molvae.molecules.tree_batches.TreeDataset`.
"""

import hashlib
import json
import os
import shutil
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from itertools import chain
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from rdkit import rdBase

from molvae.errors import InputError
from molvae.molecules.junction_tree import choices, decompose, without_stereo
from molvae.run.fetch import default_cache
from molvae.run.files import atomic_folder
from molvae.run.progress import Progress, on_stderr, track

_FORMAT = 1
_CHUNK = 512
ATOM_FEATURES = (128, 9, 9, 9, 2)
"""Sizes of the features of an atom: element, charge + 4, hydrogens, neighbours, whether it is aromatic."""
BOND_KINDS = 12
"""order - 1, + 3 if aromatic, + 6 if in a ring."""
COLUMNS = {
    "label": ("nodes", np.int32, 1),
    "parent": ("nodes", np.int16, 1),
    "place": ("nodes", np.int16, 1),
    "entry": ("nodes", np.int16, 1),
    "size": ("nodes", np.int16, 1),
    "ways": ("nodes", np.int16, 1),
    "chosen": ("nodes", np.int16, 1),
    "member": ("members", np.int16, 1),
    "option": ("options", np.int16, 3),
    "atom": ("atoms", np.uint8, len(ATOM_FEATURES)),
    "bond": ("bonds", np.int16, 3),
}
"""What there is of each molecule: its group, type and width. Of each cluster the label, the parent, the two sites, the
number of its atoms, of the ways in which it could have been joined, and which is the true one; the atoms of all
clusters; all ways (place, entry, clusters there); features of the atoms; bonds as (atom, atom, kind).
"""
GROUPS = ("nodes", "members", "options", "atoms", "bonds")


def tree_columns(smiles: str) -> tuple[list[str], dict[str, list[object]]]:
    """The labels of one molecule, and all other columns as lists.

    Raises:
        InputError: it has no tree.
    """
    found = decompose(without_stereo(smiles))
    tree, mol = found.tree, found.mol
    options = choices(tree)
    sites = list(zip(tree.places, tree.entries, strict=True))
    columns: dict[str, list[object]] = {
        "parent": list(tree.parents),
        "place": list(tree.places),
        "entry": list(tree.entries),
        "size": [len(atoms) for atoms in found.atoms],
        "ways": [len(ways) for ways in options],
        "chosen": [
            0,
            *([way[:2] for way in ways].index(site) for ways, site in zip(options[1:], sites[1:], strict=True)),
        ],
        "member": list(chain.from_iterable(found.atoms)),
        "option": list(chain.from_iterable(options)),
        "atom": [
            (
                atom.GetAtomicNum(),
                min(8, max(0, atom.GetFormalCharge() + 4)),
                min(8, atom.GetTotalNumHs()),
                min(8, atom.GetDegree()),
                int(atom.GetIsAromatic()),
            )
            for atom in mol.GetAtoms()
        ],
        "bond": [
            (
                bond.GetBeginAtomIdx(),
                bond.GetEndAtomIdx(),
                int(bond.GetBondTypeAsDouble()) - 1 + 3 * bond.GetIsAromatic() + 6 * bond.IsInRing(),
            )
            for bond in mol.GetBonds()
        ],
    }
    return list(tree.labels), columns


@dataclass(frozen=True)
class TreeArrays:
    """n molecules as flat arrays.

    Attributes:
        labels: text of every label number.
        columns: see :data:`COLUMNS`; (total, width) or (total,).
        offsets: for each group, where each molecule begins, (n + 1,).
        refused: why rows of the molecules given have no tree; they are left out.
    """

    labels: tuple[str, ...]
    columns: dict[str, np.ndarray]
    offsets: dict[str, np.ndarray]
    refused: dict[int, str]

    def __len__(self) -> int:
        return len(self.offsets["nodes"]) - 1


_Part = tuple[list[list[str]], dict[str, np.ndarray], dict[str, list[int]], dict[int, str]]


def _part(start: int, molecules: Sequence[str]) -> _Part:
    """The columns of some molecules, their lengths, and the rows that are refused."""
    texts: list[list[str]] = []
    columns: dict[str, list[object]] = {name: [] for name in COLUMNS if name != "label"}
    lengths: dict[str, list[int]] = {group: [] for group in GROUPS}
    refused = {}
    with rdBase.BlockLogs():
        for row, smiles in enumerate(molecules, start):
            try:
                labels, found = tree_columns(smiles)
            except InputError as error:
                refused[row] = str(error)
                continue
            texts.append(labels)
            for name, values in found.items():
                columns[name] += values
            lengths["nodes"].append(len(labels))
            for group, name in (("members", "member"), ("options", "option"), ("atoms", "atom"), ("bonds", "bond")):
                lengths[group].append(len(found[name]))
    arrays = {}
    for name, values in columns.items():
        _, dtype, width = COLUMNS[name]
        arrays[name] = np.array(values, dtype=dtype).reshape((-1, width) if width > 1 else (-1,))
    return texts, arrays, lengths, refused


def _parts(molecules: Sequence[str], num_workers: int) -> Iterator[_Part]:
    starts = range(0, len(molecules), _CHUNK)
    workers = num_workers or os.cpu_count() or 1
    if workers == 1 or len(starts) < 5:  # over before processes have started
        yield from (_part(start, molecules[start : start + _CHUNK]) for start in starts)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting: deque[Future[_Part]] = deque()
        for start in starts:
            waiting.append(pool.submit(_part, start, list(molecules[start : start + _CHUNK])))
            if len(waiting) > 4 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def build_arrays(molecules: Sequence[str], num_workers: int = 1, progress: Progress = on_stderr) -> TreeArrays:
    """Decompose molecules; a refused one is left out, with its reason.

    Args:
        molecules: canonical SMILES.
        num_workers: processes; 0 takes all cores.
        progress: told how far it has come.
    """
    numbers: dict[str, int] = {}
    parts: dict[str, list[np.ndarray]] = {name: [] for name in COLUMNS}
    lengths: dict[str, list[int]] = {group: [] for group in GROUPS}
    refused: dict[int, str] = {}
    total = -(-len(molecules) // _CHUNK)
    for texts, arrays, sizes, problems in track(_parts(molecules, num_workers), "junction trees", total, progress):
        indices = [numbers.setdefault(label, len(numbers)) for labels in texts for label in labels]
        parts["label"].append(np.array(indices, dtype=np.int32))
        for name, values in arrays.items():
            parts[name].append(values)
        for group, counts in sizes.items():
            lengths[group] += counts
        refused |= problems
    columns = {}
    for name, (_, dtype, width) in COLUMNS.items():
        empty = np.empty((0, width) if width > 1 else (0,), dtype)
        columns[name] = np.concatenate([empty, *parts[name]])
    offsets = {group: np.concatenate([[0], np.cumsum(values)]).astype(np.int64) for group, values in lengths.items()}
    return TreeArrays(tuple(numbers), columns, offsets, refused)


def cached_arrays(
    molecules: Sequence[str], num_workers: int = 0, cache_dir: Path | None = None, progress: Progress = on_stderr
) -> TreeArrays:
    """As :func:`build_arrays`; at once, mapped into memory, if these molecules were decomposed before."""
    folder = cache_folder(molecules, cache_dir)
    try:
        return _load(folder)
    except (OSError, EOFError, ValueError, KeyError):
        shutil.rmtree(folder, ignore_errors=True)  # not there, or damaged: made anew
    _save(build_arrays(molecules, num_workers, progress), folder)
    return _load(folder)


def cache_folder(molecules: Sequence[str], cache_dir: Path | None = None) -> Path:
    """Where the trees of these molecules are kept, once they are made."""
    digest = hashlib.sha256(json.dumps({"format": _FORMAT, "rdkit": rdBase.rdkitVersion}).encode())
    for smiles in molecules:
        digest.update(smiles.encode() + b"\n")
    return (cache_dir or default_cache()) / "trees" / digest.hexdigest()[:24]


def _save(found: TreeArrays, folder: Path) -> None:
    """Write a folder that is complete or not there."""
    with atomic_folder(folder) as temporary:
        for name, values in {**found.columns, **{f"{g}_offsets": o for g, o in found.offsets.items()}}.items():
            np.save(temporary / f"{name}.npy", values, allow_pickle=False)
        meta = {"labels": found.labels, "refused": list(found.refused.items())}
        (temporary / "meta.json").write_text(json.dumps(meta), encoding="utf-8")


def _load(folder: Path) -> TreeArrays:
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))

    def load(name: str) -> np.ndarray:
        values: np.ndarray = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        return values

    columns = {name: load(name) for name in COLUMNS}
    offsets = {group: load(f"{group}_offsets") for group in GROUPS}
    if any(len(values) != offsets[COLUMNS[name][0]][-1] for name, values in columns.items()):
        raise ValueError("sizes do not agree")
    return TreeArrays(tuple(meta["labels"]), columns, offsets, {int(row): why for row, why in meta["refused"]})
