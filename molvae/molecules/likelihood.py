"""p(x|z) of token sequences as a lazy distribution: nothing is computed until it is asked for."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from molvae.molecules.dataset import TokenBatch
from molvae.molecules.decoding import generate
from molvae.molecules.protocols import SequenceDecoder
from molvae.molecules.vocabulary import PAD_INDEX


def sequence_log_prob(logits: Tensor, tokens: Tensor) -> Tensor:
    """Sum of the log-probabilities of all tokens (N, T), ``<eos>`` included and padding not, under logits (T, N, V);
    (N,).
    """
    targets = tokens.t()  # (T, N)
    nll = nn.functional.cross_entropy(
        logits.float().flatten(0, 1), targets.flatten(), ignore_index=PAD_INDEX, reduction="none"
    )
    return -nll.view_as(targets).sum(0)


@dataclass(frozen=True)
class SequenceLikelihood:
    """p(x|z) = prod_t p(x_t | x_<t, z) for z (S, B, D)."""

    decoder: SequenceDecoder
    z: Tensor

    def log_prob(self, x: TokenBatch) -> Tensor:
        """Sum of the log-probabilities of all tokens, ``<eos>`` included and padding not, (S, B)."""
        samples, batch, _ = self.z.shape
        logits = self.decoder.logits(self.z.flatten(0, 1), x.inputs.repeat(samples, 1))
        return sequence_log_prob(logits, x.tokens.repeat(samples, 1)).view(samples, batch)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """One sequence drawn for each z, (S, B, T), padded."""
        return self._generate(1.0, generator)

    @property
    def mode(self) -> Tensor:
        """The greedy sequence for each z, (S, B, T), padded."""
        return self._generate(0.0)

    def _generate(self, temperature: float, generator: torch.Generator | None = None) -> Tensor:
        tokens = generate(self.decoder, self.z.flatten(0, 1), temperature, generator).tokens
        return tokens.view(*self.z.shape[:2], -1)
