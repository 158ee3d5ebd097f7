"""Recurrent decoder: z -> p(x|z), a lazy distribution over token sequences."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from molvae.core.flows import CouplingFlow
from molvae.core.nn.convolution import SequenceConvolution, sequence_first
from molvae.core.nn.recurrent import GatedRecurrence, gated_step
from molvae.molecules.dataset import TokenBatch
from molvae.molecules.vocabulary import PAD_INDEX


class PositionFeatures(nn.Module):
    """z -> what is likely to stand at each position, before any token is known (Semeniuta et al. 2017).

    A dense layer gives every position some numbers of its own, causal convolutions relate it to the positions before
    it. All positions are made at once, in large matrix products. The recurrence then need not keep in mind where
    in the molecule it stands; what remains for it is to make the tokens agree with each other.

    Args:
        latent_size: D
        positions: P, longest sequence with its end.
        channels: C
        narrow_channels: numbers of each position out of the dense layer.
        dilations: one residual block each.
    """

    def __init__(
        self,
        latent_size: int,
        positions: int,
        channels: int,
        narrow_channels: int = 32,
        dilations: tuple[int, ...] = (1, 2, 4),
    ) -> None:
        super().__init__()
        self.narrow_channels = narrow_channels
        self.dense = nn.Linear(latent_size, positions * narrow_channels)
        self.stem = SequenceConvolution(narrow_channels, channels, width=5, causal=True)
        self.blocks = nn.ModuleList(
            SequenceConvolution(channels, channels, 5, dilation, causal=True) for dilation in dilations
        )

    def forward(self, z: Tensor, positions: int) -> Tensor:
        """z (N, D) -> features of the first T positions (T, N, C); they do not depend on T."""
        size = positions * self.narrow_channels
        raw = nn.functional.linear(z, self.dense.weight[:size], self.dense.bias[:size])
        hidden = self.stem(sequence_first(torch.relu(raw).view(len(z), positions, self.narrow_channels)))
        for convolution in self.blocks:
            hidden = hidden + convolution(torch.relu(hidden))
        return torch.relu(hidden).squeeze(2).permute(2, 0, 1)


class RecurrentDecoder(nn.Module):
    """GRU that sees z at every step, through its initial state and through its gates.

    A step's input is a token, z and, where there are position features, those of the step. All are projected outside
    the recurrence, in one matrix product.

    Args:
        vocabulary_size: V
        latent_size: D
        hidden_size: H
        max_length: longest molecule in tokens (``<eos>`` comes on top).
        position_channels: C of the :class:`PositionFeatures`; 0: none.
        flow: z is first mapped through its inverse, see :mod:`molvae.core.flows`.
    """

    def __init__(
        self,
        vocabulary_size: int,
        latent_size: int,
        hidden_size: int,
        max_length: int,
        position_channels: int = 0,
        flow: CouplingFlow | None = None,
    ) -> None:
        super().__init__()
        self.vocabulary_size = vocabulary_size
        self.max_length = max_length
        self.flow = flow
        self.token_gates = nn.Linear(vocabulary_size, 3 * hidden_size, bias=False)
        nn.init.normal_(self.token_gates.weight, std=0.5)
        self.latent_gates = nn.Linear(latent_size, 3 * hidden_size)
        self.latent_state = nn.Linear(latent_size, hidden_size)
        self.recurrence = GatedRecurrence(hidden_size)
        self.output = nn.Linear(hidden_size, vocabulary_size)
        self.positions: PositionFeatures | None = None
        if position_channels:
            self.positions = PositionFeatures(latent_size, max_length + 1, position_channels)
            self.position_gates = nn.Linear(position_channels, 3 * hidden_size, bias=False)
            self.position_output = nn.Linear(position_channels, vocabulary_size, bias=False)

    def forward(self, z: Tensor) -> "SequenceLikelihood":
        """z (S, B, D) -> p(x|z)"""
        return SequenceLikelihood(self, z)

    def logits(self, z: Tensor, inputs: Tensor) -> Tensor:
        """Teacher forcing: z (N, D), inputs (N, T) -> logits of the next token (T, N, V)."""
        code = self.code(z)
        # the time axis comes first, so that each step of the recurrence reads one block of memory
        tokens = nn.functional.one_hot(inputs.t(), self.vocabulary_size)
        parts = [tokens, code.expand(len(tokens), *code.shape)]
        weights = [self.token_gates.weight, self.latent_gates.weight]
        features = None if self.positions is None else self.positions(code, inputs.shape[1])
        if features is not None:
            parts.append(features)
            weights.append(self.position_gates.weight)
        # under autocast the features come in its precision: the others follow, so that nothing is made in float32
        dtype = parts[-1].dtype
        inputs_of_gates = torch.cat([part.to(dtype) for part in parts], -1)
        gates = nn.functional.linear(inputs_of_gates, torch.cat(weights, 1), self.latent_gates.bias)
        logits = self.output(self.recurrence(gates, self.initial_state(code)))
        return logits if features is None else logits + self.position_output(features)

    def code(self, z: Tensor) -> Tensor:
        """Latent points (N, D) -> what the recurrence and the position features see (N, D)."""
        code: Tensor = z if self.flow is None else self.flow.inverse(z)[0]
        return code

    def initial_state(self, code: Tensor) -> Tensor:
        """code (N, D) -> h_0 (N, H)"""
        return torch.tanh(self.latent_state(code))


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


class Generation:
    """N sequences that grow by one token at each call of :meth:`step`.

    Weights and states are kept in one precision, converted once.

    Args:
        decoder: the decoder.
        z: (N, D)
        dtype: of the matrix products.
    """

    def __init__(self, decoder: RecurrentDecoder, z: Tensor, dtype: torch.dtype = torch.float32) -> None:
        code = decoder.code(z)
        self.rows = torch.arange(len(z), device=z.device)
        self.place = 0
        self.state = decoder.initial_state(code).to(dtype)
        self.gates = decoder.latent_gates(code).to(dtype)
        self.token_gates = decoder.token_gates.weight.t().to(dtype, memory_format=torch.contiguous_format)
        self.recurrence = decoder.recurrence.weight.to(dtype), decoder.recurrence.bias.to(dtype)
        self.output = decoder.output.weight.to(dtype), decoder.output.bias.to(dtype)
        self.features: Tensor | None = None
        if decoder.positions is not None:
            self.features = decoder.positions(code, decoder.max_length + 1).to(dtype)
            self.position_gates = decoder.position_gates.weight.to(dtype)
            self.position_output = decoder.position_output.weight.to(dtype)

    def step(self, tokens: Tensor) -> Tensor:
        """The last tokens (N,) -> logits of the next (N, V), float32."""
        gates = self.gates + self.token_gates[tokens]
        features = None if self.features is None else self.features[self.place, self.rows]
        if features is not None:
            gates = torch.addmm(gates, features, self.position_gates.t())
        self.state = gated_step(gates, self.state, *self.recurrence)
        logits = nn.functional.linear(self.state, *self.output)
        if features is not None:
            logits = torch.addmm(logits, features, self.position_output.t())
        self.place += 1
        return logits.float()

    def select(self, rows: Tensor) -> None:
        """Go on with some of the sequences, in this order; one may be taken several times."""
        self.rows, self.state, self.gates = self.rows[rows], self.state[rows], self.gates[rows]
