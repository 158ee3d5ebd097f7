"""The molecules that a model was trained on, as a set of hashes that ships with its weights."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from molvae.errors import CheckpointError
from molvae.run.files import atomic_path
from molvae.weights import weights_folder

KNOWN = "known.npy"


def known_molecules(model: str | Path) -> "TrainingSet | None":
    """The training set of a shipped model or model folder, or None if it was not kept."""
    path = weights_folder(model) / KNOWN
    return TrainingSet.load(path) if path.is_file() else None


class TrainingSet:
    """A set of molecules that knows only hashes: 8 bytes for each, on disk, read on demand.

    A model ships its training set in this form, to tell what is novel. Molecules are canonical SMILES. A molecule
    that is not in a set of n is taken for one of it with probability n / 2^64, about 1e-14 for ZINC250k.
    """

    def __init__(self, hashes: np.ndarray) -> None:
        """Wrap sorted, distinct hashes, shape (n,), dtype uint64; see :meth:`build` and :meth:`load`."""
        self._hashes = hashes

    @classmethod
    def build(cls, smiles: Iterable[str], path: Path | str | None = None) -> "TrainingSet":
        """Hash molecules and, if a path is given, write them to a ``.npy`` file in one atomic step.

        Raises:
            CheckpointError: the file cannot be written.
        """
        hashes = np.unique(np.fromiter((_hash(text) for text in smiles), dtype="<u8"))
        if path is None:
            return cls(hashes)
        path = Path(path)
        try:
            with atomic_path(path) as temporary, temporary.open("wb") as file:
                np.save(file, hashes, allow_pickle=False)
        except OSError as error:
            raise CheckpointError(f"cannot write {path}: {error.strerror}") from None
        return cls.load(path)

    @classmethod
    def load(cls, path: Path | str) -> "TrainingSet":
        """Map a file of :meth:`build` into memory.

        Raises:
            CheckpointError: the file is missing, truncated, or not of this kind.
        """
        try:
            hashes = np.load(path, mmap_mode="r", allow_pickle=False)
        except FileNotFoundError:
            raise CheckpointError(f"no such file: {path}") from None
        except (OSError, ValueError, EOFError) as error:
            raise CheckpointError(f"{path} is damaged or not a set of known molecules: {error}") from None
        if not isinstance(hashes, np.ndarray) or hashes.dtype != np.dtype("<u8") or hashes.ndim != 1:
            raise CheckpointError(f"{path} is not a set of known molecules: it must hold one row of 64-bit hashes")
        if not bool(np.all(hashes[1:] > hashes[:-1])):
            raise CheckpointError(f"{path} is damaged: its hashes are not in order")
        return cls(hashes)

    def __contains__(self, smiles: object) -> bool:
        if not isinstance(smiles, str):
            return False
        key = np.uint64(_hash(smiles))
        index = int(np.searchsorted(self._hashes, key))
        return index < len(self._hashes) and bool(self._hashes[index] == key)

    def __len__(self) -> int:
        return len(self._hashes)


def _hash(smiles: str) -> int:
    # not Python's hash(): that one differs from process to process
    digest = hashlib.blake2b(smiles.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")
