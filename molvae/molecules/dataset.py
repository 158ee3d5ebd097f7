"""Tokenised molecules in memory (one byte a token) and the length-bucketed batches that training draws from them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from molvae.errors import TokenError
from molvae.molecules.vocabulary import BOS_INDEX, EOS_INDEX, PAD_INDEX, Vocabulary


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
        cls, molecules: Sequence[str], vocabulary: Vocabulary, properties: np.ndarray | None = None
    ) -> tuple["MoleculeDataset", dict[int, str]]:
        """Tokenise; molecules that the vocabulary refuses are left out.

        Returns:
            The data set, and the reason for each refused row number.
        """
        rows, accepted, refused = [], [], {}
        for number, smiles in enumerate(molecules):
            try:
                rows.append(vocabulary.encode(smiles))
                accepted.append(number)
            except TokenError as error:
                refused[number] = str(error)
        offsets = np.zeros(len(rows) + 1, dtype=np.int64)
        offsets[1:] = np.cumsum([len(row) for row in rows])
        flat = np.concatenate(rows) if rows else np.empty(0, dtype=vocabulary.dtype)
        return cls(flat, offsets, None if properties is None else np.asarray(properties)[accepted]), refused

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

    def batch(self, rows: np.ndarray) -> TokenBatch:
        """Gather rows into a padded batch."""
        longest = int(self.lengths()[rows].max(initial=0))
        tokens = np.full((len(rows), longest + 1), PAD_INDEX, dtype=np.int64)
        for padded, row in zip(tokens, rows, strict=True):
            molecule = self.flat[self.offsets[row] : self.offsets[row + 1]]
            padded[: len(molecule)] = molecule
            padded[len(molecule)] = EOS_INDEX
        properties = None if self.properties is None else torch.from_numpy(self.properties[rows].copy())
        return TokenBatch(torch.from_numpy(tokens), properties)


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
            yield self.dataset.batch(batches[index])
