"""Recurrent decoder: z -> p(x|z), a lazy distribution over token sequences."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from molvae.core.recurrent import GatedRecurrence
from molvae.molecules.dataset import TokenBatch
from molvae.molecules.vocabulary import PAD_INDEX


class RecurrentDecoder(nn.Module):
    """GRU that sees z at every step, through its initial state and through its gates.

    A step's input is a token and z. Both are projected outside the recurrence: the token by a row of a table of
    gate inputs, z once for the whole sequence.

    Args:
        vocabulary_size: V
        latent_size: D
        hidden_size: H
        max_length: longest molecule in tokens (``<eos>`` comes on top).
    """

    def __init__(self, vocabulary_size: int, latent_size: int, hidden_size: int, max_length: int) -> None:
        super().__init__()
        self.vocabulary_size = vocabulary_size
        self.max_length = max_length
        self.token_gates = nn.Linear(vocabulary_size, 3 * hidden_size, bias=False)
        nn.init.normal_(self.token_gates.weight, std=0.5)
        self.latent_gates = nn.Linear(latent_size, 3 * hidden_size)
        self.latent_state = nn.Linear(latent_size, hidden_size)
        self.recurrence = GatedRecurrence(hidden_size)
        self.output = nn.Linear(hidden_size, vocabulary_size)

    def forward(self, z: Tensor) -> "SequenceLikelihood":
        """z (S, B, D) -> p(x|z)"""
        return SequenceLikelihood(self, z)

    def logits(self, z: Tensor, inputs: Tensor) -> Tensor:
        """Teacher forcing: z (N, D), inputs (N, T) -> logits of the next token (T, N, V)."""
        # the time axis comes first, so that each step of the recurrence reads one block of memory
        tokens = nn.functional.one_hot(inputs.t(), self.vocabulary_size).to(z.dtype)
        gates = self.token_gates(tokens) + self.latent_gates(z)
        return self.output(self.recurrence(gates, self.initial_state(z)))

    def initial_state(self, z: Tensor) -> Tensor:
        """z (N, D) -> h_0 (N, H)"""
        return torch.tanh(self.latent_state(z))

    def step(self, latent_gates: Tensor, tokens: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """One step of generation: projected z (N, 3H), last tokens (N,), h (N, H) -> logits (N, V), new h."""
        gates = latent_gates + self.token_gates.weight.t()[tokens]
        hidden = self.recurrence.step(gates, hidden)
        return self.output(hidden), hidden


@dataclass(frozen=True)
class SequenceLikelihood:
    """p(x|z) = prod_t p(x_t | x_<t, z) for z (S, B, D); nothing is computed until it is asked for."""

    decoder: RecurrentDecoder
    z: Tensor

    def log_prob(self, x: TokenBatch) -> Tensor:
        """Sum of the log-probabilities of all tokens, ``<eos>`` included and padding not, (S, B)."""
        samples, batch, _ = self.z.shape
        inputs = x.inputs.repeat(samples, 1)
        targets = x.tokens.repeat(samples, 1).t()  # (T, N)
        logits = self.decoder.logits(self.z.flatten(0, 1), inputs)
        nll = nn.functional.cross_entropy(
            logits.float().flatten(0, 1), targets.flatten(), ignore_index=PAD_INDEX, reduction="none"
        )
        return -nll.view_as(targets).sum(0).view(samples, batch)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """One sequence drawn for each z, (S, B, T), padded."""
        from molvae.molecules.decoding import generate

        generated = generate(self.decoder, self.z.flatten(0, 1), temperature=1.0, generator=generator)
        return generated.tokens.view(*self.z.shape[:2], -1)

    @property
    def mode(self) -> Tensor:
        """The greedy sequence for each z, (S, B, T), padded."""
        from molvae.molecules.decoding import generate

        return generate(self.decoder, self.z.flatten(0, 1)).tokens.view(*self.z.shape[:2], -1)
