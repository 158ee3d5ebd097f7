"""Prepare a data set once: canonical SMILES and properties on disk, mapped into memory, keyed by content.

Rows stream from the file through a pool of processes to the disk, so that memory does not grow with the data set.
A prepared folder is complete or not there: it is written under another name and renamed at the end.
"""

import csv
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from itertools import chain, islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, overload

import numpy as np
from rdkit import Chem, rdBase

from molvae.chemistry.formats import file_kind
from molvae.chemistry.io import stream_smiles
from molvae.chemistry.molecule import parse_smiles
from molvae.chemistry.properties import check_names, property_or_reason
from molvae.core.seen import FirstRows
from molvae.errors import InputError, abbreviate
from molvae.run.arrays import npy_writer
from molvae.run.fetch import default_cache
from molvae.run.files import atomic_folder
from molvae.run.progress import Progress, on_stderr, track

_FORMAT = 1
_CHUNK = 512
META, TEXT, OFFSETS, VALUES, REJECTS = "meta.json", "smiles.bin", "offsets.npy", "properties.npy", "rejects.csv"


class PreparedData(Sequence[str]):
    """A prepared data set: a sequence of canonical SMILES, with properties.

    Attributes:
        folder: where it lies.
        properties: (n, K) float32, memory-mapped, NaN where a property could not be computed.
        property_names: the K names.
        counts: rows ``read``, ``rejected``, ``duplicates`` and ``kept``.
        source_name, source_sha256: the file that it was made from.
        rejects_path: CSV of refused rows: line, input, reason.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        meta = json.loads((folder / META).read_text(encoding="utf-8"))
        self.property_names: tuple[str, ...] = tuple(meta["properties"])
        self.counts: dict[str, int] = meta["counts"]
        self.source_name: str = meta["source"]
        self.source_sha256: str = meta["sha256"]
        self.rejects_path = folder / REJECTS
        self._offsets = np.load(folder / OFFSETS, mmap_mode="r", allow_pickle=False)
        self._text = np.memmap(folder / TEXT, dtype=np.uint8, mode="r") if self._offsets[-1] else np.empty(0, np.uint8)
        self.properties = np.load(folder / VALUES, mmap_mode="r", allow_pickle=False)
        if len(self._text) != self._offsets[-1] or len(self.properties) != len(self):
            raise ValueError("sizes do not agree")

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        start, end = self._offsets[index % len(self)], self._offsets[index % len(self) + 1]
        return self._text[start:end].tobytes().decode()


def prepare(
    path: Path | str,
    properties: Sequence[str] = ("QED", "SAS", "logP"),
    cache_dir: Path | None = None,
    smiles_column: str | None = None,
    num_workers: int = 0,
    progress: Progress = on_stderr,
) -> PreparedData:
    """Canonicalise, deduplicate and compute properties of a file; at once if that was done before.

    Args:
        path: any file that :func:`~molvae.chemistry.io.read_molecules` reads.
        properties: columns to compute.
        cache_dir: default: :func:`~molvae.run.fetch.default_cache`.
        smiles_column: column that holds the SMILES.
        num_workers: processes; 0 takes all cores.
        progress: told how far it has come.

    Raises:
        InputError: the file cannot be used, or no row of it is a molecule.
        ConfigError: an unknown property.
    """
    path = Path(path)
    check_names(properties)
    file_kind(path)
    sha256 = file_sha256(path)
    key = {
        "format": _FORMAT,
        "sha256": sha256,
        "properties": list(properties),
        "column": smiles_column,
        "rdkit": rdBase.rdkitVersion,
    }
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:24]
    folder = (cache_dir or default_cache()) / "prepared" / name
    try:
        return PreparedData(folder)
    except (OSError, ValueError, KeyError, IndexError):
        shutil.rmtree(folder, ignore_errors=True)  # not there, or damaged: made anew
    with atomic_folder(folder) as temporary:
        counts = _write(path, smiles_column, tuple(properties), temporary, num_workers, progress)
        meta = {"properties": list(properties), "counts": counts, "source": path.name, "sha256": sha256}
        (temporary / META).write_text(json.dumps(meta, indent=1), encoding="utf-8")
        if counts["kept"] == 0:
            raise InputError(f"{path}: none of its {counts['read']} rows is a molecule; the first: {_first(temporary)}")
    return PreparedData(folder)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, read in pieces.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None


def _write(
    path: Path, column: str | None, names: tuple[str, ...], folder: Path, num_workers: int, progress: Progress
) -> dict[str, int]:
    counts = {"read": 0, "rejected": 0, "duplicates": 0, "kept": 0}
    seen = FirstRows()
    end = 0
    offsets: list[int] = [0]  # of some molecules
    values: list[list[float]] = []
    with ExitStack() as stack:
        append_offsets = stack.enter_context(npy_writer(folder / OFFSETS, np.int64))
        append_values = stack.enter_context(npy_writer(folder / VALUES, np.float32, len(names)))

        def settle() -> None:
            append_offsets(np.array(offsets, dtype=np.int64))
            append_values(np.array(values, dtype=np.float32).reshape(len(values), len(names)))
            offsets.clear()
            values.clear()

        text = stack.enter_context((folder / TEXT).open("wb"))
        rejects = csv.writer(stack.enter_context((folder / REJECTS).open("w", newline="", encoding="utf-8")))
        rejects.writerow(["line", "input", "reason"])
        rows = _parse_all(stream_smiles(path, column), names, num_workers, stack)
        for line, given, smiles, result in track(rows, f"preparing {path.name}", progress=progress):
            counts["read"] += 1
            if smiles is None:
                counts["rejected"] += 1
                rejects.writerow([line, abbreviate(given, 200), result])
                continue
            if seen.first(smiles, counts["kept"]) != counts["kept"]:
                counts["duplicates"] += 1
                continue
            counts["kept"] += 1
            data = smiles.encode()
            text.write(data)
            end += len(data)
            offsets.append(end)
            values.append(result)
            if len(values) >= _CHUNK:
                settle()
        settle()
    return counts


Row = tuple[int, str, str | None, Any]
"""line, input, canonical SMILES or None, properties or the reason."""


def _parse_all(
    rows: Iterator[tuple[int, str]], names: tuple[str, ...], num_workers: int, stack: ExitStack
) -> Iterator[Row]:
    """Rows parsed in processes, in order, with few chunks on the way at any time."""
    chunks = iter(lambda: list(islice(rows, _CHUNK)), [])
    first = next(chunks, [])
    second = next(chunks, [])
    workers = num_workers or os.cpu_count() or 1
    if workers == 1 or not second:  # a file this small is done before processes have started
        for chunk in chain((first, second), chunks):
            yield from _parse(chunk, names)
        return
    pool = stack.enter_context(ProcessPoolExecutor(workers, mp_context=get_context("spawn")))
    waiting = [pool.submit(_parse, first, names), pool.submit(_parse, second, names)]
    while waiting:
        while len(waiting) < 4 * workers and (chunk := next(chunks, [])):
            waiting.append(pool.submit(_parse, chunk, names))
        yield from waiting.pop(0).result()


def _parse(chunk: list[tuple[int, str]], names: tuple[str, ...]) -> list[Row]:
    rows: list[Row] = []
    with rdBase.BlockLogs():
        for line, given in chunk:
            mol, reason = parse_smiles(given)
            if mol is None:
                rows.append((line, given, None, reason))
            else:
                values = [property_or_reason(mol, name)[0] for name in names]
                rows.append((line, given, Chem.MolToSmiles(mol), values))
    return rows


def _first(folder: Path) -> str:
    with (folder / REJECTS).open(newline="", encoding="utf-8") as file:
        rows = list(islice(csv.DictReader(file), 1))
    return f"line {rows[0]['line']}, {rows[0]['input']!r}: {rows[0]['reason']}" if rows else "no row at all"
