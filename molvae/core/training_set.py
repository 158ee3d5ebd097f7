"""What a model was trained on, as a set of hashes that ships with its weights."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from molvae.errors import CheckpointError
from molvae.run.files import atomic_path

KNOWN, KNOWN_TENSORS = "known.npy", "known.safetensors"
"""Files of a model folder: mapped into memory, or as the hub takes it."""


class TrainingSet:
    """A set of texts that knows only hashes: 8 bytes for each, on disk, read on demand.

    A model ships its training set in this form, to tell what is novel. Each item is given by its identity, a molecule
    by its canonical SMILES. An item that is not in a set of n is taken for one of it with probability n / 2^64, about
    1e-14 for ZINC250k.
    """

    def __init__(self, hashes: np.ndarray) -> None:
        """Wrap sorted, distinct hashes, shape (n,), dtype uint64; see :meth:`build` and :meth:`load`."""
        self._hashes = hashes

    @classmethod
    def build(cls, identities: Iterable[str], path: Path | str | None = None) -> "TrainingSet":
        """Hash items and, if a path is given, write them to a ``.npy`` file in one atomic step.

        Raises:
            CheckpointError: the file cannot be written.
        """
        hashes = np.unique(np.fromiter((identity_hash(text) for text in identities), dtype="<u8"))
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
        """Map a file of :meth:`build` into memory, or read one of :meth:`save`.

        Raises:
            CheckpointError: the file is missing, truncated, or not of this kind.
        """
        try:
            if Path(path).suffix == ".safetensors":
                hashes = load_file(path)["hashes"]
            else:
                hashes = np.load(path, mmap_mode="r", allow_pickle=False)
        except FileNotFoundError:
            raise CheckpointError(f"no such file: {path}") from None
        except (OSError, ValueError, EOFError, KeyError, SafetensorError) as error:
            raise CheckpointError(f"{path} is damaged or not a training set: {error}") from None
        if not isinstance(hashes, np.ndarray) or hashes.dtype != np.dtype("<u8") or hashes.ndim != 1:
            raise CheckpointError(f"{path} is not a training set: it must hold one row of 64-bit hashes")
        if not bool(np.all(hashes[1:] > hashes[:-1])):
            raise CheckpointError(f"{path} is damaged: its hashes are not in order")
        return cls(hashes)

    def save(self, path: Path) -> None:
        """Write a safetensors file in one atomic step."""
        with atomic_path(path) as temporary:
            save_file({"hashes": np.ascontiguousarray(self._hashes)}, temporary)

    def __contains__(self, identity: object) -> bool:
        if not isinstance(identity, str):
            return False
        key = np.uint64(identity_hash(identity))
        index = int(np.searchsorted(self._hashes, key))
        return index < len(self._hashes) and bool(self._hashes[index] == key)

    def __len__(self) -> int:
        return len(self._hashes)


def known_file(folder: Path) -> Path | None:
    """The file of a model folder that says what the model was trained on, or None."""
    return next((path for name in (KNOWN, KNOWN_TENSORS) if (path := folder / name).is_file()), None)


def identity_hash(text: str) -> int:
    """64 bits that stand for a text, the same in every process."""
    # not Python's hash(): that one differs from process to process
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")
