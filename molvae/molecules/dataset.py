"""Tokenised molecules, one byte a token, and the length-bucketed batches that training draws from them.

They lie in memory or, where a folder is given, in ``.npy`` files that are mapped into it: then memory holds what is
used, and the system drops it when it is short.
"""

import functools
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from molvae.errors import TokenError
from molvae.molecules.vocabulary import BOS_INDEX, EOS_INDEX, PAD_INDEX, Vocabulary
from molvae.run.arrays import npy_writer
from molvae.run.files import atomic_path

TOKENS, OFFSETS = "tokens.npy", "token_offsets.npy"
_WRITTEN_TOGETHER = 8192  # molecules


@dataclass(frozen=True)
class TokenBatch:
    """B molecules, padded to the longest.

    Attributes:
        tokens: (B, T) int64; each row ends with ``<eos>``, then ``<pad>``.
        properties: (B, K) in the units of the data, NaN where unknown; or None.
    """

    tokens: Tensor
    properties: Tensor | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def inputs(self) -> Tensor:
        """(B, T) what a decoder reads: ``<bos>`` and all tokens but the last."""
        start = torch.full_like(self.tokens[:, :1], BOS_INDEX)
        return torch.cat([start, self.tokens[:, :-1]], 1)

    def part(self, rows: slice) -> "TokenBatch":
        """Some of the molecules, padded as all."""
        return TokenBatch(self.tokens[rows], None if self.properties is None else self.properties[rows])

    def to(self, device: torch.device) -> "TokenBatch":
        properties = None if self.properties is None else self.properties.to(device)
        return TokenBatch(self.tokens.to(device), properties)


class MoleculeDataset:
    """Token indices of n molecules in one flat array, with their properties.

    Args:
        flat: all tokens one after another.
        offsets: (n + 1,) where each molecule starts.
        properties: (n, K) float32 or None.
    """

    def __init__(self, flat: np.ndarray, offsets: np.ndarray, properties: np.ndarray | None = None) -> None:
        self.flat, self.offsets, self.properties = flat, offsets, properties

    @classmethod
    def build(
        cls,
        molecules: Iterable[str],
        vocabulary: Vocabulary,
        properties: np.ndarray | None = None,
        folder: Path | None = None,
    ) -> tuple["MoleculeDataset", dict[int, str]]:
        """Tokenise; molecules that the vocabulary refuses are left out.

        Args:
            molecules: n canonical SMILES.
            vocabulary: gives the tokens.
            properties: (n, K) or None.
            folder: keep the tokens there, in files, instead of in memory; None: in memory. What the folder holds is
                written anew.

        Returns:
            The data set, and the reason for each refused row number.
        """
        refused: dict[int, str] = {}
        tokenised = _tokenised(molecules, vocabulary, refused)
        if folder is None:
            rows = list(tokenised)
            flat = np.concatenate(rows) if rows else np.empty(0, dtype=vocabulary.dtype)
            offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
        else:
            flat, offsets = _on_disk(tokenised, vocabulary.dtype, folder)
        if properties is not None and refused:
            properties = np.delete(properties, list(refused), axis=0)
        return cls(flat, offsets, properties), refused

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def lengths(self) -> np.ndarray:
        """(n,) tokens of each molecule, ``<eos>`` not counted."""
        return np.diff(self.offsets)

    def take(self, rows: np.ndarray) -> "MoleculeDataset":
        """These molecules, in this order."""
        parts = [self.flat[self.offsets[row] : self.offsets[row + 1]] for row in rows]
        flat = np.concatenate(parts) if parts else self.flat[:0]
        offsets = np.concatenate([[0], np.cumsum(self.lengths()[rows])]).astype(np.int64)
        return MoleculeDataset(flat, offsets, None if self.properties is None else self.properties[rows])

    def batches_by_length(self, size: int) -> Iterator[tuple[np.ndarray, TokenBatch]]:
        """All molecules once, those of similar length together: up to ``size`` row numbers, and their batch."""
        order = np.argsort(self.lengths(), kind="stable")
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            yield rows, self.batch(rows)

    @functools.cached_property
    def longest(self) -> int:
        """Tokens of the longest molecule, ``<eos>`` not counted."""
        return int(self.lengths().max(initial=0))

    def batch(self, rows: np.ndarray, multiple: int = 1) -> TokenBatch:
        """Gather rows into a padded batch, whose width is a multiple of a number or that of the longest of all."""
        width = int((self.offsets[np.asarray(rows) + 1] - self.offsets[rows]).max(initial=0)) + 1
        width = max(width, min(-(-width // multiple) * multiple, self.longest + 1))
        tokens = np.full((len(rows), width), PAD_INDEX, dtype=np.int64)
        for padded, row in zip(tokens, rows, strict=True):
            molecule = self.flat[self.offsets[row] : self.offsets[row + 1]]
            padded[: len(molecule)] = molecule
            padded[len(molecule)] = EOS_INDEX
        properties = None if self.properties is None else torch.from_numpy(self.properties[rows].copy())
        return TokenBatch(torch.from_numpy(tokens), properties)


def _tokenised(molecules: Iterable[str], vocabulary: Vocabulary, refused: dict[int, str]) -> Iterator[np.ndarray]:
    for number, smiles in enumerate(molecules):
        try:
            yield vocabulary.encode(smiles)
        except TokenError as error:
            refused[number] = str(error)


def _on_disk(
    rows: Iterator[np.ndarray], dtype: type[np.unsignedinteger], folder: Path
) -> tuple[np.ndarray, np.ndarray]:
    """The tokens of all rows and where each begins, mapped from files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths, end = [folder / TOKENS, folder / OFFSETS], 0
    with ExitStack() as stack:
        files = [stack.enter_context(atomic_path(path)) for path in paths]
        append_tokens = stack.enter_context(npy_writer(files[0], dtype))
        append_offsets = stack.enter_context(npy_writer(files[1], np.int64))
        append_offsets(np.zeros(1, dtype=np.int64))
        while part := list(islice(rows, _WRITTEN_TOGETHER)):
            ends = end + np.cumsum([len(row) for row in part], dtype=np.int64)
            append_tokens(np.concatenate(part))
            append_offsets(ends)
            end = int(ends[-1])
    flat, offsets = (np.load(path, mmap_mode="r", allow_pickle=False) for path in paths)
    return flat, offsets


WIDTHS = 4
"""Batches of a training are padded to a multiple of this: libraries compile matrix products for each shape that they
meet, and keep only so many."""
_BUCKET = 50  # batches that are sorted by length together: more pad less and shuffle less


class BucketedBatches:
    """Shuffled batches of molecules of similar length, so that little of a batch is padding.

    The order of an epoch depends on (seed, epoch) alone, so that a resumed run sees the very same batches.

    Args:
        dataset: what to draw from.
        batch_size: B; the last, smaller batch of an epoch is kept.
        seed: of the order.
    """

    def __init__(self, dataset: MoleculeDataset, batch_size: int, seed: int) -> None:
        self.dataset, self.batch_size, self.seed = dataset, batch_size, seed

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.batch_size)

    def epoch(self, number: int, skip: int = 0) -> Iterator[TokenBatch]:
        """Batches of one epoch, from batch ``skip`` on."""
        random = np.random.default_rng([self.seed, number])
        order = random.permutation(len(self.dataset))
        lengths = self.dataset.lengths()
        chunk = self.batch_size * _BUCKET
        batches = []
        for start in range(0, len(order), chunk):
            rows = order[start : start + chunk]
            rows = rows[np.argsort(lengths[rows], kind="stable")]
            batches += [rows[i : i + self.batch_size] for i in range(0, len(rows), self.batch_size)]
        for index in random.permutation(len(batches))[skip:]:
            yield self.dataset.batch(batches[index], WIDTHS)
