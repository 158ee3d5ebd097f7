"""Sequences as tensors: tokens, corrupted copies of them, and batches that are functions of (seed, epoch, number)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from molvae.errors import InputError
from molvae.proteins.sequence import RESIDUES

PAD, BEGIN, END, MASK = range(4)
_FIRST = 4  # token of the first residue
TOKENS = _FIRST + len(RESIDUES)
"""Size of the vocabulary: twenty residues and four marks."""
_CODES = np.full(128, MASK, dtype=np.int64)
_CODES[[ord(residue) for residue in RESIDUES]] = np.arange(_FIRST, TOKENS)


@dataclass(frozen=True)
class ResidueBatch:
    """B sequences of up to T - 1 residues, each with its end.

    Attributes:
        tokens: (B, T) int64, what is to be written: residues, the end, then padding
        source: (B, T) what the encoder reads, perhaps corrupted
        inputs: (B, T) what the decoder reads: the beginning, then the tokens but the last, perhaps corrupted
        offset: (B,) position of the first residue
        codes: (B, C) compressed code of each sequence, where it has been computed before
    """

    tokens: Tensor
    source: Tensor
    inputs: Tensor
    offset: Tensor
    codes: Tensor | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    def to(self, device: torch.device) -> "ResidueBatch":
        """The batch on a device."""
        codes = None if self.codes is None else self.codes.to(device)
        tokens, source, inputs = self.tokens.to(device), self.source.to(device), self.inputs.to(device)
        return ResidueBatch(tokens, source, inputs, self.offset.to(device), codes)


def tokenise(sequences: Sequence[str]) -> Tensor:
    """Sequences as tokens with their end, padded: (n, T)."""
    longest = max((len(sequence) for sequence in sequences), default=0)
    tokens = np.full((len(sequences), longest + 1), PAD, dtype=np.int64)
    for row, sequence in enumerate(sequences):
        tokens[row, : len(sequence)] = _CODES[np.frombuffer(sequence.encode("ascii"), dtype=np.uint8)]
        tokens[row, len(sequence)] = END
    return torch.from_numpy(tokens)


def texts(tokens: Tensor) -> list[str]:
    """Tokens (n, T) as sequences, each up to its end."""
    rows = []
    for row in tokens.tolist():
        letters = []
        for token in row:
            if token < _FIRST:
                break
            letters.append(RESIDUES[token - _FIRST])
        rows.append("".join(letters))
    return rows


def shifted(tokens: Tensor) -> Tensor:
    """What a decoder reads to write tokens (B, T): the beginning, then all but the last."""
    return torch.cat([torch.full_like(tokens[:, :1], BEGIN), tokens[:, :-1]], 1)


def plain_batch(sequences: Sequence[str]) -> ResidueBatch:
    """Sequences as they are."""
    tokens = tokenise(sequences)
    return ResidueBatch(tokens, tokens, shifted(tokens), torch.zeros(len(tokens), dtype=torch.long))


def masked_spans(tokens: Tensor, share: float, mean: float, rng: np.random.Generator) -> Tensor:
    """Tokens (B, T) with spans of residues replaced by masks (T5: Raffel et al. 2020, section 3.1.4).

    Args:
        tokens: the end and the padding are never masked.
        share: of the residues that is masked, on average.
        mean: length of a span, on average; lengths are geometric.
        rng: all randomness.
    """
    shape = tuple(tokens.shape)
    # a two-state chain: a span ends with probability 1 / mean, and begins so often that the share comes out
    uniform = rng.random(shape)
    stop, begin = 1 / mean, share / (mean * max(1e-9, 1 - share))
    inside = rng.random(shape[0]) < share
    masked = np.empty(shape, dtype=bool)
    for column in range(shape[1]):
        inside = np.where(inside, uniform[:, column] >= stop, uniform[:, column] < begin)
        masked[:, column] = inside
    residues = tokens >= _FIRST
    return torch.where(torch.from_numpy(masked) & residues, MASK, tokens)


def dropped(inputs: Tensor, share: float, rng: np.random.Generator) -> Tensor:
    """Decoder inputs (B, T) with single residues masked, so that the code is needed (Bowman et al. 2016)."""
    if share == 0:
        return inputs
    chosen = torch.from_numpy(rng.random(tuple(inputs.shape)) < share)
    return torch.where(chosen & (inputs >= _FIRST), MASK, inputs)


class WindowBatches:
    """Windows of long sequences with masked spans, to pretrain on; each epoch begins each sequence elsewhere.

    A window's positions begin at a random place, so that all positions of the transformer are met. A window that holds
    the end of its protein has the end mark, others have not: they are cut there.

    Args:
        sequences: proteins.
        window: residues of a window, at most.
        max_length: positions of the transformer.
        batch_size: windows a step.
        seed: of order, windows and masks.
        share, mean: see :func:`masked_spans`; a share of zero leaves the windows whole.
        part: share of the windows of an epoch that is taken.
    """

    def __init__(
        self,
        sequences: Sequence[str],
        window: int,
        max_length: int,
        batch_size: int,
        seed: int,
        share: float = 0.15,
        mean: float = 3.0,
        part: float = 1.0,
    ) -> None:
        if not sequences:
            raise InputError("there is no sequence to train on")
        self.sequences, self.window, self.max_length = sequences, min(window, max_length), max_length
        self.batch_size, self.seed, self.share, self.mean = batch_size, seed, share, mean
        pieces = sum(max(1, round(len(sequence) / self.window)) for sequence in sequences)
        self.number = max(1, int(part * pieces))
        self.weights = np.array([max(1, round(len(s) / self.window)) for s in sequences], dtype=float)
        self.weights /= self.weights.sum()

    def __len__(self) -> int:
        return -(-self.number // self.batch_size)

    def epoch(self, number: int, skip: int = 0) -> Iterator[ResidueBatch]:
        """The batches of an epoch, from batch ``skip`` on."""
        for index in range(skip, len(self)):
            yield self.batch(number, index)

    def batch(self, epoch: int, index: int) -> ResidueBatch:
        """One batch: proteins drawn by the number of their windows, each with a window of its own."""
        rng = np.random.default_rng((self.seed, epoch, index))
        size = min(self.batch_size, self.number - index * self.batch_size)
        pieces, whole = [], []
        for row in rng.choice(len(self.sequences), size, p=self.weights):
            sequence = self.sequences[row]
            first = int(rng.integers(0, max(1, len(sequence) - self.window + 1)))
            pieces.append(sequence[first : first + self.window])
            whole.append(first + self.window >= len(sequence))
        tokens = tokenise(pieces)
        lengths = torch.tensor([len(piece) for piece in pieces])
        cut = ~torch.tensor(whole)
        tokens[torch.nonzero(cut).flatten(), lengths[cut]] = PAD
        source = masked_spans(tokens, self.share, self.mean, rng) if self.share else tokens
        room = self.max_length - self.window
        offset = torch.from_numpy(rng.integers(0, room + 1, size))
        return ResidueBatch(tokens, source, shifted(tokens), offset)


class FamilyBatches:
    """Whole sequences of a family, shuffled. A last one alone joins the batch before: an MMD needs two.

    Args:
        sequences: of the family.
        codes: (n, C) their compressed codes, or None.
        batch_size: sequences a step.
        seed: of order and noise.
        drop: share of the decoder's input residues that is masked.
    """

    def __init__(
        self, sequences: Sequence[str], codes: Tensor | None, batch_size: int, seed: int, drop: float = 0.0
    ) -> None:
        if not sequences:
            raise InputError("there is no sequence to train on")
        self.sequences, self.codes, self.batch_size, self.seed, self.drop = sequences, codes, batch_size, seed, drop

    def __len__(self) -> int:
        return batches_of(len(self.sequences), self.batch_size)

    def epoch(self, number: int, skip: int = 0) -> Iterator[ResidueBatch]:
        """The batches of an epoch, from batch ``skip`` on."""
        order = np.random.default_rng((self.seed, number)).permutation(len(self.sequences))
        for index in range(skip, len(self)):
            rows = order[index * self.batch_size : None if index == len(self) - 1 else (index + 1) * self.batch_size]
            batch = plain_batch([self.sequences[row] for row in rows])
            inputs = dropped(batch.inputs, self.drop, np.random.default_rng((self.seed, number, index)))
            codes = None if self.codes is None else self.codes[rows]
            yield replace(batch, inputs=inputs, codes=codes)


def batches_of(number: int, size: int) -> int:
    """How many batches so many examples make, where a last one alone belongs to the batch before."""
    full, rest = divmod(number, size)
    return max(1, full + (rest > 1 or (rest == 1 and size == 1)))


def family_in_order(sequences: Sequence[str], codes: Tensor | None, size: int = 128) -> list[ResidueBatch]:
    """The sequences of a family in their own order, for evaluation."""
    batches = []
    for first in range(0, len(sequences), size):
        batch = plain_batch(sequences[first : first + size])
        batches.append(replace(batch, codes=None if codes is None else codes[first : first + size]))
    return batches
